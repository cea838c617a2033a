/** Bytes that are served while they are still being made. */

import type { WallClock } from "../clock.ts";
import { TranscodeError } from "../errors.ts";

/** How readers of bodies that grow are waited with. */
export interface GrowingReader {
  readonly clock: WallClock;
  /** Milliseconds without anything new after which reading ends with an error. */
  readonly patience: number;
  /** How many are reading, over all bodies. */
  readonly readers: { count: number };
}

/** A part or a segment: chunks are appended until it ends, and any number of readers stream it meanwhile. */
export class GrowingBody {
  #chunks: Uint8Array<ArrayBuffer>[] = [];
  #size = 0;
  #whole: Uint8Array<ArrayBuffer> | undefined;
  #evicted = false;
  readonly #readers = new Set<() => void>();

  get size(): number {
    return this.#size;
  }

  /** All of it in one piece, once it has ended. */
  get bytes(): Uint8Array<ArrayBuffer> | undefined {
    return this.#whole;
  }

  append(chunk: Uint8Array<ArrayBuffer>): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    this.#wake();
  }

  /**
   * Nothing more will come.
   *
   * @param bytes - the whole content, where somebody has it in one piece already. Default: the chunks are joined.
   */
  end(bytes?: Uint8Array<ArrayBuffer>): void {
    this.#whole = bytes ?? (this.#chunks.length === 1 ? this.#chunks[0]! : join(this.#chunks, this.#size));
    this.#wake();
    if (this.#readers.size === 0) this.#chunks = [];
  }

  /** Frees the bytes; who still streams them gets an error. */
  evict(): void {
    this.#evicted = true;
    this.#chunks = [];
    this.#wake();
  }

  /** Chunk by chunk: what there is at once, the rest as it comes. */
  stream({ clock, patience, readers }: GrowingReader): ReadableStream<Uint8Array<ArrayBuffer>> {
    let next = 0;
    let wake: (() => void) | undefined;
    let reading = false;
    let left = false;
    const leave = (): void => {
      left = true;
      if (reading) readers.count--;
      reading = false;
      if (wake !== undefined) this.#readers.delete(wake);
      if (this.#readers.size === 0 && this.#whole !== undefined) this.#chunks = [];
    };
    return new ReadableStream<Uint8Array<ArrayBuffer>>(
      {
        start: () => {
          wake = () => {};
          this.#readers.add(wake);
        },
        pull: async (controller) => {
          if (!reading) readers.count++;
          reading = true;
          let late = false;
          while (next >= this.#chunks.length && this.#whole === undefined && !this.#evicted && !left && !late) {
            let cancel: (() => void) | undefined;
            await new Promise<void>((resolve) => {
              if (wake !== undefined) this.#readers.delete(wake);
              wake = resolve;
              this.#readers.add(wake);
              cancel = clock.after(patience, () => {
                late = true;
                resolve();
              });
            });
            cancel?.();
          }
          if (left) return;
          const chunk = this.#chunks[next];
          if (chunk !== undefined) {
            next++;
            controller.enqueue(chunk);
          } else if (this.#evicted || this.#whole === undefined) {
            leave();
            const message = this.#evicted
              ? "this segment has left the window; read faster, or widen it"
              : "nothing came of this segment for too long; ask again when the publisher is back";
            controller.error(new TranscodeError("CLOSED", message));
            return;
          }
          if (this.#whole !== undefined && next >= this.#chunks.length) {
            leave();
            controller.close();
          }
        },
        cancel: () => {
          const stop = wake;
          leave();
          stop?.();
        },
      },
      { highWaterMark: 0 },
    );
  }

  #wake(): void {
    for (const wake of [...this.#readers]) wake();
  }
}

function join(chunks: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
