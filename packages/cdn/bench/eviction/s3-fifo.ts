/** S3-FIFO (Yang et al., SOSP 2023): three queues and a two-bit counter, so that objects asked for once never push out the others. */

import type { Policy } from "./policies.ts";

/** A new object first has to prove itself in this share of the bytes. */
const SMALL_SHARE = 0.1;
const MAX_FREQUENCY = 3;
/** Keys of evicted objects to remember, at least. */
const MIN_GHOSTS = 1024;

interface Slot {
  readonly size: number;
  frequency: number;
}

/** S3-FIFO, with its queue of new objects at a tenth. A `Map` keeps insertion order, so each queue is one. */
export function createS3Fifo(maxBytes: number): Policy {
  const small = new Map<string, Slot>();
  const main = new Map<string, Slot>();
  const ghosts = new Set<string>();
  let smallBytes = 0;
  let mainBytes = 0;

  const remember = (key: string): void => {
    ghosts.add(key);
    const limit = Math.max(MIN_GHOSTS, main.size);
    for (const oldest of ghosts) {
      if (ghosts.size <= limit) break;
      ghosts.delete(oldest);
    }
  };
  const evictSmall = (): void => {
    for (const [key, slot] of small) {
      small.delete(key);
      smallBytes -= slot.size;
      if (slot.frequency < 2) {
        remember(key);
        return;
      }
      slot.frequency = 0;
      main.set(key, slot);
      mainBytes += slot.size;
    }
  };
  const evictMain = (): void => {
    for (const [key, slot] of main) {
      main.delete(key);
      if (slot.frequency === 0) {
        mainBytes -= slot.size;
        return;
      }
      slot.frequency -= 1;
      main.set(key, slot);
    }
  };

  return {
    get(key) {
      const slot = small.get(key) ?? main.get(key);
      if (slot === undefined) return false;
      if (slot.frequency < MAX_FREQUENCY) slot.frequency += 1;
      return true;
    },
    set(key, size) {
      if (size > maxBytes) return;
      while (smallBytes + mainBytes + size > maxBytes) {
        if (small.size > 0 && (smallBytes > maxBytes * SMALL_SHARE || main.size === 0)) evictSmall();
        else evictMain();
      }
      const slot = { size, frequency: 0 };
      if (ghosts.delete(key)) {
        main.set(key, slot);
        mainBytes += size;
      } else {
        small.set(key, slot);
        smallBytes += size;
      }
    },
  };
}
