/** A body that is still arriving, with many readers, each at its own place. */

import { CdnError } from "../../errors.ts";

type Result = IteratorResult<Uint8Array, undefined>;

/** A reader of an object that is all there gets it in pieces of this size, so that a slow client's progress can be seen. */
const SETTLED_READ_BYTES = 1024 * 1024;

/** What a reader wants: bytes from `start` up to `end` (exclusive). Default: all. */
export interface ReadOptions {
  readonly start?: number;
  readonly end?: number;
  /** Told how many bytes a chunk has that the reader is given. */
  readonly onBytes?: (bytes: number) => void;
  /** Told once, when the reader has ended, failed or left. */
  readonly onClose?: () => void;
}

/**
 * One writer, many readers. A reader never waits for another: whatever has arrived is there for all.
 *
 * At most `maxBytes` are kept. A body that grows beyond them keeps its newest bytes only: the writer then waits for the fastest reader, and a
 * reader that is still before the oldest byte kept fails with `READER_FELL_BEHIND`.
 */
export class GrowingBody {
  #maxBytes: number;
  readonly #chunks: Uint8Array[] = [];
  readonly #readers = new Set<Reader>();
  /** Chunks no longer kept. */
  #dropped = 0;
  #kept = 0;
  #received = 0;
  #state: "open" | "ended" | "failed" = "open";
  #error: unknown;
  #onPace: (() => void) | undefined;
  /** All bytes in one piece, instead of the chunks. */
  #settled: Uint8Array | undefined;
  #onUnread: (() => void) | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Changes the bound from the next chunk on. */
  keepAtMost(maxBytes: number): void {
    this.#maxBytes = maxBytes;
  }

  /** Bytes so far. */
  get received(): number {
    return this.#received;
  }
  get ended(): boolean {
    return this.#state === "ended";
  }
  get readers(): number {
    return this.#readers.size;
  }
  /** Every byte since the first is still here. */
  get isWhole(): boolean {
    return this.#dropped === 0;
  }

  /** Adds a chunk. Resolves at once, unless the body is over its bound and even its fastest reader is behind. */
  async append(chunk: Uint8Array): Promise<void> {
    while (this.#kept > 0 && this.#kept + chunk.byteLength > this.#maxBytes) {
      if (!this.#someoneCaughtUp()) {
        await new Promise<void>((resolve) => {
          this.#onPace = resolve;
        });
        continue;
      }
      this.#kept -= this.#chunks.shift()?.byteLength ?? 0;
      this.#dropped += 1;
    }
    if (this.#state !== "open") return;
    this.#chunks.push(chunk);
    this.#kept += chunk.byteLength;
    this.#received += chunk.byteLength;
    this.#wake();
  }

  end(): void {
    if (this.#state !== "open") return;
    this.#state = "ended";
    this.#wake();
  }

  fail(error: unknown): void {
    if (this.#state !== "open") return;
    this.#state = "failed";
    this.#error = error;
    this.#wake();
    this.#pace();
  }

  /**
   * All bytes in one piece, which the readers go on with, so that they keep nothing else alive. Only when it has ended and is whole.
   */
  settle(): Uint8Array {
    this.#settled ??= this.#joined();
    this.#chunks.length = 0;
    return this.#settled;
  }

  /** Calls `then` once nobody reads: at once where nobody does. */
  whenUnread(then: () => void): void {
    this.#onUnread = then;
    this.#noticeUnread();
  }

  #noticeUnread(): void {
    if (this.#readers.size > 0) return;
    const then = this.#onUnread;
    this.#onUnread = undefined;
    then?.();
  }

  #joined(): Uint8Array {
    const only = this.#chunks[0];
    // A chunk may be a view into a larger read buffer, which keeping it would keep too.
    if (this.#chunks.length === 1 && only !== undefined && only.byteLength === only.buffer.byteLength) return only;
    const bytes = Buffer.allocUnsafeSlow(this.#received);
    let at = 0;
    for (const chunk of this.#chunks) {
      bytes.set(chunk, at);
      at += chunk.byteLength;
    }
    return bytes;
  }

  /** Reads from the beginning, whenever it is called. Counts as a reader from now until it ends, fails or is left. */
  read(options: ReadOptions = {}): AsyncIterableIterator<Uint8Array> {
    const reader: Reader = { next: 0, wake: undefined, closed: false };
    const { start = 0, end = Number.POSITIVE_INFINITY, onBytes, onClose } = options;
    this.#readers.add(reader);
    let position = 0;

    const take = (): Result | undefined => {
      if (reader.closed || position >= end) return { done: true, value: undefined };
      if (this.#settled !== undefined) {
        const from = Math.max(start, position);
        position = Math.min(this.#settled.byteLength, end, from + SETTLED_READ_BYTES);
        if (from >= position) return { done: true, value: undefined };
        return { done: false, value: this.#settled.subarray(from, position) };
      }
      while (reader.next - this.#dropped < this.#chunks.length) {
        if (reader.next < this.#dropped) {
          throw new CdnError("READER_FELL_BEHIND", `the reader is over ${this.#maxBytes} bytes behind the object`);
        }
        const chunk = this.#chunks[reader.next - this.#dropped]!;
        reader.next += 1;
        const from = Math.max(0, start - position);
        const to = Math.min(chunk.byteLength, end - position);
        position += chunk.byteLength;
        if (from < to) return { done: false, value: to - from === chunk.byteLength ? chunk : chunk.subarray(from, to) };
        if (position >= end) return { done: true, value: undefined };
      }
      if (this.#state === "failed") throw this.#error;
      return this.#state === "ended" ? { done: true, value: undefined } : undefined;
    };
    const close = (): void => {
      if (reader.closed) return;
      reader.closed = true;
      this.#readers.delete(reader);
      reader.wake?.();
      this.#pace();
      onClose?.();
      this.#noticeUnread();
    };
    return {
      [Symbol.asyncIterator]() {
        return this;
      },
      next: async () => {
        try {
          for (;;) {
            const result = take();
            if (result !== undefined) {
              if (result.done) close();
              else onBytes?.(result.value.byteLength);
              this.#pace();
              return result;
            }
            this.#pace();
            await new Promise<void>((resolve) => {
              reader.wake = resolve;
            });
            reader.wake = undefined;
          }
        } catch (error) {
          close();
          throw error;
        }
      },
      return: async () => {
        close();
        return { done: true, value: undefined };
      },
    };
  }

  /** Resolves when so many bytes are here, or it has ended. @throws what it failed with. */
  async until(bytes: number): Promise<void> {
    const reader: Reader = { next: Number.POSITIVE_INFINITY, wake: undefined, closed: false };
    this.#readers.add(reader);
    try {
      while (this.#received < bytes && this.#state === "open") {
        await new Promise<void>((resolve) => {
          reader.wake = resolve;
        });
      }
      if (this.#state === "failed") throw this.#error;
    } finally {
      this.#readers.delete(reader);
      this.#noticeUnread();
    }
  }

  #someoneCaughtUp(): boolean {
    if (this.#state !== "open") return true;
    const last = this.#dropped + this.#chunks.length;
    for (const reader of this.#readers) if (reader.next >= last) return true;
    return false;
  }

  #wake(): void {
    for (const { wake } of this.#readers) wake?.();
  }

  #pace(): void {
    if (this.#onPace === undefined || !(this.#someoneCaughtUp() || this.#readers.size === 0)) return;
    const go = this.#onPace;
    this.#onPace = undefined;
    go();
  }
}

interface Reader {
  /** Index of its next chunk, counted from the body's first. */
  next: number;
  wake: (() => void) | undefined;
  closed: boolean;
}
