/** When a second request is worth it because the first one is late. No I/O. */

import { CdnError } from "../../errors.ts";
import type { LatencySketch } from "./latency-sketch.ts";
import { isHeld } from "./upstream.ts";

/** Second requests for segments whose first is late. */
export interface HedgeOptions {
  /** Milliseconds without a head before the second one goes out. Default: what 95 of 100 recent ones of that upstream stayed within. */
  readonly after?: number;
  /** Bounds of that default, in milliseconds. Default 30 and 2,000. */
  readonly min?: number;
  readonly max?: number;
  /**
   * Which targets may be asked for twice. Never those that an upstream holds. Default {@link isSegment}: it leaves out what has a name of a
   * part, because a hinted part is late on purpose.
   */
  readonly when?: (target: string) => boolean;
  /** Where there is no other upstream, ask the same one over another connection. Default false. */
  readonly sameUpstream?: boolean;
}

const MIN_DELAY = 30;
const MAX_DELAY = 2_000;

const SEGMENT = /\.(?:ts|m2ts|m4s|m4v|m4a|mp4|cmf[vat]|webm|aac|ac3|ec3|mp3)$/;
/** `part12`, `s0-p12`, `s12.p3`. */
const PART = /part|(?:^|[-_.])p[-_.]?\d/i;

/** Whether a target has the name of a media segment, and not the one of a part. */
export function isSegment(target: string): boolean {
  const query = target.indexOf("?");
  const path = query === -1 ? target : target.slice(0, query);
  return SEGMENT.test(path) && !PART.test(path.slice(path.lastIndexOf("/") + 1));
}

/** {@link HedgeOptions} with their defaults. */
export interface Hedging {
  /** Whether a target may be asked for twice. */
  isFor(target: string): boolean;
  /** Milliseconds to wait for an upstream that answers like this; undefined where too little is known. */
  delay(latency: LatencySketch): number | undefined;
  readonly sameUpstream: boolean;
}

/** @throws {CdnError} `INVALID_OPTION`. */
export function createHedging(options: HedgeOptions | false = {}): Hedging {
  if (options === false) return { isFor: () => false, delay: () => undefined, sameUpstream: false };
  const { after, min = MIN_DELAY, max = MAX_DELAY, when = isSegment, sameUpstream = false } = options;
  if (!((after ?? 0) >= 0) || !(min >= 0) || !(max >= min)) {
    throw new CdnError("INVALID_OPTION", "hedge: after, min and max are milliseconds, and min is not above max");
  }
  return {
    isFor: (target) => !isHeld(target) && when(target),
    delay: (latency) => {
      if (after !== undefined) return after;
      const usual = latency.quantile(0.95);
      return usual === undefined ? undefined : Math.min(max, Math.max(min, usual));
    },
    sameUpstream,
  };
}
