/** The memory tier's contract: what lies before it, and what decides what it keeps. */

/** What it holds: anything with a size. */
export interface Sized {
  /** Bytes it costs to keep. */
  readonly size: number;
  /**
   * Calls `then` once nobody sends the entry to a client any more. False when nobody does now: `then` is not called. What left the tier
   * counts until then, because its bytes are still there.
   */
  whenUnused?(then: () => void): boolean;
}

/** Options of a {@link MemoryTier}. */
export interface MemoryTierOptions<Entry> {
  /**
   * An entry left to make room: once for each, and not for one that is deleted, replaced or cleared. The tier is not to be changed meanwhile.
   *
   * @param uses - about how often it was asked for of late, from 1 to 15.
   */
  onEvict?(key: string, entry: Entry, uses: number): void;
}

/** Entries by key, bounded in bytes. */
export interface MemoryTier<Entry extends Sized> {
  get(key: string): Entry | undefined;
  /** Stores an entry and evicts others for it. False when it can never fit. */
  set(key: string, entry: Entry): boolean;
  delete(key: string): boolean;
  /** Keeps room for bytes that are still arriving, and evicts for them. False when there is none. */
  reserve(bytes: number): boolean;
  release(bytes: number): void;
  /** Bounds it anew. What no longer fits is evicted before this returns; what is reserved or still being sent stays until it is given back. */
  resize(maxBytes: number): void;
  /** Bytes that it may hold. */
  readonly maxBytes: number;
  /** Bytes of entries, of what is reserved, and of what left while it was still being sent. */
  readonly bytes: number;
  readonly entries: number;
  clear(): void;
}
