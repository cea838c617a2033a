/** Memory for what is held here, and a little of it for copies of what peers hold. */

import type { MemoryTier, Sized } from "./memory-tier.ts";

/** Share of the memory that copies may have. */
export const COPIES_SHARE = 1 / 8;

/** What is held here, or is a copy. */
export interface Copyable extends Sized {
  readonly isCopy: boolean;
}

/**
 * One tier of two, so that copies push out nothing that is held here alone. What arrives takes its room from the larger one.
 *
 * @param create - makes a tier of so many bytes.
 */
export function createTierWithCopies<Entry extends Copyable>(
  maxBytes: number,
  create: (maxBytes: number) => MemoryTier<Entry>,
): MemoryTier<Entry> {
  const forCopies = (bytes: number): number => Math.floor(bytes * COPIES_SHARE);
  const held = create(maxBytes - forCopies(maxBytes));
  const copies = create(forCopies(maxBytes));
  return {
    get: (key) => held.get(key) ?? copies.get(key),
    set(key, entry) {
      const [here, there] = entry.isCopy ? [copies, held] : [held, copies];
      there.delete(key);
      return here.set(key, entry);
    },
    delete(key) {
      const wasCopy = copies.delete(key);
      return held.delete(key) || wasCopy;
    },
    reserve: (bytes) => held.reserve(bytes),
    release: (bytes) => held.release(bytes),
    resize(bytes) {
      held.resize(bytes - forCopies(bytes));
      copies.resize(forCopies(bytes));
    },
    get maxBytes() {
      return held.maxBytes + copies.maxBytes;
    },
    get bytes() {
      return held.bytes + copies.bytes;
    },
    get entries() {
      return held.entries + copies.entries;
    },
    clear() {
      held.clear();
      copies.clear();
    },
  };
}
