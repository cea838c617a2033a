/**
 * Finds the share of the bytes that the window is to have: nearly all for live edges, where what is new is wanted and what was is not, and nearly
 * nothing for catalogs, where what was wanted is wanted again.
 *
 * Which of them it is shows in small likenesses of the tier that hold no bodies, have a window of another share each, and see up to one key of eight:
 * compared on the same requests, where climbing by the hit ratio alone follows the time of day.
 */

import type { FrequencySketch } from "./frequency-sketch.ts";
import type { Sized } from "./memory-tier.ts";
import { WindowedTier } from "./windowed-tier.ts";

/** Shares of the bytes that the window may have. */
const SHARES = [0.01, 0.1, 0.4, 0.9] as const;
/** The window's share at first. */
const FIRST_SHARE = 0.1;
/** At most one of so many keys goes through the likenesses, which are as much smaller. A power of two. */
const MAX_SAMPLING = 8;
/** Entries that a likeness has to have room for: with a few dozen, a window's share is too coarse to tell anything. */
const LIKENESS_ENTRIES = 256;
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
  readonly #sketch: FrequencySketch;
  #maxBytes: number;
  /** One of so many keys is seen. */
  #sampling = 1;
  #likenesses: readonly Likeness[];
  /** They have been looked at for some time, so that what they answer is not only what came first. */
  #isFilled = false;
  #looks = 0;
  #sampled = 0;
  #sampledBytes = 0;

  /**
   * @param maxBytes - of the tier that is to be told.
   * @param sketch - of that tier, which counts for the likenesses, too.
   */
  constructor(maxBytes: number, sketch: FrequencySketch) {
    this.#maxBytes = maxBytes;
    this.#sketch = sketch;
    this.#likenesses = this.#begin();
  }

  /** An object was asked for. */
  see(hash: number, size: number): void {
    this.#looks += 1;
    if ((hash & (this.#sampling - 1)) !== 0) return;
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
    this.#resample(entries);
    if (this.#looks < Math.max(MIN_LOOKS_PER_DECISION, entries * LOOKS_PER_DECISION)) return false;
    this.#looks = 0;
    const isFilled = this.#isFilled;
    this.#isFilled = true;
    const remembered = isFilled ? REMEMBERED : 0;
    let best = -1;
    for (const likeness of this.#likenesses) {
      const score = likeness.hits / this.#sampled + likeness.hitBytes / this.#sampledBytes;
      if (score > best && isFilled) {
        best = score;
        this.share = likeness.share;
      }
      likeness.hits *= remembered;
      likeness.hitBytes *= remembered;
    }
    this.#sampled *= remembered;
    this.#sampledBytes *= remembered;
    return true;
  }

  /** @param maxBytes - of the tier that is to be told. */
  resize(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    for (const { tier } of this.#likenesses) tier.resize(maxBytes / this.#sampling);
  }

  clear(): void {
    for (const { tier } of this.#likenesses) tier.clear();
  }

  /** Begins anew where the tier holds far more entries, or far fewer, than it was begun for. */
  #resample(entries: number): void {
    const perLikeness = entries / this.#sampling;
    if (perLikeness >= LIKENESS_ENTRIES * 2 && this.#sampling < MAX_SAMPLING) this.#sampling *= 2;
    else if (perLikeness < LIKENESS_ENTRIES / 4 && this.#sampling > 1) this.#sampling /= 2;
    else return;
    this.#likenesses = this.#begin();
    this.#isFilled = false;
    this.#looks = 0;
    this.#sampled = 0;
    this.#sampledBytes = 0;
  }

  #begin(): Likeness[] {
    const maxBytes = this.#maxBytes / this.#sampling;
    return SHARES.map((share) => ({
      share,
      tier: new WindowedTier({ maxBytes, window: { share }, sketch: this.#sketch }),
      hits: 0,
      hitBytes: 0,
    }));
  }
}
