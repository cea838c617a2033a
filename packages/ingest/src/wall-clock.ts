/** The time of day, as far as packets need it. */

/**
 * Milliseconds since the Unix epoch: the system's time when the process started, carried on by the monotonic clock. Never goes back, also when the
 * system's time is put right; `receivedAt` of a later packet is never less.
 */
export function wallClock(): number {
  return Math.floor(performance.timeOrigin + performance.now());
}
