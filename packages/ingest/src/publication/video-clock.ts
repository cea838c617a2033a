/** Gives video its exact times back: RTMP rounds them to milliseconds, packagers need whole frame durations. */

import { FrameGrid, periodOfRate, TICKS_PER_MS, USUAL_PERIODS } from "./frame-grid.ts";

/** Frames that must fit before a rate is believed: one that the stream itself names. */
const HINTED_SCORE = 3;

/** Frames that must fit before a rate is believed: one of the usual ones. */
const UNHINTED_SCORE = 8;

/** A composition time may be this far from a multiple of the frame duration and still be one: two roundings. Ticks. */
const COMPOSITION_TOLERANCE = 2 * TICKS_PER_MS;

/**
 * The longest plausible composition time either way, milliseconds: reordering takes a few frames, also at one a second. What decoding is moved by,
 * for good, is bounded by it too.
 */
export const MAX_COMPOSITION_TIME = 5_000;

/** A picture's place in time, in ticks of the track. */
export interface VideoTiming {
  readonly dts: number;
  readonly pts: number;
  /** Known at once while the frame rate is steady; otherwise the next picture tells. */
  readonly duration: number | undefined;
}

/**
 * Turns milliseconds into ticks of 1/120000 s.
 *
 * While the pictures come at a steady rate, times lie exactly on its grid, at most 1 ms from what the messages said, without drift. Otherwise
 * they are what the messages said. Always strictly increasing.
 */
export class VideoClock {
  readonly #grids: FrameGrid[];
  readonly #hinted: FrameGrid | undefined;
  #current: FrameGrid | undefined;
  #previous: number | undefined;
  #last = -1;
  #delay = 0;
  #frames = 0;
  #nonMonotonic = 0;
  #negativeComposition = 0;
  #implausibleComposition = 0;
  #composition = 0;

  /** @param rate - frames per second that the stream claims: tried first, never trusted. */
  constructor(rate?: number) {
    const hint = periodOfRate(rate);
    const periods = hint === undefined ? USUAL_PERIODS : [hint, ...USUAL_PERIODS.filter((period) => period !== hint)];
    this.#grids = periods.map((period) => new FrameGrid(period));
    this.#hinted = hint === undefined ? undefined : this.#grids[0];
  }

  /** How often a time had to be moved to come after the one before. */
  get nonMonotonic(): number {
    return this.#nonMonotonic;
  }

  /** How often decoding had to begin earlier because a picture was to be shown before it is decoded. */
  get negativeComposition(): number {
    return this.#negativeComposition;
  }

  /** How often a composition time was beyond {@link MAX_COMPOSITION_TIME}: that of the picture before was taken for it. */
  get implausibleComposition(): number {
    return this.#implausibleComposition;
  }

  /** Frames per second of the grid in use. */
  get rate(): number | undefined {
    return this.#current === undefined ? undefined : (1000 * TICKS_PER_MS) / this.#current.period;
  }

  /**
   * @param decodeTime - milliseconds since the publication's origin.
   * @param compositionTime - milliseconds from decoding to presentation.
   */
  next(decodeTime: number, compositionTime: number): VideoTiming {
    if (Math.abs(compositionTime) <= MAX_COMPOSITION_TIME) this.#composition = compositionTime;
    else this.#implausibleComposition += 1;
    if (this.#composition + this.#delay < 0) {
      this.#delay = -this.#composition;
      this.#negativeComposition += 1;
    }
    const ticks = (decodeTime - this.#delay) * TICKS_PER_MS;
    const composition = (this.#composition + this.#delay) * TICKS_PER_MS;
    const sure = this.#follow(ticks);
    const grid = sure ?? this.#presumed;
    const wanted = Math.round(grid?.time ?? ticks);
    const late = wanted <= this.#last;
    const dts = late ? this.#last + 1 : wanted;
    // A grid taken over from another may step back by its rounding: nobody's mistake. A message that steps back is one.
    if (late && Math.round(ticks) <= this.#last) this.#nonMonotonic += 1;
    this.#last = dts;
    // Where decoding had to be moved, presentation stays.
    const pts = Math.max(dts, wanted + Math.round(snapComposition(composition, grid)));
    const duration = sure === undefined || late ? undefined : Math.round(sure.time + sure.period) - dts;
    return { dts, pts, duration };
  }

  /** Until anything speaks against it, the claimed rate holds from the first frame on. */
  get #presumed(): FrameGrid | undefined {
    return this.#current === undefined && this.#hinted?.score === this.#frames - 1 ? this.#hinted : undefined;
  }

  #follow(ticks: number): FrameGrid | undefined {
    const previous = this.#previous;
    this.#previous = ticks;
    this.#frames += 1;
    if (previous === undefined) {
      for (const grid of this.#grids) grid.restart(ticks);
      return undefined;
    }
    let best = this.#current;
    for (const grid of this.#grids) {
      grid.observe(ticks, previous);
      if (grid.score >= this.#neededScore(grid) && (best === undefined || grid.score > best.score)) best = grid;
    }
    this.#current = best !== undefined && best.score >= this.#neededScore(best) ? best : undefined;
    return this.#current;
  }

  #neededScore(grid: FrameGrid): number {
    return grid === this.#hinted ? HINTED_SCORE : UNHINTED_SCORE;
  }
}

function snapComposition(composition: number, grid: FrameGrid | undefined): number {
  if (grid === undefined || composition === 0) return composition;
  const snapped = Math.round(composition / grid.period) * grid.period;
  return Math.abs(snapped - composition) <= COMPOSITION_TOLERANCE ? snapped : composition;
}
