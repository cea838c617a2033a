/** Memory before disk: what is stored goes into both, and what is only on disk is read back when it is asked for. */

import type { Logger } from "../logger.ts";
import { BoundedMemory } from "./cache-key/bounded-memory.ts";
import type { VaryIndex } from "./cache-key/vary.ts";
import type { DiskTier } from "./disk-tier/disk-tier.ts";
import type { DiskWriter } from "./disk-tier/disk-writer.ts";
import { ttlOf } from "./freshness/freshness.ts";
import type { MemoryTier } from "./memory-tier/memory-tier.ts";
import { decodeStoredHead, encodeStoredHead } from "./memory-tier/stored-head.ts";
import type { StoredResponse } from "./memory-tier/stored-response.ts";

/** Seconds of freshness left below which nothing is written to disk: playlists, the newest parts, errors. */
export const MIN_DISK_LIFETIME = 10;
/** Bytes above which a body is not written as one object; its slices are, where ranges of it are asked for. */
export const MAX_DISK_OBJECT_BYTES = 16 * 1024 * 1024;
/** An object is taken into memory when it is read from disk for this time. */
const PROMOTED_AT = 2;
/** What follows the key of an object in the key of what its answers vary by. */
const VARIES = "\n#varies";

/** Options of {@link TieredStore}. */
export interface TieredStoreOptions {
  readonly memory: MemoryTier<StoredResponse>;
  readonly disk: DiskTier;
  readonly vary: VaryIndex;
  /** Milliseconds, steady. */
  readonly clock: () => number;
  /** Milliseconds since 1970: what tells the age of what an earlier process stored. */
  readonly systemClock: () => number;
  readonly logger: Logger;
}

/** What the answers for a key vary by, as it is written. */
type Variation = NonNullable<ReturnType<VaryIndex["describe"]>>;

/** A memory tier that writes through to disk. Looking up stays in memory; {@link load} is for what is not found there. */
export class TieredStore implements MemoryTier<StoredResponse> {
  readonly #options: TieredStoreOptions;
  /** Reads under way: whoever asks for the same waits for the same. */
  readonly #loading = new Map<string, Promise<StoredResponse | undefined>>();

  /** The newest that is being written, by key. */
  readonly #writing = new Map<string, StoredResponse>();

  /** What was last written of what the answers for a key vary by. */
  readonly #variations = new BoundedMemory<string>();

  constructor(options: TieredStoreOptions) {
    this.#options = options;
  }

  get bytes(): number {
    return this.#options.memory.bytes;
  }
  get entries(): number {
    return this.#options.memory.entries;
  }

  get(storageKey: string): StoredResponse | undefined {
    return this.#options.memory.get(storageKey);
  }

  set(storageKey: string, entry: StoredResponse): boolean {
    this.#loading.delete(storageKey);
    this.#write(storageKey, entry);
    return this.#options.memory.set(storageKey, entry);
  }

  delete(storageKey: string): boolean {
    const { memory, disk } = this.#options;
    this.#loading.delete(storageKey);
    this.#writing.delete(storageKey);
    const wasOnDisk = disk.delete(storageKey);
    disk.delete(storageKey + VARIES);
    return memory.delete(storageKey) || wasOnDisk;
  }

  reserve(bytes: number): boolean {
    return this.#options.memory.reserve(bytes);
  }
  release(bytes: number): void {
    this.#options.memory.release(bytes);
  }
  /** Leaves the disk as it is: it is for the next process. */
  clear(): void {
    this.#options.memory.clear();
  }

  /** Whether {@link load} may find something that {@link get} does not. */
  has(storageKey: string): boolean {
    return this.#options.disk.has(storageKey);
  }

  /** Takes what is on disk under a key into memory, where it is not there yet. Undefined where there is nothing to wait for. */
  warm(storageKey: string): Promise<unknown> | undefined {
    const { memory, disk } = this.#options;
    if (!disk.has(storageKey) || memory.get(storageKey) !== undefined) return undefined;
    return this.load(storageKey).then((entry) => {
      if (entry !== undefined && memory.get(storageKey) === undefined) memory.set(storageKey, entry);
    });
  }

