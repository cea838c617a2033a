/** How long to wait before a process that died is started again. Pure. */

/** Milliseconds before the first restart; twice as long after each that died soon. */
const FIRST_DELAY = 100;
/** At most so long. */
const MAX_DELAY = 10_000;
/** Milliseconds that a process has to live for the next one to count as the first. */
const STEADY = 10_000;

/** Milliseconds to wait, and how often it died soon in a row. */
export interface Restart {
  readonly delay: number;
  readonly failures: number;
}

/**
 * @param failures - how often it had died soon before.
 * @param lifetime - milliseconds that it lived.
 */
export function nextRestart(failures: number, lifetime: number): Restart {
  const before = lifetime >= STEADY ? 0 : failures;
  return { delay: Math.min(MAX_DELAY, FIRST_DELAY * 2 ** before), failures: before + 1 };
}
