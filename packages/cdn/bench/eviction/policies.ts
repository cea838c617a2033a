/** Evictions to compare with, each as its paper has it, bounded in bytes. Simulation only: nothing here holds bodies. */

import { createTinyLfuTier } from "../../src/edge/memory-tier/tiny-lfu.ts";

/** What a simulation asks of a cache. */
export interface Policy {
  /** Whether the object is there; it counts as asked for. */
  get(key: string): boolean;
  /** Stores an object that was not. */
  set(key: string, size: number): void;
}

/** Least recently used. */
export function createLru(maxBytes: number): Policy {
  const sizes = new Map<string, number>();
  let bytes = 0;
  return {
    get(key) {
      const size = sizes.get(key);
      if (size === undefined) return false;
      sizes.delete(key);
      sizes.set(key, size);
      return true;
    },
    set(key, size) {
      if (size > maxBytes) return;
      sizes.set(key, size);
      bytes += size;
      for (const [oldest, oldSize] of sizes) {
        if (bytes <= maxBytes) return;
        sizes.delete(oldest);
        bytes -= oldSize;
      }
    },
  };
}

interface Node {
  readonly key: string;
  readonly size: number;
  visited: boolean;
  newer: Node | undefined;
  older: Node | undefined;
}

/** SIEVE (Zhang et al., NSDI 2024): a queue that is not reordered, and a hand that moves along it. */
export function createSieve(maxBytes: number): Policy {
  const nodes = new Map<string, Node>();
  let bytes = 0;
  let newest: Node | undefined;
  let oldest: Node | undefined;
  let hand: Node | undefined;
  const evict = (): void => {
    let node = hand ?? oldest;
    while (node?.visited) {
      node.visited = false;
      node = node.newer ?? oldest;
    }
    if (node === undefined) return;
    hand = node.newer;
    if (node.newer === undefined) newest = node.older;
    else node.newer.older = node.older;
    if (node.older === undefined) oldest = node.newer;
    else node.older.newer = node.newer;
    nodes.delete(node.key);
    bytes -= node.size;
  };
  return {
    get(key) {
      const node = nodes.get(key);
      if (node === undefined) return false;
      node.visited = true;
      return true;
    },
    set(key, size) {
      if (size > maxBytes) return;
      while (bytes + size > maxBytes) evict();
      const node: Node = { key, size, visited: false, newer: undefined, older: newest };
      if (newest !== undefined) newest.newer = node;
      newest = node;
      oldest ??= node;
      nodes.set(key, node);
      bytes += size;
    },
  };
}

/** What this package has. */
export function createOurs(maxBytes: number): Policy {
  const tier = createTinyLfuTier<{ size: number }>(maxBytes, { seed: 1 });
  return {
    get: (key) => tier.get(key) !== undefined,
    set: (key, size) => void tier.set(key, { size }),
  };
}

/** Keeps everything. */
export function createUnbounded(): Policy {
  const keys = new Set<string>();
  return { get: (key) => keys.has(key), set: (key) => void keys.add(key) };
}

/** A count of how often keys were asked for lately: four rows of 4-bit counters, halved now and then. */
class FrequencySketch {
  readonly #rows: Uint8Array;
  readonly #mask: number;
  readonly #sample: number;
  #additions = 0;

  constructor(entries: number) {
    const width = 2 ** Math.ceil(Math.log2(Math.max(16, entries)));
    this.#mask = width - 1;
    this.#rows = new Uint8Array(width * 4);
    this.#sample = entries * 10;
  }

