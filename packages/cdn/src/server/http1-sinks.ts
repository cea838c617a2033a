/** Where bodies go that come in pieces, on a connection that is kept for the next request. */

import type { Socket } from "node:net";
import type { TrackedConnection } from "./connections.ts";
import type { Sink } from "./relay.ts";
import type { BodyCopies, BodyCopy } from "./sendfile/body-copies.ts";
import { sendCopy } from "./sendfile/send-copy.ts";

/** Below, an answer that the system did not take at once holds up nothing. */
export const MAX_WAITING_BYTES = 64 * 1024;
const EMPTY = Buffer.alloc(0);

/** A body of known length on a kept connection. */
export class LengthSink implements Sink {
  protected readonly socket: Socket;
  readonly #tracked: TrackedConnection;
  readonly #copies: BodyCopies | undefined;
  #onDrain: (() => void) | undefined;

  constructor(tracked: TrackedConnection, copies?: BodyCopies) {
    this.socket = tracked.socket;
    this.#tracked = tracked;
    this.#copies = copies;
  }

  get destroyed(): boolean {
    return this.socket.destroyed;
  }

  write(chunk: Uint8Array): boolean {
    const copy = this.#copies?.of(chunk);
    if (copy !== undefined) return this.#send(chunk, copy);
    this.socket.write(chunk);
    return this.fits();
  }

  #send(chunk: Uint8Array, copy: BodyCopy): boolean {
    let isAtOnce = true;
    let isSent = false;
    sendCopy(this.#tracked, copy, chunk, () => {
      isSent = true;
      if (!isAtOnce) this.#onDrain?.();
    });
    isAtOnce = false;
    return isSent;
  }

  end(): void {}

  once(event: "close" | "drain", listener: () => void): void {
    if (event === "drain") this.#onDrain = listener;
    else this.socket.once(event, listener);
  }

  off(event: "close" | "drain", listener: () => void): void {
    if (event === "drain") this.#onDrain = undefined;
    else this.socket.off(event, listener);
  }

  /** Whether more may be written now; `drain` is said later where not. */
  protected fits(): boolean {
    if (this.socket.writableLength < MAX_WAITING_BYTES) return true;
    this.socket.write(EMPTY, () => this.#onDrain?.());
    return false;
  }
}

/** A body of unknown length (RFC 9112 §7.1). */
export class ChunkedSink extends LengthSink {
  override write(chunk: Uint8Array): boolean {
    if (chunk.byteLength === 0) return true;
    this.socket.cork();
    this.socket.write(`${chunk.byteLength.toString(16)}\r\n`, "latin1");
    this.socket.write(chunk);
    this.socket.write("\r\n", "latin1");
    this.socket.uncork();
    return this.fits();
  }

  override end(): void {
    this.socket.write("0\r\n\r\n", "latin1");
  }
}
