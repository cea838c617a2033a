/**
 * W-TinyLFU (Einziger, Friedman, Manes, 2017) for objects of many sizes: what is new stays in a window, and goes from there to the main part
 * only where it was asked for more often than what it would push out.
 *
 * ```
 * set ─► window ──(its oldest)──► more wanted than the coldest of main? ─┬─ yes ─► main: probation ◄─► protected, least recently used each
 *          ▲                                                             └─ no ──► gone
 *          └─ bytes still arriving take their room here
 * ```
 *
 * The window's share is nearly all for live edges, where what is new is wanted and what was is not, and nearly nothing for catalogs, where what
 * was wanted is wanted again. Which of them it is shows in small likenesses of the tier that hold no bodies, have a window of another share
 * each, and see one key of eight: compared on the same requests, where climbing by the hit ratio alone follows the time of day.
 */

import { FrequencySketch, hashKey } from "./frequency-sketch.ts";
import type { MemoryTier, Sized } from "./memory-tier.ts";

/** Shares of the bytes that the window may have: each is tried in a small likeness of the tier. */
const SHARES = [0.01, 0.1, 0.4, 0.9] as const;
/** The window's share at first. */
const FIRST_SHARE = 0.1;
/** One of so many keys goes through the likenesses, which are as much smaller. A power of two. */
const SAMPLED = 8;
/** Looks and entries between two decisions, per entry held, and at least. */
const LOOKS_PER_DECISION = 5;
const MIN_LOOKS_PER_DECISION = 2000;
/** What was seen before the last decision counts so much. */
const REMEMBERED = 0.6;
/** Entries that may be sent out of the window for one that comes: when its share has shrunk, the rest has to wait. */
const MAX_CONTESTS = 16;
/** How much of the bytes is kept free at most for bodies that will arrive. */
const MAX_RESERVED = 0.5;
/** What of the main part keeps entries that were asked for again. */
const PROTECTED_SHARE = 0.8;
/** Keys that the sketch is for, per entry held: it has to know those that are not, too. */
const SKETCH_KEYS = 4;
/**
 * What an object's size does for it: worth = wanted × size ^ this. With 0, as many objects as possible are answered, mostly small ones; with 1,
 * as many bytes as possible.
 */
const SIZE_EXPONENT = 1 / 3;

type Place = "window" | "probation" | "protected";

interface Node<Entry> {
  readonly key: string;
  readonly hash: number;
  readonly entry: Entry;
  readonly size: number;
  readonly weight: number;
  queue: Queue<Entry>;
  newer: Node<Entry> | undefined;
  older: Node<Entry> | undefined;
}

/** Nodes by how recently they were used. */
class Queue<Entry> {
  readonly place: Place;
  bytes = 0;
  newest: Node<Entry> | undefined;
  oldest: Node<Entry> | undefined;

  constructor(place: Place) {
    this.place = place;
  }

  add(node: Node<Entry>): void {
    node.queue = this;
    node.newer = undefined;
    node.older = this.newest;
    if (this.newest !== undefined) this.newest.newer = node;
    this.newest = node;
    this.oldest ??= node;
    this.bytes += node.size;
  }

  remove(node: Node<Entry>): void {
    if (node.newer === undefined) this.newest = node.older;
    else node.newer.older = node.older;
    if (node.older === undefined) this.oldest = node.newer;
    else node.older.newer = node.newer;
    this.bytes -= node.size;
  }

  touch(node: Node<Entry>): void {
    if (this.newest === node) return;
    this.remove(node);
    this.add(node);
  }

  clear(): void {
    this.bytes = 0;
    this.newest = undefined;
    this.oldest = undefined;
  }
}

/** Options of {@link createTinyLfuTier}. */
export interface TinyLfuOptions {
  /** A window whose share of the bytes stays, from 0 to 1. Default: it follows what is asked for. */
  readonly windowShare?: number;
  /** What key hashes begin with. Default: another one each time, so that nobody can choose keys that collide. */
  readonly seed?: number;
}

