/**
 * W-TinyLFU (Einziger, Friedman, Manes, 2017) for objects of many sizes: what is new stays in a window, and goes from there to the main part
 * only where it was asked for more often than what it would push out. How large the window is follows what is asked for.
 */

import { FrequencySketch, hashKey } from "./frequency-sketch.ts";
import type { MemoryTier, MemoryTierOptions, Sized } from "./memory-tier.ts";
import { WindowTrial } from "./window-trial.ts";
import { WindowedTier } from "./windowed-tier.ts";

/** Keys that the sketch is for, per entry held: it has to know those that are not, too. */
const SKETCH_KEYS = 4;

/** Options of {@link createTinyLfuTier}. */
export interface TinyLfuOptions<Entry> extends MemoryTierOptions<Entry> {
  /** What key hashes begin with. Default: another one each time, so that nobody can choose keys that collide. */
  readonly seed?: number;
}

/** A {@link MemoryTier} with W-TinyLFU eviction. It remembers nothing of what left but a few bits of a table. */
export function createTinyLfuTier<Entry extends Sized>(
  maxBytes: number,
  { seed = Math.floor(Math.random() * 2 ** 32), onEvict }: TinyLfuOptions<Entry> = {},
): MemoryTier<Entry> {
  const sketch = new FrequencySketch();
  const trial = new WindowTrial(maxBytes, sketch);
  const tier = new WindowedTier<string, Entry>({
    maxBytes,
    window: trial,
    sketch,
    ...(onEvict !== undefined && {
      onEvict: ({ key, entry, hash }) => onEvict(key, entry, sketch.of(hash)),
    }),
  });
  return {
    get(key) {
      const node = tier.get(key);
      if (node === undefined) return undefined;
      sketch.add(node.hash);
      trial.see(node.hash, node.size);
      return node.entry;
    },
    set(key, entry) {
      const hash = hashKey(key, seed);
      sketch.add(hash);
      sketch.fit((tier.size + 1) * SKETCH_KEYS);
      trial.see(hash, entry.size);
      if (trial.decide(tier.size)) tier.age();
      return tier.set(key, hash, entry);
    },
    delete: (key) => tier.delete(key),
    reserve: (bytes) => tier.reserve(bytes),
    release: (bytes) => tier.release(bytes),
    resize(bytes) {
      trial.resize(bytes);
      tier.resize(bytes);
    },
    get maxBytes() {
      return tier.maxBytes;
    },
    get bytes() {
      return tier.bytes;
    },
    get entries() {
      return tier.size;
    },
    clear() {
      tier.clear();
      trial.clear();
    },
  };
}
