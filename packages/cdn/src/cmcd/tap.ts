/** Reads CMCD as requests go by, and no more of it than a second has room for. */

import type { RawRequest } from "../handler/raw.ts";
import { atLeast0, callable, checkOptions, madeBy, required } from "../options/check-options.ts";
import { type Cmcd, hasCmcd, readCmcd } from "./cmcd.ts";
import type { CmcdMetrics } from "./cmcd-metrics.ts";

/** Reading one takes 20 to 32 µs, more than serving a small hit: 2,000 a second are 4 to 6 % of a core. */
const DEFAULT_CMCD_PER_SECOND = 2_000;

/** Options of {@link createCmcdTap}. */
export interface CmcdTapOptions {
  readonly metrics: CmcdMetrics;
  /** Sets read in a second; the others are counted as unread. They are the first of each second, whoever sends them. Default 2,000. */
  readonly maxPerSecond?: number;
  /** Milliseconds, steady. */
  readonly clock: () => number;
}

/** Stands in the way of requests. */
export interface CmcdTap {
  /** What the player said, for logs and for fetching ahead; it is in the metrics already. Undefined where it said nothing, or was not read. */
  take(request: Pick<RawRequest, "target" | "headers">): Cmcd | undefined;
}

/** Makes one for an edge. */
export function createCmcdTap(options: CmcdTapOptions): CmcdTap {
  checkOptions("createCmcdTap", options, {
    metrics: required(madeBy("observeCmcd", "record")),
    maxPerSecond: atLeast0("reports"),
    clock: required(callable),
  });
  const { metrics, maxPerSecond = DEFAULT_CMCD_PER_SECOND, clock } = options;
  const budget = new Budget(maxPerSecond, clock);
  return {
    take(request) {
      if (!hasCmcd(request)) return undefined;
      if (!budget.take()) {
        metrics.unread("sampled");
        return undefined;
      }
      const report = readCmcd(request);
      if (report === undefined) metrics.unread("malformed");
      else metrics.record(report, "request");
      return report;
    },
  };
}

/** So many in each second. */
export class Budget {
  readonly #perSecond: number;
  readonly #clock: () => number;
  #startedAt = Number.NEGATIVE_INFINITY;
  #left = 0;

  constructor(perSecond: number, clock: () => number) {
    this.#perSecond = perSecond;
    this.#clock = clock;
  }

  take(): boolean {
    const now = this.#clock();
    if (now - this.#startedAt >= 1000) {
      this.#startedAt = now;
      this.#left = this.#perSecond;
    }
    if (this.#left <= 0) return false;
    this.#left -= 1;
    return true;
  }
}