/** A {@link MemoryTier} with W-TinyLFU eviction. It remembers nothing of what left but a few bits of a table. */
export function createTinyLfuTier<Entry extends Sized>(
  maxBytes: number,
  options: TinyLfuOptions = {},
): MemoryTier<Entry> {
  return createTier(maxBytes, options, new FrequencySketch());
}

/** @param sketch - for a likeness: that of the tier, which counts for both. */
function createTier<Entry extends Sized>(
  initialMaxBytes: number,
  { windowShare, seed = Math.floor(Math.random() * 2 ** 32) }: TinyLfuOptions,
  sketch: FrequencySketch,
): MemoryTier<Entry> {
  let maxBytes = initialMaxBytes;
  const nodes = new Map<string, Node<Entry>>();
  const window = new Queue<Entry>("window");
  const probation = new Queue<Entry>("probation");
  const protectedOnes = new Queue<Entry>("protected");
  const trial = windowShare === undefined ? new WindowTrial(maxBytes, seed, sketch) : undefined;
  /** Of bodies that are still arriving. */
  let reserved = 0;
  /** The most that was reserved of late: room that will be wanted again, for which the main part shall not be evicted each time. */
  let reservedPeak = 0;
  /** Of entries that left while they were being sent. */
  let leaving = 0;

  const total = (): number => window.bytes + probation.bytes + protectedOnes.bytes + reserved + leaving;
  const windowLimit = (): number =>
    Math.max(maxBytes * (windowShare ?? trial!.share), Math.min(reservedPeak, maxBytes * MAX_RESERVED));
  const mainLimit = (): number => maxBytes - leaving - Math.max(windowLimit(), reserved, window.newest?.size ?? 0);

  const drop = (node: Node<Entry>): void => {
    const { entry, size } = node;
    node.queue.remove(node);
    nodes.delete(node.key);
    const inUse = entry.whenUnused?.(() => {
      leaving -= size;
    });
    if (inUse) leaving += size;
  };

  const worth = (node: Node<Entry>): number => sketch.of(node.hash) * node.weight;

  /** From the window into the main part, or out. */
  const contest = (candidate: Node<Entry>): void => {
    const limit = mainLimit();
    let missing = probation.bytes + protectedOnes.bytes + candidate.size - limit;
    if (candidate.size > limit) {
      drop(candidate);
      return;
    }
    if (missing > 0) {
      const mine = worth(candidate);
      let theirs = 0;
      let victim = probation.oldest ?? protectedOnes.oldest;
      let victims = 0;
      while (missing > 0 && victim !== undefined && theirs < mine) {
        theirs += worth(victim);
        missing -= victim.size;
        victims += 1;
        victim = victim.newer ?? (victim.queue === probation ? protectedOnes.oldest : undefined);
      }
      if (missing > 0 || theirs >= mine) {
        drop(candidate);
        // Those it was compared with are not the next to be.
        for (; victims > 0 && probation.oldest !== undefined; victims -= 1) probation.touch(probation.oldest);
        return;
      }
      for (; victims > 0; victims -= 1) drop(probation.oldest ?? protectedOnes.oldest!);
    }
    window.remove(candidate);
    probation.add(candidate);
  };

  /** Until so many more bytes fit. False when all there is to evict does not do: what is reserved, or still being sent, stays. */
  const makeRoom = (bytes: number): boolean => {
    while (total() + bytes > maxBytes && nodes.size > 0) {
      const isWindowFull = window.bytes + reserved + bytes > windowLimit();
      const main = probation.oldest ?? protectedOnes.oldest;
      if (window.oldest !== undefined && (isWindowFull || main === undefined)) contest(window.oldest);
      else drop(main!);
    }
    return total() + bytes <= maxBytes;
  };

  return {
    get(key) {
      const node = nodes.get(key);
      if (node === undefined) return undefined;
      if (trial !== undefined) {
        sketch.add(node.hash);
        trial.see(key, node.hash, node.size);
      }
      if (node.queue !== probation) node.queue.touch(node);
      else {
        probation.remove(node);
        protectedOnes.add(node);
        const limit = mainLimit() * PROTECTED_SHARE;
        for (
          let oldest = protectedOnes.oldest;
          protectedOnes.bytes > limit && oldest !== undefined && oldest !== node;
        ) {
          protectedOnes.remove(oldest);
          probation.add(oldest);
          oldest = protectedOnes.oldest;
        }
      }
      return node.entry;
    },
    set(key, entry) {
      const { size } = entry;
      const before = nodes.get(key);
      if (before !== undefined) drop(before);
      if (size + reserved > maxBytes || !makeRoom(size)) return false;
      const hash = hashKey(key, seed);
      if (trial !== undefined) {
        sketch.add(hash);
        sketch.fit((nodes.size + 1) * SKETCH_KEYS);
        trial.see(key, hash, size);
        if (trial.decide(nodes.size)) reservedPeak = Math.max(reserved, reservedPeak / 2);
      }
      const node: Node<Entry> = {
        key,
        hash,
        entry,
        size,
        weight: size ** SIZE_EXPONENT,
        queue: window,
        newer: undefined,
        older: undefined,
      };
      nodes.set(key, node);
      window.add(node);
      for (let contests = 0; contests < MAX_CONTESTS && window.oldest !== window.newest; contests += 1) {
        if (window.bytes + reserved <= windowLimit()) break;
        contest(window.oldest!);
      }
      return true;
    },
    delete(key) {
      const node = nodes.get(key);
      if (node === undefined) return false;
      drop(node);
      return true;
    },
    reserve(bytes) {
      if (reserved + bytes > maxBytes || !makeRoom(bytes)) return false;
      reserved += bytes;
      if (reserved > reservedPeak) reservedPeak = reserved;
      return true;
    },
    release(bytes) {
      reserved -= bytes;
    },
    resize(bytes) {
      maxBytes = bytes;
      trial?.resize(bytes);
      makeRoom(0);
    },
    get maxBytes() {
      return maxBytes;
    },
    get bytes() {
      return total();
    },
    get entries() {
      return nodes.size;
    },
    clear() {
      for (const node of nodes.values()) drop(node);
      trial?.clear();
    },
  };
}

