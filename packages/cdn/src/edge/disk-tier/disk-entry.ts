/** An object that was found on disk, and the reading of it. */

import { crc32 } from "node:zlib";
import { CdnError } from "../../errors.ts";
import { type LentBody, type LentChunks, lentChunks } from "./lent-chunks.ts";
import type { ReadBuffers } from "./read-buffers.ts";
import { SLICE_WORDS, type StoredRecord, sliceCount, sliceLength } from "./record.ts";
import type { Volume } from "./volume.ts";

/** Slices that lie next to each other are read together up to this many bytes, where the whole body is wanted in one piece. */
const JOINED_READ_BYTES = 4 * 1024 * 1024;

/** An object on disk. It holds files open: whoever opens one reads it to the end, leaves the reading, or closes it. */
export interface DiskEntry {
  /** What `create` was given. */
  readonly head: Uint8Array;
  /** Bytes of the body. */
  readonly length: number;
  /** How often it was opened since it was written, this time included; stops at 255. */
  readonly hits: number;
  /** The whole body of an object of one slice and at most 64 KiB, which came with the head. Nobody writes to it again. */
  readonly small: Uint8Array | undefined;
  /**
   * Reads the body, or a part of it: once. The first slice is read and checked before this resolves; undefined where it is damaged, and then the
   * object is dropped. A later slice that is damaged ends the reading with `DISK_CORRUPT`. The entry is closed when the reading ends.
   *
   * @param end - exclusive.
   */
  read(start?: number, end?: number): Promise<LentBody | undefined>;
  /** All of the body in one piece, for keeping; undefined where it is damaged. The entry is closed then. */
  bytes(): Promise<Uint8Array | undefined>;
  close(): void;
}

/** A slice in memory. */
interface Loaded {
  readonly chunk: Buffer;
  /** Where it goes back to the pool; undefined where it did not come from there. */
  readonly buffer: Buffer | undefined;
}

/** What an entry needs. */
export interface StoredObjectParts {
  readonly record: StoredRecord;
  readonly hits: number;
  readonly buffers: ReadBuffers;
  /** Counted as users until the entry is closed. */
  readonly volumes: readonly Volume[];
  /** Its body, where it was read with the record. */
  readonly body: Loaded | undefined;
  readonly isSmall: boolean;
  onRead(bytes: number): void;
  /** What was read is not what was written, or (an error) could not be read. */
  onDamage(error: unknown): void;
}

export class StoredObject implements DiskEntry {
  readonly head: Uint8Array;
  readonly length: number;
  readonly hits: number;
  readonly small: Uint8Array | undefined;
  readonly #parts: StoredObjectParts;
  #body: Loaded | undefined;
  #isClosed = false;

  constructor(parts: StoredObjectParts) {
    this.#parts = parts;
    this.head = parts.record.head;
    this.length = parts.record.length;
    this.hits = parts.hits;
    this.#body = parts.body;
    this.small = parts.isSmall ? (parts.body?.chunk ?? new Uint8Array(0)) : undefined;
  }

  get record(): StoredRecord {
    return this.#parts.record;
  }

