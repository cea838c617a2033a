/** Memory before disk: what is stored goes into both, and what is only on disk is sent from there, and taken back into memory. */

import type { Logger } from "../logger.ts";
import { BoundedMemory } from "./cache-key/bounded-memory.ts";
import type { VaryIndex } from "./cache-key/vary.ts";
import { type DiskHit, DiskHits } from "./disk-hits.ts";
import type { DiskTier } from "./disk-tier/disk-tier.ts";
import { ttlOf } from "./freshness/freshness.ts";
import type { MemoryTier } from "./memory-tier/memory-tier.ts";
import { decodeStoredHead, encodeStoredHead } from "./memory-tier/stored-head.ts";
import type { StoredResponse } from "./memory-tier/stored-response.ts";

/** Seconds of freshness left below which nothing is written to disk: playlists, the newest parts, errors. */
export const MIN_DISK_LIFETIME = 10;
/** Bytes above which a body is not written as one object; its slices are, where ranges of it are asked for. */
export const MAX_DISK_OBJECT_BYTES = 16 * 1024 * 1024;
/** One of so many hits in memory counts as one on disk: what is asked for all the time is kept there, too, and a hit costs no more for it. */
const LOOKS_PER_TOUCH = 64;
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

/**
 * A memory tier that writes through to disk. Looking up stays in memory; {@link warm} is for what is not found there. Eviction decides what
 * stays in memory: what was read once goes before what is read again.
 */
export class TieredStore implements MemoryTier<StoredResponse> {
  readonly #options: TieredStoreOptions;
  /** Reads under way: whoever asks for the same waits for the same. */
  readonly #warming = new Map<string, Promise<void>>();
  /** The newest that is being written, by key. */
  readonly #writing = new Map<string, StoredResponse>();
  /** What was last written of what the answers for a key vary by. */
  readonly #variations = new BoundedMemory<string>();
  readonly #hits: DiskHits;
  #looks = 0;

