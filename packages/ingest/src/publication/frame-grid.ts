/** Evenly spaced instants that a video's timestamps may lie on, found again under their rounding to milliseconds. */

/** Ticks per second of every video track from RTMP: all usual frame rates, those over 1001 too, have a whole number of ticks per frame. */
export const VIDEO_TIMESCALE = 120_000;

/** Ticks in a millisecond. */
export const TICKS_PER_MS = VIDEO_TIMESCALE / 1000;

/** How far a timestamp may lie from its instant: half a millisecond of rounding, and as much of jitter. Ticks. */
const GRID_TOLERANCE = 1 * TICKS_PER_MS;

/** A larger error than this is no drift: the grid does not fit. Ticks. */
const MAX_SLIP = 5 * TICKS_PER_MS;

const MAX_SCORE = 32;
const SLIP_PENALTY = 8;
const MAX_SINGLES = 8;

/**
 * A frame rate on trial. Keeps the range of phases that agree with every timestamp since the last slip.
 *
 * A timestamp outside moves the phase by as little as it takes ("slip"): that follows clocks that drift, and costs score.
 */
export class FrameGrid {
  /** Ticks from frame to frame; may have a fraction. */
  readonly period: number;
  #base = 0;
  #index = 0;
  #low = 0;
  #high = 0;
  #phase = 0;
  #score = 0;
  #singles = 0;

  constructor(period: number) {
    this.period = period;
  }

  /** How well the grid fits, at most 32; counts the frames that fit, less 8 for a slip, 0 after a misfit. Under 0 when most steps are several frames. */
  get score(): number {
    return this.#singles < 0 ? -1 : this.#score;
  }

  /** The instant of the last frame seen. */
  get time(): number {
    return this.#base + this.#index * this.period + this.#phase;
  }

  /** Starts over at a timestamp, in ticks. */
  restart(ticks: number): void {
    this.#base = ticks;
    this.#index = 0;
    this.#low = -GRID_TOLERANCE;
    this.#high = GRID_TOLERANCE;
    this.#phase = 0;
    this.#score = 0;
  }

  /** Takes the next frame's timestamp, in ticks. */
  observe(ticks: number, previous: number): void {
    const steps = Math.round((ticks - previous) / this.period);
    if (steps < 1) {
      this.restart(ticks);
      return;
    }
    this.#singles = Math.max(-MAX_SINGLES, Math.min(MAX_SINGLES, this.#singles + (steps === 1 ? 1 : -1)));
    // Steps are counted from where the frame before should have been, so that rounding does not add up.
    const index = this.#index + Math.max(1, Math.round((ticks - this.time) / this.period));
    const phase = ticks - this.#base - index * this.period;
    const low = phase - GRID_TOLERANCE;
    const high = phase + GRID_TOLERANCE;
    if (low > this.#high + MAX_SLIP || high < this.#low - MAX_SLIP) {
      this.restart(ticks);
      return;
    }
    this.#index = index;
    if (low > this.#high || high < this.#low) {
      this.#low = low;
      this.#high = high;
      this.#score = Math.max(0, this.#score - SLIP_PENALTY);
    } else {
      this.#low = Math.max(this.#low, low);
      this.#high = Math.min(this.#high, high);
      this.#score = Math.min(MAX_SCORE, this.#score + 1);
    }
    this.#phase = Math.max(this.#low, Math.min(this.#high, this.#phase));
  }
}

/** Ticks per frame of the usual rates, the likelier first. */
export const USUAL_PERIODS: readonly number[] = [
  4000, 4800, 2000, 2400, 4004, 5000, 2002, 5005, 8000, 6000, 12_000, 10_000, 2500, 1000,
];

/** The period of a frame rate that the stream claims; `29.97` means 30000/1001. Undefined for a nonsensical one. */
export function periodOfRate(rate: number | undefined): number | undefined {
  if (rate === undefined || !(rate >= 1 && rate <= 300)) return undefined;
  const period = VIDEO_TIMESCALE / rate;
  return USUAL_PERIODS.find((usual) => Math.abs(usual - period) < usual * 0.0005) ?? period;
}
