/** Notices that playback stands still and says how hard to push. No I/O, no timers: it is shown samples. */

/** What the player looks like at one moment. */
interface PlaybackSample {
  /** Monotonic milliseconds. */
  readonly now: number;
  /** Media time in seconds. */
  readonly currentTime: number;
  /** Whether time ought to move: not paused, not ended, not seeking, something loaded. */
  readonly shouldMove: boolean;
  /** Seconds buffered ahead of `currentTime`. */
  readonly bufferAhead: number;
}

/** One step up the ladder of remedies: each is tried once per stall, in this order. */
export type StallRemedy =
  /** Jump a little forward, over a hole or a frame that the decoder hangs on. Only with media buffered ahead. */
  | "nudge"
  /** Jump to the live edge. */
  | "seek-to-live"
  /** Load the same source anew. */
  | "reload"
  /** Give the source up. */
  | "next-source";

/** Milliseconds of standing still after which each remedy is due. */
export type StallThresholds = Readonly<Record<StallRemedy, number>>;

/** Default of {@link createStallWatchdog}. hls.js and dash.js skip holes by themselves within about two seconds, so we wait that long. */
export const defaultStallThresholds: StallThresholds = {
  nudge: 2500,
  "seek-to-live": 4000,
  reload: 6000,
  "next-source": 12_000,
};

/** See {@link createStallWatchdog}. */
export interface StallWatchdog {
  /** Takes a sample and returns a remedy when one is due. */
  observe(sample: PlaybackSample): StallRemedy | null;
  /** Whether time stands still though it should move, for more than {@link STALL_AFTER}. */
  readonly stalled: boolean;
  /** Stalls so far, not counting the wait for the first frame. */
  readonly count: number;
  /** Milliseconds stalled so far, including a stall that still lasts. */
  readonly duration: number;
  /** Forget the stall in progress: a source was loaded, or the viewer seeked. */
  reset(): void;
}

/** Standing still for less than this many milliseconds is no stall: media time advances in steps. */
const STALL_AFTER = 400;

/** Before media time has moved at all, everything may take this many times longer: scripts and first segments are on their way. */
export const STARTUP_PATIENCE = 2.5;

const ladder: readonly StallRemedy[] = ["nudge", "seek-to-live", "reload", "next-source"];

/** Watches playback. Counts every stall from its second millisecond budget ({@link STALL_AFTER}) on. */
export function createStallWatchdog(thresholds: StallThresholds = defaultStallThresholds): StallWatchdog {
  let last: PlaybackSample | null = null;
  let movedAt = 0;
  let started = false;
  let step = 0;
  let stalled = false;
  let count = 0;
  let settled = 0;
  let running = 0;

  function moved(sample: PlaybackSample): void {
    settled += running;
    running = 0;
    stalled = false;
    step = 0;
    movedAt = sample.now;
  }

  return {
    observe(sample) {
      const previous = last;
      last = sample;
      if (previous === null || !sample.shouldMove || !previous.shouldMove) {
        moved(sample);
        return null;
      }
      if (sample.currentTime !== previous.currentTime) {
        started = true;
        moved(sample);
        return null;
      }
      const still = sample.now - movedAt;
      if (still < STALL_AFTER) return null;
      if (started) {
        if (!stalled) count += 1;
        stalled = true;
        running = still;
      }
      while (step < ladder.length) {
        const remedy = ladder[step]!;
        if (still < thresholds[remedy] * (started ? 1 : STARTUP_PATIENCE)) return null;
        step += 1;
        if (remedy === "nudge" && sample.bufferAhead < 0.2) continue;
        return remedy;
      }
      return null;
    },
    get stalled() {
      return stalled;
    },
    get count() {
      return count;
    },
    get duration() {
      return settled + running;
    },
    reset() {
      if (last !== null) moved(last);
      last = null;
      started = false;
    },
  };
}