/** Finds the window's share, by trying some of them. */
class WindowTrial {
  share = FIRST_SHARE;
  readonly #likenesses: { readonly share: number; readonly tier: MemoryTier<Sized>; hits: number; hitBytes: number }[];
  #looks = 0;
  #sampled = 0;
  #sampledBytes = 0;

  constructor(maxBytes: number, seed: number, sketch: FrequencySketch) {
    this.#likenesses = SHARES.map((share) => ({
      share,
      tier: createTier(maxBytes / SAMPLED, { windowShare: share, seed }, sketch),
      hits: 0,
      hitBytes: 0,
    }));
  }

  /** An object was asked for. */
  see(key: string, hash: number, size: number): void {
    this.#looks += 1;
    if ((hash & (SAMPLED - 1)) !== 0) return;
    this.#sampled += 1;
    this.#sampledBytes += size;
    for (const likeness of this.#likenesses) {
      if (likeness.tier.get(key) === undefined) likeness.tier.set(key, { size });
      else {
        likeness.hits += 1;
        likeness.hitBytes += size;
      }
    }
  }

  /** Takes the share that did best of late, objects and bytes answered taken together. True where it looked. */
  decide(entries: number): boolean {
    if (this.#looks < Math.max(MIN_LOOKS_PER_DECISION, entries * LOOKS_PER_DECISION)) return false;
    this.#looks = 0;
    let best = -1;
    for (const likeness of this.#likenesses) {
      const score = likeness.hits / this.#sampled + likeness.hitBytes / this.#sampledBytes;
      if (score > best) {
        best = score;
        this.share = likeness.share;
      }
      likeness.hits *= REMEMBERED;
      likeness.hitBytes *= REMEMBERED;
    }
    this.#sampled *= REMEMBERED;
    this.#sampledBytes *= REMEMBERED;
    return true;
  }

  /** @param maxBytes - of the tier that it is the likeness of. */
  resize(maxBytes: number): void {
    for (const { tier } of this.#likenesses) tier.resize(maxBytes / SAMPLED);
  }

  clear(): void {
    for (const { tier } of this.#likenesses) tier.clear();
  }
}
