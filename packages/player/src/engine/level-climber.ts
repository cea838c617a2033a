/** Chooses a level by how well the last one went, where throughput cannot be measured. No I/O, no timers. */

/** What the climber looks at. Seconds; `now` in milliseconds. */
export interface ClimberSample {
  readonly now: number;
  readonly level: number;
  readonly levels: number;
  readonly bufferAhead: number;
  readonly latency: number;
  readonly targetLatency: number;
}

/** Milliseconds of good play before a step up, at first. */
export const CLIMB_AFTER = 3000;
/** A level that had to be left is tried again after twice as long each time, at most this many milliseconds. */
const LONGEST_WAIT = 120_000;

/**
 * A chunked segment at the live edge arrives at the pace it is made, however fast the network: dash.js then takes the encoder's
 * bitrate for the throughput, and stays at the lowest level for ever. This one steps up when playback has been well for a while, and
 * down at once when the buffer runs low.
 */
export function createLevelClimber(): { choose(sample: ClimberSample): number } {
  const waits = new Map<number, number>();
  let wellSince: number | null = null;
  return {
    choose({ now, level, levels, bufferAhead, latency, targetLatency }) {
      if (bufferAhead < targetLatency * 0.15 && level > 0) {
        if (wellSince === null) return level;
        wellSince = null;
        waits.set(level, Math.min(LONGEST_WAIT, 2 * (waits.get(level) ?? CLIMB_AFTER)));
        return level - 1;
      }
      const well = bufferAhead > targetLatency * 0.4 && latency < targetLatency + 0.7;
      if (!well) return level;
      wellSince ??= now;
      const next = level + 1;
      if (next >= levels || now - wellSince < (waits.get(next) ?? CLIMB_AFTER)) return level;
      wellSince = now;
      return next;
    },
  };
}
