/**
 * Finds the share of the bytes that the window is to have: nearly all for live edges, where what is new is wanted and what was is not, and nearly
 * nothing for catalogs, where what was wanted is wanted again.
 *
 * Which of them it is shows in small likenesses of the tier that hold no bodies, have a window of another share each, and see one key of eight:
 * compared on the same requests, where climbing by the hit ratio alone follows the time of day.
 */

import type { FrequencySketch } from "./frequency-sketch.ts";
import type { Sized } from "./memory-tier.ts";
import { WindowedTier } from "./windowed-tier.ts";

/** Shares of the bytes that the window may have. */
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

interface Likeness {
  readonly share: number;
  /** By hash: nothing that clients write is kept alive here. */
  readonly tier: WindowedTier<number, Sized>;
  hits: number;
  hitBytes: number;
}

export class WindowTrial {
  /** What the window is to have at present, from 0 to 1. */
  share = FIRST_SHARE;
  readonly #likenesses: readonly Likeness[];
  #looks = 0;
  #sampled = 0;
  #sampledBytes = 0;

  /**
   * @param maxBytes - of the tier that is to be told.
   * @param sketch - of that tier, which counts for the likenesses, too.
   */
  constructor(maxBytes: number, sketch: FrequencySketch) {
    this.#likenesses = SHARES.map((share) => ({
      share,
      tier: new WindowedTier({ maxBytes: maxBytes / SAMPLED, window: { share }, sketch }),
      hits: 0,
      hitBytes: 0,
    }));
  }

  /** An object was asked for. */
  see(hash: number, size: number): void {
    this.#looks += 1;
    if ((hash & (SAMPLED - 1)) !== 0) return;
    this.#sampled += 1;
    this.#sampledBytes += size;
    for (const likeness of this.#likenesses) {
      if (likeness.tier.get(hash) === undefined) likeness.tier.set(hash, hash, { size });
      else {
        likeness.hits += 1;
        likeness.hitBytes += size;
      }
    }
  }

  /**
   * Takes the share that did best of late, objects and bytes answered taken together.
   *
   * @param entries - that the tier holds.
   * @returns whether it looked; it does not each time.
   */
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

  /** @param maxBytes - of the tier that is to be told. */
  resize(maxBytes: number): void {
    for (const { tier } of this.#likenesses) tier.resize(maxBytes / SAMPLED);
  }

  clear(): void {
    for (const { tier } of this.#likenesses) tier.clear();
  }
}
