/** S3-FIFO (Yang et al., SOSP 2023): three queues and a two-bit counter, so that objects asked for once never push out the others. */

import type { MemoryTier, Sized } from "./memory-tier.ts";

/** A new object first has to prove itself in this share of the bytes. */
const SMALL_SHARE = 0.1;
const MAX_FREQUENCY = 3;
/** Keys of evicted objects to remember, at least. */
const MIN_GHOSTS = 1024;
/** Longer keys are not remembered: what clients write into them would be kept outside the bound. */
const MAX_GHOST_LENGTH = 1024;

interface Slot<Entry> {
  readonly entry: Entry;
  frequency: number;
  inMain: boolean;
}

/**
 * The keys of a map or set, the oldest first, each to be removed or put to the end before the next one is asked for.
 *
 * An iterator that is kept passes once over the gaps that removed keys leave; a new one would pass over all of them each time.
 */
class OldestFirst {
  readonly #from: { keys(): Iterator<string, undefined> };
  #iterator: Iterator<string, undefined>;

  constructor(from: { keys(): Iterator<string, undefined> }) {
    this.#from = from;
    this.#iterator = from.keys();
  }

  next(): string | undefined {
    const { done, value } = this.#iterator.next();
    if (!done) return value;
    this.#iterator = this.#from.keys();
    return this.#iterator.next().value;
  }
}

/** A {@link MemoryTier} with S3-FIFO eviction. A `Map` keeps insertion order, so each queue is one. */
export function createS3FifoTier<Entry extends Sized>(initialMaxBytes: number): MemoryTier<Entry> {
  let maxBytes = initialMaxBytes;
  const slots = new Map<string, Slot<Entry>>();
  const small = new Map<string, Slot<Entry>>();
  const main = new Map<string, Slot<Entry>>();
  const ghosts = new Set<string>();
  const oldest = { small: new OldestFirst(small), main: new OldestFirst(main), ghost: new OldestFirst(ghosts) };
  let smallBytes = 0;
  let mainBytes = 0;
  let reserved = 0;

  const remove = (key: string, slot: Slot<Entry>): void => {
    const { entry } = slot;
    const inUse = entry.whenUnused?.(() => {
      reserved -= entry.size;
    });
    if (inUse) reserved += entry.size;
    slots.delete(key);
    if (slot.inMain) {
      main.delete(key);
      mainBytes -= slot.entry.size;
    } else {
      small.delete(key);
      smallBytes -= slot.entry.size;
    }
  };
  const remember = (key: string): void => {
    if (key.length > MAX_GHOST_LENGTH) return;
    ghosts.add(key);
    const limit = Math.max(MIN_GHOSTS, main.size);
    while (ghosts.size > limit) ghosts.delete(oldest.ghost.next()!);
  };
  const evictSmall = (): void => {
    for (let key = oldest.small.next(); key !== undefined; key = oldest.small.next()) {
      const slot = small.get(key)!;
      if (slot.frequency < 2) {
        remove(key, slot);
        remember(key);
        return;
      }
      small.delete(key);
      smallBytes -= slot.entry.size;
      slot.inMain = true;
      slot.frequency = 0;
      main.set(key, slot);
      mainBytes += slot.entry.size;
    }
  };
  const evictMain = (): void => {
    for (let key = oldest.main.next(); key !== undefined; key = oldest.main.next()) {
      const slot = main.get(key)!;
      if (slot.frequency === 0) {
        remove(key, slot);
        return;
      }
      slot.frequency -= 1;
      main.delete(key);
      main.set(key, slot);
    }
  };
  /** False when all there is to evict does not do: what is reserved, or still being sent, stays. */
  const makeRoom = (bytes: number): boolean => {
    while (smallBytes + mainBytes + reserved + bytes > maxBytes && slots.size > 0) {
      if (small.size > 0 && (smallBytes > maxBytes * SMALL_SHARE || main.size === 0)) evictSmall();
      else evictMain();
    }
    return smallBytes + mainBytes + reserved + bytes <= maxBytes;
  };

  return {
    get(key) {
      const slot = slots.get(key);
      if (slot === undefined) return undefined;
      if (slot.frequency < MAX_FREQUENCY) slot.frequency += 1;
      return slot.entry;
    },
    set(key, entry) {
      const before = slots.get(key);
      if (before !== undefined) remove(key, before);
      if (entry.size + reserved > maxBytes) return false;
      if (!makeRoom(entry.size)) return false;
      const inMain = before?.inMain ?? ghosts.delete(key);
      const slot: Slot<Entry> = { entry, frequency: before?.frequency ?? 0, inMain };
      slots.set(key, slot);
      if (inMain) {
        main.set(key, slot);
        mainBytes += entry.size;
      } else {
        small.set(key, slot);
        smallBytes += entry.size;
      }
      return true;
    },
    delete(key) {
      const slot = slots.get(key);
      if (slot === undefined) return false;
      remove(key, slot);
      return true;
    },
    reserve(bytes) {
      if (reserved + bytes > maxBytes) return false;
      if (!makeRoom(bytes)) return false;
      reserved += bytes;
      return true;
    },
    release(bytes) {
      reserved -= bytes;
    },
    resize(bytes) {
      maxBytes = bytes;
      makeRoom(0);
    },
    get maxBytes() {
      return maxBytes;
    },
    get bytes() {
      return smallBytes + mainBytes + reserved;
    },
    get entries() {
      return slots.size;
    },
    clear() {
      for (const [key, slot] of slots) remove(key, slot);
      ghosts.clear();
    },
  };
}
