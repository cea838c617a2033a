/** Gives audio its exact times back: samples are counted, the milliseconds of RTMP only keep the count from drifting. */

/** Milliseconds by which the count may be off before it is nudged, by one sample per packet. More than the rounding of any encoder. */
export const AUDIO_DRIFT_TOLERANCE = 10;

/** Milliseconds by which the count may be off for {@link RESYNC_PACKETS} packets in a row: jitter is shorter, a loss is not. */
const AUDIO_SYNC_TOLERANCE = 40;

/** Milliseconds by which the count is never off. */
export const AUDIO_MAX_ERROR = 200;

const RESYNC_PACKETS = 10;

/** An audio packet's place in time, in ticks of the track. */
export interface AudioTiming {
  readonly dts: number;
  readonly duration: number;
}

/**
 * Counts ticks of 1/`timescale` s.
 *
 * Strictly increasing. Each packet begins where the one before ended, except after a resync.
 */
export class AudioClock {
  readonly #perMs: number;
  #next: number | undefined;
  #last = -1;
  #offCount = 0;
  #smallestError = 0;
  #resyncs = 0;

  constructor(timescale: number) {
    this.#perMs = timescale / 1000;
  }

  /** How often the count was given up. */
  get resyncs(): number {
    return this.#resyncs;
  }

  /**
   * @param time - milliseconds since the publication's origin.
   * @param samples - ticks that the packet plays.
   */
  next(time: number, samples: number): AudioTiming {
    const wanted = time * this.#perMs;
    if (this.#next === undefined) {
      const dts = Math.max(0, Math.round(wanted));
      return this.#advance(dts, samples);
    }
    const error = wanted - this.#next;
    const correction = this.#resync(error);
    if (correction === 0) {
      const nudge = Math.abs(error) > AUDIO_DRIFT_TOLERANCE * this.#perMs ? Math.sign(error) : 0;
      return this.#advance(this.#next, Math.max(1, samples + nudge));
    }
    this.#resyncs += 1;
    return this.#advance(Math.max(this.#last + 1, Math.round(this.#next + correction)), samples);
  }

  /** What to add to the count now, 0 while it may go on. */
  #resync(error: number): number {
    const size = Math.abs(error);
    if (size > AUDIO_MAX_ERROR * this.#perMs) {
      this.#offCount = 0;
      return error;
    }
    if (size <= AUDIO_SYNC_TOLERANCE * this.#perMs) {
      this.#offCount = 0;
      return 0;
    }
    if (this.#offCount === 0 || Math.sign(error) !== Math.sign(this.#smallestError)) {
      this.#offCount = 0;
      this.#smallestError = error;
    } else if (size < Math.abs(this.#smallestError)) {
      this.#smallestError = error;
    }
    this.#offCount += 1;
    if (this.#offCount < RESYNC_PACKETS) return 0;
    this.#offCount = 0;
    return this.#smallestError;
  }

  #advance(dts: number, duration: number): AudioTiming {
    this.#last = dts;
    this.#next = dts + duration;
    return { dts, duration };
  }
}