  async read(start = 0, end = this.length): Promise<LentBody | undefined> {
    const from = Math.max(0, start);
    const to = Math.min(end, this.length);
    if (from >= to) {
      this.close();
      return new SliceReader(this, 0, 0, undefined, this.#parts.buffers);
    }
    const first = await this.load(Math.floor(from / this.record.sliceBytes));
    if (first !== undefined) return new SliceReader(this, from, to, first, this.#parts.buffers);
    this.close();
    return undefined;
  }

  async bytes(): Promise<Uint8Array | undefined> {
    try {
      if (this.small !== undefined) return this.small;
      if (this.#body !== undefined) return new Uint8Array(this.#body.chunk);
      const bytes = Buffer.allocUnsafeSlow(this.length);
      const count = sliceCount(this.length, this.record.sliceBytes);
      for (let slice = 0; slice < count; ) {
        const next = this.#runFrom(slice, count);
        if (!(await this.#fill(bytes, slice, next))) return undefined;
        slice = next;
      }
      return bytes;
    } finally {
      this.close();
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const { buffers, volumes } = this.#parts;
    if (this.#body?.buffer !== undefined) buffers.give(this.#body.buffer);
    this.#body = undefined;
    for (const volume of volumes) volume.unuse();
  }

  /** A slice, checked; undefined where it is damaged. @param into - a buffer of the pool, which this takes over. */
  async load(slice: number, into?: Buffer): Promise<Loaded | undefined> {
    const body = this.#body;
    if (body !== undefined) {
      this.#body = undefined;
      return body;
    }
    const { buffers } = this.#parts;
    const size = sliceLength(this.record, slice);
    let buffer = into;
    if (size > buffers.size) {
      // Written when slices were larger.
      if (buffer !== undefined) buffers.give(buffer);
      buffer = undefined;
    } else buffer ??= await buffers.take();
    const chunk = (buffer ?? Buffer.allocUnsafeSlow(size)).subarray(0, size);
    if (!this.#isClosed && (await this.#readInto(chunk, slice)) && this.#isRight(chunk, slice))
      return { chunk, buffer };
    if (buffer !== undefined) buffers.give(buffer);
    return undefined;
  }

  /** Where the slices end that lie next to each other, from one on. */
  #runFrom(slice: number, count: number): number {
    const { slices, sliceBytes } = this.record;
    const most = Math.max(1, Math.floor(JOINED_READ_BYTES / sliceBytes));
    let next = slice + 1;
    for (; next < count && next - slice < most; next += 1) {
      const at = next * SLICE_WORDS;
      if (slices[at] !== slices[at - SLICE_WORDS]) break;
      if (slices[at + 1] !== slices[at + 1 - SLICE_WORDS]! + sliceBytes) break;
    }
    return next;
  }

  async #fill(bytes: Buffer, first: number, next: number): Promise<boolean> {
    const { sliceBytes } = this.record;
    const run = bytes.subarray(first * sliceBytes, Math.min(this.length, next * sliceBytes));
    if (!(await this.#readInto(run, first))) return false;
    for (let slice = first; slice < next; slice += 1) {
      const at = (slice - first) * sliceBytes;
      if (!this.#isRight(run.subarray(at, at + sliceLength(this.record, slice)), slice)) return false;
    }
    return true;
  }

  async #readInto(chunk: Buffer, slice: number): Promise<boolean> {
    const { volumes, onRead, onDamage } = this.#parts;
    const [sequence, offset] = this.record.slices.slice(slice * SLICE_WORDS, slice * SLICE_WORDS + 2);
    try {
      const volume = volumes.find((each) => each.sequence === sequence);
      if (volume !== undefined && (await volume.read(chunk, offset!))) {
        onRead(chunk.length);
        return true;
      }
      onDamage(undefined);
    } catch (error) {
      onDamage(error);
    }
    return false;
  }

  #isRight(chunk: Buffer, slice: number): boolean {
    if (crc32(chunk) === this.record.slices[slice * SLICE_WORDS + 2]) return true;
    this.#parts.onDamage(undefined);
    return false;
  }
}

const DONE: IteratorResult<Uint8Array, undefined> = { done: true, value: undefined };

/** Slices one after the other, the next one being read while one is sent. */
class SliceReader implements LentBody {
  readonly #object: StoredObject;
  readonly #buffers: ReadBuffers;
  readonly #end: number;
  #position: number;
  #ahead: Promise<Loaded | undefined> | Loaded | undefined;
  #isClosed = false;
  /** Chunks that are with the reader. */
  readonly #lent: { readonly chunk: Uint8Array; readonly buffer: Buffer }[] = [];

  constructor(object: StoredObject, start: number, end: number, first: Loaded | undefined, buffers: ReadBuffers) {
    this.#object = object;
    this.#position = start;
    this.#end = end;
    this.#ahead = first;
    this.#buffers = buffers;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    return {
      next: () => {
        // Asked for the next one: this one may still be looked at, but not by us.
        this.#forgetLent();
        return this.#next();
      },
      return: async () => {
        this.#leave();
        return DONE;
      },
    };
  }

  [lentChunks](): LentChunks {
    return {
      next: () => this.#next(),
      return: async () => {
        this.#leave();
        return DONE;
      },
      release: (chunk) => {
        const at = this.#lent.findIndex((each) => each.chunk === chunk);
        const [lent] = at === -1 ? [] : this.#lent.splice(at, 1);
        if (lent !== undefined) this.#buffers.give(lent.buffer);
      },
    };
  }

  async #next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#isClosed) return DONE;
    if (this.#position >= this.#end) {
      this.#close();
      return DONE;
    }
    const { sliceBytes } = this.#object.record;
    const slice = Math.floor(this.#position / sliceBytes);
    const ahead = this.#ahead ?? this.#object.load(slice);
    this.#ahead = undefined;
    const loaded = await ahead;
    if (this.#isClosed) {
      this.#giveBack(loaded);
      return DONE;
    }
    if (loaded === undefined) {
      this.#close();
      throw new CdnError("DISK_CORRUPT", "a slice on disk is damaged, or left while it was read");
    }
    const start = slice * sliceBytes;
    const chunk = loaded.chunk.subarray(this.#position - start, Math.min(loaded.chunk.length, this.#end - start));
    this.#position += chunk.length;
    if (this.#position < this.#end) this.#readAhead(slice + 1);
    if (loaded.buffer !== undefined) this.#lent.push({ chunk, buffer: loaded.buffer });
    return { done: false, value: chunk };
  }

  #readAhead(slice: number): void {
    const spare = this.#buffers.takeSpare();
    if (spare !== undefined) this.#ahead = this.#object.load(slice, spare);
  }

  /** The reader left: what it has may still be on its way to a client. */
  #leave(): void {
    this.#forgetLent();
    this.#close();
  }

  #forgetLent(): void {
    for (const _ of this.#lent.splice(0)) this.#buffers.forget();
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const ahead = this.#ahead;
    this.#ahead = undefined;
    if (ahead instanceof Promise) void ahead.then((loaded) => this.#giveBack(loaded));
    else this.#giveBack(ahead);
    this.#object.close();
  }

  #giveBack(loaded: Loaded | undefined): void {
    if (loaded?.buffer !== undefined) this.#buffers.give(loaded.buffer);
  }
}
