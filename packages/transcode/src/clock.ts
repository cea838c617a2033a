/** Time as an argument, so that hangs, backoff and blocking are tested without waiting. */

/** Monotonic time and timers. */
export interface Clock {
  /** Milliseconds since any fixed instant, never going back. */
  now(): number;
  /** Calls back once, `milliseconds` from now, unless the returned function is called before. Does not keep the process alive. */
  after(milliseconds: number, callback: () => void): () => void;
}

/** Wall clock and timers. */
export interface WallClock extends Pick<Clock, "after"> {
  /** Milliseconds since the Unix epoch. */
  now(): number;
}

/** The machine's. */
export const systemClock: Clock = { now: () => performance.now(), after };

/**
 * The machine's as it was when the process started, carried on by the monotonic clock: whole milliseconds that never go back, whatever becomes of the
 * system's time. Dates in playlists, and what `/time` says, must stay in step with each other rather than with a clock that is put right.
 */
export const systemWallClock: WallClock = { now: () => Math.floor(performance.timeOrigin + performance.now()), after };

function after(milliseconds: number, callback: () => void): () => void {
  const timer = setTimeout(callback, milliseconds);
  timer.unref();
  return () => clearTimeout(timer);
}
