/** What became of a request, for access logs and metrics: beside the answer, so that nobody has to parse `Cache-Status` again. */

/** The name of each way that an edge can answer. */
export type CacheOutcome =
  /** Fresh, from memory or disk. */
  | "hit"
  /** From the cache though stale, as stale-while-revalidate or stale-if-error (RFC 5861) allow. */
  | "stale"
  /** From the cache after the upstream said that it still holds (304). */
  | "revalidated"
  /** From an upstream request that another client's request had caused. */
  | "collapsed"
  /** From the upstream, through the cache. */
  | "miss"
  /** From the upstream, past the cache: `reason` says why. */
  | "bypass"
  /** Refused by a guard: `reason` says by which. */
  | "refused"
  /** An error of the edge's own, or no answer from any upstream. */
  | "error";

/** Immutable, and shared by answers that are alike. */
export interface AnswerFacts {
  readonly outcome: CacheOutcome;
  /** A token that says more: why it was not stored, forwarded, or refused; the code of an error. */
  readonly reason?: string;
  /** Name of the upstream or peer that was asked. */
  readonly upstream?: string;
  /** Which tier a hit came from. */
  readonly tier?: "memory" | "disk";
}
