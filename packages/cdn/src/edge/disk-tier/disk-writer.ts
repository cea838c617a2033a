/** Cuts an object into slices on its way to the log. */

import type { Backlog } from "./backlog.ts";
import type { Place } from "./disk-index.ts";
import type { DiskLog, Draft } from "./disk-log.ts";
import type { DiskCounters } from "./disk-stats.ts";
import type { ReadBuffers } from "./read-buffers.ts";
import { recordBytes, sliceCount } from "./record.ts";

/** What an object costs while it is written, besides its bytes. */
const DRAFT_BYTES = 512;
/** A body whose length nobody knows begins with a buffer of this size. */
const FIRST_BUFFER_BYTES = 16 * 1024;

/** An object that is being written. It is not found before it is committed and on disk; until then the one before it is. */
export interface DiskWriter {
  /**
   * Takes the next bytes of the body, which are copied. False when the object is given up, because the disk is too slow, writing failed or
   * the object is too large: there is no point in going on then.
   */
  append(chunk: Uint8Array): boolean;
  /** The body is whole. Resolves when it is on disk and can be found, or (false) when it will not be. Never rejects. */
  commit(): Promise<boolean>;
  /** The body will never be whole. Nothing happens after `commit()`. */
  abort(): void;
}

/** What a writer needs. */
export interface DiskWriterParts {
  readonly draft: Draft;
  /** Bytes of the body that were announced. */
  readonly length: number | undefined;
  /** Bytes that a body may have. */
  readonly maxLength: number;
  /** Bytes that a record without its body may have. */
  readonly maxRecordBytes: number;
  readonly replaces: Place | undefined;
  readonly log: DiskLog;
  readonly backlog: Backlog;
  readonly buffers: ReadBuffers;
  readonly counters: DiskCounters;
}

export class SlicingWriter implements DiskWriter {
  readonly #parts: DiskWriterParts;
  readonly #fixedBytes: number;
  #buffer: Buffer | undefined;
  #filled = 0;
  #received = 0;
  #ended = false;

  constructor(parts: DiskWriterParts) {
    this.#parts = parts;
    const { draft, backlog } = parts;
    this.#fixedBytes = DRAFT_BYTES + draft.key.length + draft.head.byteLength;
    // Begins within the half that is for beginning, so there is room.
    backlog.hold(this.#fixedBytes);
  }

  append(chunk: Uint8Array): boolean {
    const { draft, length, maxLength, maxRecordBytes, counters } = this.#parts;
    if (this.#ended) return false;
    if (draft.dead) return this.#end();
    this.#received += chunk.byteLength;
    if (this.#received > (length ?? maxLength)) {
      if (length === undefined) counters.refusedTooLarge += 1;
      return this.#end();
    }
    const slices = sliceCount(this.#received, draft.sliceBytes);
    if (recordBytes(Buffer.byteLength(draft.key), draft.head.byteLength, slices) > maxRecordBytes) {
      counters.refusedTooLarge += 1;
      return this.#end();
    }
    for (let at = 0; at < chunk.byteLength; ) {
      if (this.#filled === draft.sliceBytes) this.#queueSlice();
      const end = Math.min(chunk.byteLength, at + draft.sliceBytes - this.#filled);
      if (!this.#makeRoom(this.#filled + end - at)) {
        counters.abandoned += 1;
        return this.#end();
      }
      this.#buffer!.set(chunk.subarray(at, end), this.#filled);
      this.#filled += end - at;
      at = end;
    }
    return true;
  }

  async commit(): Promise<boolean> {
    const { draft, length, replaces, log } = this.#parts;
    if (this.#ended) return false;
    if (draft.dead || (length !== undefined && length !== this.#received)) return this.#end();
    this.#ended = true;
    draft.length = this.#received;
    const buffer = this.#buffer;
    this.#buffer = undefined;
    const last = buffer?.subarray(0, this.#filled);
    return await new Promise((resolve) => {
      const written = (stored: boolean): void => {
        this.#free(buffer);
        this.#parts.backlog.free(this.#fixedBytes);
        resolve(stored);
      };
      log.push({ kind: "record", draft, last, replaces, written });
    });
  }

  abort(): void {
    if (!this.#ended) this.#end();
  }

  #end(): false {
    this.#ended = true;
    this.#parts.draft.dead = true;
    this.#free(this.#buffer);
    this.#buffer = undefined;
    this.#parts.backlog.free(this.#fixedBytes);
    return false;
  }

  #queueSlice(): void {
    const { draft, log } = this.#parts;
    const buffer = this.#buffer!;
    this.#buffer = undefined;
    const bytes = buffer.subarray(0, this.#filled);
    this.#filled = 0;
    log.push({ kind: "slice", draft, bytes, written: () => this.#free(buffer) });
  }

  /** A buffer that has room for so many bytes. False where the backlog has none. */
  #makeRoom(bytes: number): boolean {
    const { backlog, buffers, length } = this.#parts;
    const before = this.#buffer;
    if (before !== undefined && before.length >= bytes) return true;
    // What has outgrown its first buffer gets a whole one, so that it is copied once.
    const size = before === undefined ? (length ?? Math.max(FIRST_BUFFER_BYTES, bytes)) : buffers.size;
    const buffer = size <= buffers.size / 2 ? Buffer.allocUnsafeSlow(size) : buffers.unused();
    if (!backlog.hold(buffer.length)) {
      if (buffer.length === buffers.size) buffers.recycle(buffer);
      return false;
    }
    if (before !== undefined) {
      buffer.set(before.subarray(0, this.#filled));
      this.#free(before);
    }
    this.#buffer = buffer;
    return true;
  }

  #free(buffer: Buffer | undefined): void {
    if (buffer === undefined) return;
    const { backlog, buffers } = this.#parts;
    backlog.free(buffer.length);
    if (buffer.length === buffers.size) buffers.recycle(buffer);
  }
}
