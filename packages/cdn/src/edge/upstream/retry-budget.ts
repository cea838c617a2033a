/** How many requests may be sent a second time: an outage must not double the load. No I/O, and no clock of its own. */

import { CdnError } from "../../errors.ts";
import { SlidingCounts } from "./sliding-counts.ts";

/** Bounds of second attempts, hedges among them. */
export interface RetryOptions {
  /** Retries and hedges per request over the last ten seconds, at most. Default 0.2. */
  readonly share: number;
  /** So many in a second are allowed whatever the share. Default 10. */
  readonly floor: number;
  /**
   * Milliseconds, on average, before each further attempt at an upstream that is the only one and failed to answer. An empty list: none.
   * Default 100 and 300.
   */
  readonly backoff: readonly number[];
}

/** A fifth of the requests, or ten a second; two further attempts at an only upstream. */
export const DEFAULT_RETRY: RetryOptions = { share: 0.2, floor: 10, backoff: [100, 300] };

const WINDOW = 10_000;
const REQUESTS = 0;
const RETRIES = 1;

/** Counts requests, and grants retries as long as they are few beside these. */
export class RetryBudget {
  readonly #share: number;
  readonly #floor: number;
  readonly #counts = new SlidingCounts(WINDOW, 2);
  readonly #lastSecond = new SlidingCounts(1_000, 1);
  #refused = 0;

  /** @throws {CdnError} `INVALID_OPTION`. */
  constructor({ share, floor }: Pick<RetryOptions, "share" | "floor">) {
    if (!(share >= 0) || !(floor >= 0)) {
      throw new CdnError("INVALID_OPTION", `retry.share ${share} and retry.floor ${floor} cannot be below zero`);
    }
    this.#share = share;
    this.#floor = floor;
  }

  /** Retries that were not granted so far. */
  get refused(): number {
    return this.#refused;
  }

  /** A request came: its first attempt costs nothing. */
  request(now: number): void {
    this.#counts.add(REQUESTS, now);
  }

  /** Takes one retry out of the budget, if there is one. */
  take(now: number): boolean {
    const isGranted =
      this.#lastSecond.sum(0, now) < this.#floor ||
      this.#counts.sum(RETRIES, now) + 1 <= this.#share * this.#counts.sum(REQUESTS, now);
    if (!isGranted) {
      this.#refused += 1;
      return false;
    }
    this.#lastSecond.add(0, now);
    this.#counts.add(RETRIES, now);
    return true;
  }
}