  of(hash: number): number {
    let least = 15;
    for (let row = 0; row < 4; row += 1) least = Math.min(least, this.#rows[this.#at(hash, row)]!);
    return least;
  }

  add(hash: number): void {
    const least = this.of(hash);
    if (least === 15) return;
    for (let row = 0; row < 4; row += 1) {
      const at = this.#at(hash, row);
      if (this.#rows[at] === least) this.#rows[at] = least + 1;
    }
    this.#additions += 1;
    if (this.#additions < this.#sample) return;
    this.#additions = this.#sample / 2;
    for (let at = 0; at < this.#rows.length; at += 1) this.#rows[at]! >>= 1;
  }

  #at(hash: number, row: number): number {
    const mixed = Math.imul(hash ^ (hash >>> 15), [0x9e3779b1, 0x85ebca6b, 0xc2b2ae35, 0x27d4eb2f][row]!);
    return ((mixed ^ (mixed >>> 13)) & this.#mask) * 4 + row;
  }
}

function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at += 1) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

/** Options of {@link createWTinyLfu}. */
interface WTinyLfuOptions {
  /** Share of the bytes that what is new has for itself. */
  readonly window?: number;
  /**
   * As in "Lightweight Robust Size Aware Cache Management" (2022): a newcomer has to be more wanted than all whom it would push out together,
   * so that small objects win. Otherwise, as in Caffeine, more than each of them.
   */
  readonly together?: boolean;
}

/** W-TinyLFU (Einziger et al., 2017) with a window that stays: a newcomer is taken where it was asked for more often than whom it would push out. */
export function createWTinyLfu(maxBytes: number, { window = 0.01, together = false }: WTinyLfuOptions = {}): Policy {
  const entries = Math.max(1024, maxBytes / (256 * 1024));
  const sketch = new FrequencySketch(entries);
  const all = new Map<string, { size: number; hash: number; place: "window" | "probation" | "protected" }>();
  const queues = {
    window: new Map<string, number>(),
    probation: new Map<string, number>(),
    protected: new Map<string, number>(),
  };
  const bytes = { window: 0, probation: 0, protected: 0 };
  const limits = { window: maxBytes * window, protected: maxBytes * (1 - window) * 0.8, main: maxBytes * (1 - window) };
  type Place = keyof typeof queues;
  const put = (key: string, size: number, place: Place): void => {
    queues[place].set(key, size);
    bytes[place] += size;
    all.get(key)!.place = place;
  };
  const take = (key: string, size: number, place: Place): void => {
    queues[place].delete(key);
    bytes[place] -= size;
  };
  const drop = (key: string, size: number, place: Place): void => {
    take(key, size, place);
    all.delete(key);
  };
  const admit = (key: string, size: number): void => {
    if (size > limits.main) {
      all.delete(key);
      return;
    }
    let needed = bytes.probation + bytes.protected + size - limits.main;
    if (needed <= 0) {
      put(key, size, "probation");
      return;
    }
    const mine = sketch.of(all.get(key)!.hash);
    const victims: [string, number, Place][] = [];
    let theirs = 0;
    for (const place of ["probation", "protected"] as const) {
      for (const [victim, victimSize] of queues[place]) {
        if (needed <= 0) break;
        const its = sketch.of(all.get(victim)!.hash);
        theirs = together ? theirs + its : Math.max(theirs, its);
        victims.push([victim, victimSize, place]);
        needed -= victimSize;
        if (theirs >= mine) {
          // Those it was compared with have shown what they are worth.
          for (const [kept, keptSize, keptPlace] of victims) {
            take(kept, keptSize, keptPlace);
            put(kept, keptSize, keptPlace);
          }
          all.delete(key);
          return;
        }
      }
    }
    for (const victim of victims) drop(...victim);
    put(key, size, "probation");
  };
  return {
    get(key) {
      const entry = all.get(key);
      if (entry === undefined) {
        sketch.add(hashOf(key));
        return false;
      }
      sketch.add(entry.hash);
      take(key, entry.size, entry.place);
      put(key, entry.size, entry.place === "probation" ? "protected" : entry.place);
      for (const [oldest, size] of queues.protected) {
        if (bytes.protected <= limits.protected) break;
        take(oldest, size, "protected");
        put(oldest, size, "probation");
      }
      return true;
    },
    set(key, size) {
      all.set(key, { size, hash: hashOf(key), place: "window" });
      put(key, size, "window");
      for (const [oldest, oldSize] of queues.window) {
        if (bytes.window <= limits.window) break;
        take(oldest, oldSize, "window");
        admit(oldest, oldSize);
      }
    },
  };
}
