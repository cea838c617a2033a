/** Tells from a series of probes that a stream is worth loading again. No I/O, no timers. */

import type { Availability } from "../source/probe.ts";

/** See {@link createComeback}. */
export interface Comeback {
  /** Takes what a source answered; true = load it. */
  observe(source: number, availability: Availability): boolean;
}

/** Unchanged manifests in a row after which a source is tried all the same: not every MPD changes while its stream goes on. */
export const UNCHANGED_LIMIT = 8;

/**
 * A manifest that answers is not enough: a publisher that went away leaves its last playlist behind. The stream is back when a
 * source that had nothing has something, or when a live manifest changes from one probe to the next.
 *
 * @param options.live - the stream was live, so that a finished playlist (ENDLIST) means it is over rather than on demand.
 */
export function createComeback(options: { live: boolean }): Comeback {
  const seen = new Map<number, { fingerprint: string | null; unchanged: number }>();
  return {
    observe(source, availability) {
      const before = seen.get(source);
      if (availability.kind === "complete") {
        seen.set(source, { fingerprint: null, unchanged: 0 });
        return !options.live;
      }
      if (availability.kind === "absent") {
        seen.set(source, { fingerprint: null, unchanged: 0 });
        return false;
      }
      const { fingerprint } = availability;
      if (before === undefined) {
        seen.set(source, { fingerprint, unchanged: 0 });
        return false;
      }
      if (before.fingerprint !== fingerprint) return true;
      before.unchanged += 1;
      if (before.unchanged < UNCHANGED_LIMIT) return false;
      before.unchanged = 0;
      return true;
    },
  };
}
