/** How long something takes, in a few hundred bytes. No I/O, and no clock. */

/** Steps per doubling: a quantile is off by a fifth at most. */
const PER_DOUBLING = 4;
/** Up to two minutes. */
const STEPS = 17 * PER_DOUBLING;
/** Samples after which all count half: what was long ago fades. */
const FADE_AT = 512;
/** Samples that a quantile needs. */
export const MIN_LATENCY_SAMPLES = 20;

/** Quantiles of recent times, by counts in steps that double every four. */
export class LatencySketch {
  readonly #counts = new Float64Array(STEPS);
  #total = 0;

  /** @param milliseconds - zero or more. */
  add(milliseconds: number): void {
    const step = milliseconds <= 1 ? 0 : Math.ceil(Math.log2(milliseconds) * PER_DOUBLING);
    this.#counts[Math.min(STEPS - 1, step)]! += 1;
    this.#total += 1;
    if (this.#total >= FADE_AT) this.#fade();
  }

  /** Milliseconds that this share of the samples stayed within; undefined where there are too few to tell. */
  quantile(share: number): number | undefined {
    if (this.#total < MIN_LATENCY_SAMPLES) return undefined;
    let missing = share * this.#total;
    for (let step = 0; step < STEPS; step += 1) {
      missing -= this.#counts[step]!;
      if (missing <= 1e-9) return 2 ** (step / PER_DOUBLING);
    }
    return 2 ** ((STEPS - 1) / PER_DOUBLING);
  }

  clear(): void {
    this.#counts.fill(0);
    this.#total = 0;
  }

  #fade(): void {
    this.#total = 0;
    for (let step = 0; step < STEPS; step += 1) {
      this.#counts[step]! /= 2;
      this.#total += this.#counts[step]!;
    }
  }
}
