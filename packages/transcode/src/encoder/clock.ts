/** Time as an argument, so that hangs and backoff are tested without waiting. */

/** Monotonic time and timers. */
export interface Clock {
  /** Milliseconds since any fixed instant, never going back. */
  now(): number;
  /** Calls back once, `milliseconds` from now, unless the returned function is called before. Does not keep the process alive. */
  after(milliseconds: number, callback: () => void): () => void;
}

/** The machine's. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(milliseconds, callback) {
    const timer = setTimeout(callback, milliseconds);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
