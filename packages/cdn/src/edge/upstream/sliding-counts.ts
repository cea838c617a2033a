/** How often things happened in the last while. No I/O, and no clock of its own. */

/** Parts that a window is cut into: what is counted is off by one of them at most. */
const STEPS = 10;

/** Counts by kind over a window that slides on in steps. Takes the same memory however much is counted. */
export class SlidingCounts {
  readonly #step: number;
  readonly #kinds: number;
  /** By step, then by kind. */
  readonly #counts: Float64Array;
  readonly #sums: Float64Array;
  #newest = Number.NEGATIVE_INFINITY;

  /** @param window - milliseconds. */
  constructor(window: number, kinds: number) {
    this.#step = window / STEPS;
    this.#kinds = kinds;
    this.#counts = new Float64Array(STEPS * kinds);
    this.#sums = new Float64Array(kinds);
  }

  add(kind: number, now: number): void {
    this.#slideTo(now);
    const slot = (this.#newest % STEPS) * this.#kinds + kind;
    this.#counts[slot]! += 1;
    this.#sums[kind]! += 1;
  }

  sum(kind: number, now: number): number {
    this.#slideTo(now);
    return this.#sums[kind]!;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#sums.fill(0);
  }

  /** A clock that goes back counts into the newest step. */
  #slideTo(now: number): void {
    const step = Math.max(0, Math.floor(now / this.#step));
    if (step <= this.#newest) return;
    const passed = Math.min(STEPS, step - this.#newest);
    for (let back = 0; back < passed; back += 1) {
      const start = ((step - back + STEPS) % STEPS) * this.#kinds;
      for (let kind = 0; kind < this.#kinds; kind += 1) {
        this.#sums[kind]! -= this.#counts[start + kind]!;
        this.#counts[start + kind] = 0;
      }
    }
    this.#newest = step;
  }
}
