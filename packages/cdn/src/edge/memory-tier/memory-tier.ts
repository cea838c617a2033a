/** The memory tier's contract, so that its eviction can be another one. */

/** What it holds: anything with a size. */
export interface Sized {
  /** Bytes it costs to keep. */
  readonly size: number;
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
  /** Bytes of entries and of what is reserved. */
  readonly bytes: number;
  readonly entries: number;
  clear(): void;
}
