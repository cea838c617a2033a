/** Which source to play: goes on to the next when one fails, and remembers how each has behaved. No I/O, no timers. */

/** How a source has behaved so far. */
export interface SourceHealth {
  /** Failures since it last played for {@link FailoverOptions.stableAfter}. */
  readonly failures: number;
  /** Not chosen by failover before this moment, in the clock's milliseconds. 0 = never failed. */
  readonly penalisedUntil: number;
}

/** What to do after a failure. */
export type FailoverDecision =
  /** Load this source now. */
  | { readonly action: "switch"; readonly index: number }
  /** All have failed lately: try this one after `delay` milliseconds. */
  | { readonly action: "wait"; readonly index: number; readonly delay: number };

/** Options of {@link createFailover}. Times in milliseconds. */
export interface FailoverOptions {
  /** How many sources there are. */
  readonly sources: number;
  /** Monotonic clock. */
  readonly now: () => number;
  /** Penalty of a first failure; doubles with each further one. Default 1000. */
  readonly penalty?: number;
  /** Upper bound of the penalty, and so of the time between two attempts. Default 15000. */
  readonly maxPenalty?: number;
  /** A source that has played this long is forgiven its failures. Default 20000. */
  readonly stableAfter?: number;
}

/**
 * Chooses among sources of the same stream.
 *
 * It moves only when told that the current source failed, to the next one in the list that is not serving a penalty. It never
 * goes back by itself: a viewer who plays well stays; {@link Failover.select} is how one goes back by choice.
 */
export interface Failover {
  /** Index of the source in use. */
  readonly current: number;
  readonly health: readonly SourceHealth[];
  /** The current source failed. Penalises it and says what to do; `current` is then the decision's index. */
  fail(): FailoverDecision;
  /** The current source is delivering. Call it as often as you like. */
  progress(): void;
  /** Makes a source current by choice and lifts its penalty. @throws RangeError when there is no such source. */
  select(index: number): void;
}

/** @see Failover */
export function createFailover(options: FailoverOptions): Failover {
  const { sources, now, penalty = 1000, maxPenalty = 15_000, stableAfter = 20_000 } = options;
  const health = Array.from({ length: sources }, () => ({ failures: 0, penalisedUntil: 0 }));
  let current = 0;
  let playingSince: number | null = null;

  function move(index: number): void {
    current = index;
    playingSince = null;
  }

  return {
    get current() {
      return current;
    },
    health,
    fail() {
      const time = now();
      const failed = health[current];
      if (failed === undefined) throw new RangeError("there is no source to fail");
      failed.failures += 1;
      failed.penalisedUntil = time + Math.min(maxPenalty, penalty * 2 ** (failed.failures - 1));
      let earliest = current;
      for (let step = 1; step <= sources; step++) {
        const index = (current + step) % sources;
        const until = health[index]!.penalisedUntil;
        if (until <= time) {
          move(index);
          return { action: "switch", index };
        }
        if (until < health[earliest]!.penalisedUntil) earliest = index;
      }
      move(earliest);
      return { action: "wait", index: earliest, delay: health[earliest]!.penalisedUntil - time };
    },
    progress() {
      const entry = health[current];
      if (entry === undefined || entry.failures === 0) return;
      playingSince ??= now();
      if (now() - playingSince < stableAfter) return;
      entry.failures = 0;
      entry.penalisedUntil = 0;
    },
    select(index) {
      const entry = health[index];
      if (entry === undefined) throw new RangeError(`there is no source ${index}`);
      entry.failures = 0;
      entry.penalisedUntil = 0;
      move(index);
    },
  };
}
