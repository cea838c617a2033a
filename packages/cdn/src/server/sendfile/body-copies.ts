/**
 * Copies of bodies in files in memory, from which sockets are sent to by `sendfile`: those of bodies that are asked for again and again, the
 * least recently sent are let go for others.
 *
 * The system sends by reference to a file's pages, and goes on doing so after the file is closed. A copy is therefore written once, never
 * changed, and can be let go at any time.
 */

import { write } from "node:fs";
import { isStill, MIN_STILL_BYTES } from "../../handler/still-bytes.ts";
import { FAILED, type Sendfile } from "./sendfile.ts";

/** How many times its own bytes a body has been sent before there is a copy. */
const WORTH = 2;
/** A copy takes at most this part of what all may. */
const MAX_SHARE = 4;
/** Each needs a descriptor, and connections need them too. */
const MAX_COPIES = 1024;

/** A copy that can be sent. */
export interface BodyCopy {
  /**
   * Has the system send a part of it.
   *
   * @param socket - its descriptor.
   * @returns bytes that it took, 0 when the socket is full, -1 when the socket or the copy is no good.
   */
  send(socket: number, offset: number, length: number): number;
}

/** What is known of a buffer. */
interface Known {
  sent: number;
  copy?: FileCopy;
}

/** All copies of a server. Bounded in bytes and number. */
export class BodyCopies {
  /** Bytes that were sent from copies so far. */
  sent = 0;
  readonly #system: Sendfile;
  readonly #maxBytes: number;
  readonly #known = new WeakMap<ArrayBufferLike, Known>();
  /** The one that was sent least recently comes first. */
  readonly #copies = new Set<FileCopy>();
  /** A buffer that is gone needs no copy. */
  readonly #gone = new FinalizationRegistry<FileCopy>((copy) => this.#drop(copy));
  #bytes = 0;

  constructor(system: Sendfile, maxBytes: number) {
    this.#system = system;
    this.#maxBytes = maxBytes;
  }

  /** Bytes of copies. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * The copy to send these bytes from, at the same offset as in their buffer. Undefined where they are to be written: they may change, are
   * few, or were not sent often yet.
   */
  of({ buffer, byteLength }: Uint8Array): BodyCopy | undefined {
    if (byteLength < MIN_STILL_BYTES || !isStill(buffer)) return undefined;
    let known = this.#known.get(buffer);
    if (known === undefined) {
      known = { sent: 0 };
      this.#known.set(buffer, known);
    }
    const { copy } = known;
    if (copy !== undefined) {
      if (copy.isGone) delete known.copy;
      else {
        this.#copies.delete(copy);
        this.#copies.add(copy);
        return copy.isReady ? copy : undefined;
      }
    }
    known.sent += byteLength;
    if (known.sent < WORTH * buffer.byteLength || buffer.byteLength * MAX_SHARE > this.#maxBytes) return undefined;
    known.sent = 0;
    const made = this.#make(buffer);
    if (made !== undefined) known.copy = made;
    return undefined;
  }

  close(): void {
    for (const copy of this.#copies) this.#drop(copy);
  }

  #make(buffer: ArrayBufferLike): FileCopy | undefined {
    const file = this.#system.create();
    if (file === undefined) return undefined;
    const copy = new FileCopy(this.#system, file, buffer.byteLength, (sent) => {
      this.sent += sent;
    });
    this.#bytes += copy.length;
    this.#copies.add(copy);
    for (const oldest of this.#copies) {
      if (this.#bytes <= this.#maxBytes && this.#copies.size <= MAX_COPIES) break;
      this.#drop(oldest);
    }
    this.#gone.register(buffer, copy, copy);
    copy.fill(new Uint8Array(buffer), () => this.#drop(copy));
    return copy;
  }

  #drop(copy: FileCopy): void {
    if (!this.#copies.delete(copy)) return;
    this.#bytes -= copy.length;
    this.#gone.unregister(copy);
    copy.close();
  }
}

class FileCopy implements BodyCopy {
  readonly length: number;
  isGone = false;
  isReady = false;
  readonly #system: Sendfile;
  readonly #file: number;
  readonly #onSent: (bytes: number) => void;

  constructor(system: Sendfile, file: number, length: number, onSent: (bytes: number) => void) {
    this.#system = system;
    this.#file = file;
    this.length = length;
    this.#onSent = onSent;
  }

  fill(bytes: Uint8Array, onFailure: () => void): void {
    const go = (from: number): void => {
      write(this.#file, bytes, from, this.length - from, from, (error, written) => {
        if (this.isGone) this.#system.close(this.#file);
        else if (error !== null || written === 0) {
          this.isReady = true;
          onFailure();
        } else if (from + written < this.length) go(from + written);
        else this.isReady = true;
      });
    };
    go(0);
  }

  send(socket: number, offset: number, length: number): number {
    if (this.isGone) return FAILED;
    const sent = this.#system.send(socket, this.#file, offset, length);
    if (sent > 0) this.#onSent(sent);
    return sent;
  }

  close(): void {
    this.isGone = true;
    // Not while it is being written: its number could be another file's by then.
    if (this.isReady) this.#system.close(this.#file);
  }
}