  /** What is on disk under a key; into memory the second time. Never rejects. */
  load(storageKey: string): Promise<StoredResponse | undefined> {
    const before = this.#loading.get(storageKey);
    if (before !== undefined) return before;
    const reading = this.#read(storageKey)
      .catch((error: unknown) => {
        this.#options.logger.warn({ err: error }, "an object cannot be read from disk");
        return undefined;
      })
      .then((found) => {
        // Replaced or deleted meanwhile: what was read is not it any more.
        if (this.#loading.get(storageKey) !== reading) return undefined;
        this.#loading.delete(storageKey);
        if (found === undefined) return undefined;
        const { memory } = this.#options;
        if (found.hits >= PROMOTED_AT) memory.set(storageKey, found.entry);
        return found.entry;
      });
    this.#loading.set(storageKey, reading);
    return reading;
  }

  /** Learns what the answers for a key vary by, as an earlier process knew it. */
  async recall(key: string): Promise<void> {
    const { disk, vary } = this.#options;
    if (vary.knows(key) || !disk.has(key + VARIES)) return;
    const entry = await disk.open(key + VARIES);
    if (entry === undefined) return;
    const { names, generation } = JSON.parse(Buffer.from(entry.head).toString()) as Variation;
    entry.close();
    vary.restore(key, names, generation);
  }

  #write(storageKey: string, entry: StoredResponse): void {
    const { disk, clock } = this.#options;
    if (ttlOf(entry.freshness, clock()) < MIN_DISK_LIFETIME || entry.body.byteLength > MAX_DISK_OBJECT_BYTES) {
      // What is there is older.
      disk.delete(storageKey);
      return;
    }
    const writer = disk.create(storageKey, encodeStoredHead(entry), entry.body.byteLength);
    if (writer === undefined) {
      disk.delete(storageKey);
      return;
    }
    if (writer.append(entry.body)) void this.#commit(storageKey, entry, writer);
    else {
      writer.abort();
      disk.delete(storageKey);
    }
    this.#noteVariation(entry);
  }

  /** What the newest answer varies by is what the next process is to look for. */
  #noteVariation({ key, vary: names }: StoredResponse): void {
    const { disk, vary } = this.#options;
    const known = names.length > 0 ? vary.describe(key) : undefined;
    if (known === undefined) {
      if (names.length === 0) disk.delete(key + VARIES);
      return;
    }
    const text = JSON.stringify(known satisfies Variation);
    if (this.#variations.get(key) === text && disk.has(key + VARIES)) return;
    this.#variations.set(key, text);
    void disk.create(key + VARIES, Buffer.from(text), 0)?.commit();
  }

  async #commit(storageKey: string, entry: StoredResponse, writer: DiskWriter): Promise<void> {
    this.#writing.set(storageKey, entry);
    const isWritten = await writer.commit();
    if (this.#writing.get(storageKey) !== entry) return;
    this.#writing.delete(storageKey);
    // What is there is older, unless another one was written meanwhile.
    if (!isWritten) this.#options.disk.delete(storageKey);
  }

  async #read(storageKey: string): Promise<{ entry: StoredResponse; hits: number } | undefined> {
    const { disk, memory, clock, systemClock } = this.#options;
    const found = await disk.open(storageKey);
    if (found === undefined) return undefined;
    // It is in memory while it is sent, promoted or not.
    const { length } = found;
    if (!memory.reserve(length)) {
      found.close();
      return undefined;
    }
    try {
      const body = await found.bytes();
      if (body === undefined) return undefined;
      const clocks = { now: clock(), systemTime: systemClock() };
      const entry = decodeStoredHead(found.head, body, storageKey, clocks);
      return entry && { entry, hits: found.hits };
    } finally {
      found.close();
      memory.release(length);
    }
  }
}