  constructor(options: TieredStoreOptions) {
    this.#options = options;
    const { memory, disk, clock, systemClock } = options;
    this.#hits = new DiskHits({
      memory,
      disk,
      decode: (head, body, storageKey) =>
        decodeStoredHead(head, body, storageKey, { now: clock(), systemTime: systemClock() }),
    });
  }

  get bytes(): number {
    return this.#options.memory.bytes;
  }
  get entries(): number {
    return this.#options.memory.entries;
  }

  get(storageKey: string): StoredResponse | undefined {
    const entry = this.#options.memory.get(storageKey);
    if (entry !== undefined) {
      this.#looks += 1;
      if (this.#looks % LOOKS_PER_TOUCH === 0) this.#options.disk.touch(storageKey);
    }
    return entry;
  }

  /** An entry left the memory to make room, after so many uses of late: its volume is not to take it along when it leaves the disk next. */
  evicted(storageKey: string, uses: number): void {
    if (uses > 1) this.#options.disk.touch(storageKey, uses - 1);
  }

  set(storageKey: string, entry: StoredResponse): boolean {
    const { memory } = this.#options;
    this.#forgetReading(storageKey);
    const isSameBody = memory.get(storageKey)?.body === entry.body;
    this.#write(storageKey, entry, isSameBody).catch((error: unknown) => {
      this.#options.logger.warn({ err: error }, "an object cannot be written to disk");
    });
    return memory.set(storageKey, entry);
  }

  delete(storageKey: string): boolean {
    const wasInMemory = this.#options.memory.delete(storageKey);
    this.#forgetReading(storageKey);
    return this.#deleteFromDisk(storageKey) || wasInMemory;
  }

  reserve(bytes: number): boolean {
    return this.#options.memory.reserve(bytes);
  }
  release(bytes: number): void {
    this.#options.memory.release(bytes);
  }
  /** Of the memory. */
  resize(maxBytes: number): void {
    this.#options.memory.resize(maxBytes);
  }
  get maxBytes(): number {
    return this.#options.memory.maxBytes;
  }
  /** Leaves the disk as it is: it is for the next process. */
  clear(): void {
    this.#options.memory.clear();
  }

  /** Whether {@link recall} and {@link warm} may bring what {@link get} does not find. */
  mayHold(key: string, storageKey: string): boolean {
    const { disk, vary } = this.#options;
    return disk.has(storageKey) || (!vary.knows(key) && disk.has(key + VARIES));
  }

  isOnDisk(storageKey: string): boolean {
    return this.#options.disk.has(storageKey);
  }

  /** Opens what is long and only on disk, to be sent while it is read. Undefined for everything else, and then {@link warm} is for it. */
  open(storageKey: string): Promise<DiskHit | undefined> | undefined {
    return this.#warming.has(storageKey) ? undefined : this.#hits.open(storageKey);
  }

  /** Takes what is on disk under a key into memory, where it is not there yet. Undefined where there is nothing to wait for. Never rejects. */
  warm(storageKey: string): Promise<void> | undefined {
    const { memory, disk, logger } = this.#options;
    const before = this.#warming.get(storageKey);
    if (before !== undefined) return before;
    if (!disk.has(storageKey) || memory.get(storageKey) !== undefined) return undefined;
    const warming: Promise<void> = this.#read(storageKey)
      .catch((error: unknown) => {
        logger.warn({ err: error }, "an object cannot be read from disk");
        return undefined;
      })
      .then((entry) => {
        // Replaced or deleted meanwhile: what was read is not it any more.
        if (this.#warming.get(storageKey) !== warming) return;
        this.#warming.delete(storageKey);
        if (entry !== undefined) memory.set(storageKey, entry);
      });
    this.#warming.set(storageKey, warming);
    return warming;
  }

  /** Learns what the answers for a key vary by, as an earlier process knew it. Never rejects. */
  async recall(key: string): Promise<void> {
    const { disk, vary } = this.#options;
    if (vary.knows(key) || !disk.has(key + VARIES)) return;
    const entry = await disk.open(key + VARIES);
    entry?.close();
    // Deleted meanwhile: the variants of then are not to be found any more.
    if (entry === undefined || !disk.has(key + VARIES)) return;
    const { names, generation } = JSON.parse(Buffer.from(entry.head).toString()) as Variation;
    vary.restore(key, names, generation);
  }

  async #write(storageKey: string, entry: StoredResponse, isSameBody: boolean): Promise<void> {
    const { disk, clock } = this.#options;
    const isBrief = ttlOf(entry.freshness, clock()) < MIN_DISK_LIFETIME;
    if (isBrief || entry.isCopy || entry.body.byteLength > MAX_DISK_OBJECT_BYTES) {
      // What is there is older.
      this.#deleteFromDisk(storageKey);
      return;
    }
    this.#noteVariation(entry);
    this.#writing.set(storageKey, entry);
    const head = encodeStoredHead(entry);
    let isWritten = isSameBody && (await disk.replaceHead(storageKey, head));
    if (this.#writing.get(storageKey) !== entry) return;
    // Its body lies where it lay: somebody wants it, so it is kept when its volume leaves.
    if (isWritten) disk.touch(storageKey);
    else isWritten = await this.#writeWhole(storageKey, head, entry.body);
    if (this.#writing.get(storageKey) !== entry) return;
    this.#writing.delete(storageKey);
    if (!isWritten) disk.delete(storageKey);
  }

  async #writeWhole(storageKey: string, head: Uint8Array, body: Uint8Array): Promise<boolean> {
    const writer = this.#options.disk.create(storageKey, head, body.byteLength);
    if (writer === undefined) return false;
    if (writer.append(body)) return await writer.commit();
    writer.abort();
    return false;
  }

  /** What the newest answer varies by is what the next process is to look for. */
  #noteVariation({ key, vary: names }: StoredResponse): void {
    const { disk, vary } = this.#options;
    const storageKey = key + VARIES;
    const known = names.length > 0 ? vary.describe(key) : undefined;
    if (known === undefined) {
      if (names.length === 0 && disk.has(storageKey)) this.#forgetVariation(key);
      return;
    }
    const text = JSON.stringify(known satisfies Variation);
    if (this.#variations.get(key) === text) return;
    this.#variations.set(key, text);
    void this.#writeWhole(storageKey, Buffer.from(text), new Uint8Array(0)).then((isWritten) => {
      if (!isWritten && this.#variations.get(key) === text) this.#forgetVariation(key);
    });
  }

  #forgetVariation(key: string): void {
    this.#variations.delete(key);
    this.#options.disk.delete(key + VARIES);
  }

  /** What is being read is not it any more. */
  #forgetReading(storageKey: string): void {
    this.#warming.delete(storageKey);
    this.#hits.forget(storageKey);
  }

  #deleteFromDisk(storageKey: string): boolean {
    this.#writing.delete(storageKey);
    this.#forgetVariation(storageKey);
    return this.#options.disk.delete(storageKey);
  }

  async #read(storageKey: string): Promise<StoredResponse | undefined> {
    const { disk, memory, clock, systemClock } = this.#options;
    const found = await disk.open(storageKey);
    if (found === undefined) return undefined;
    const { length } = found;
    if (!memory.reserve(length)) {
      found.close();
      return undefined;
    }
    try {
      const body = await found.bytes();
      if (body === undefined) return undefined;
      return decodeStoredHead(found.head, body, storageKey, { now: clock(), systemTime: systemClock() });
    } finally {
      found.close();
      memory.release(length);
    }
  }
}
