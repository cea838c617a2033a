/** Time as an argument: wall clock and timers, so that blocking is tested without waiting. */

/** Wall clock and timers of a packager. */
export interface WallClock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Calls back once, `milliseconds` from now, unless the returned function is called before. Does not keep the process alive. */
  after(milliseconds: number, callback: () => void): () => void;
}

/** The machine's. */
export const systemWallClock: WallClock = {
  now: () => Date.now(),
  after(milliseconds, callback) {
    const timer = setTimeout(callback, milliseconds);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
