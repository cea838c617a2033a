/** What to do with a request, given what is stored and the time. A pure decision whose every outcome has a name. */

import type { RawRequest } from "../../handler/raw.ts";
import { type Freshness, ttlOf } from "../freshness/freshness.ts";

/** Outcome of a look-up. */
export type Lookup =
  /** Fresh: served as it is. */
  | "hit"
  /** Stale, but may be served while it is fetched again. */
  | "stale-while-revalidate"
  /** Stale: the upstream is asked whether it still holds. */
  | "revalidate"
  /** Nothing stored. */
  | "miss"
  /** Not a question a cache can answer. */
  | "bypass";

/**
 * Decides about one request.
 *
 * Request directives such as `no-cache` do not count: a viewer must not be able to empty an edge.
 */
export function decideLookup(
  request: Pick<RawRequest, "method">,
  stored: { readonly freshness: Freshness } | undefined,
  now: number,
): Lookup {
  if (request.method !== "GET" && request.method !== "HEAD") return "bypass";
  if (stored === undefined) return "miss";
  const ttl = ttlOf(stored.freshness, now);
  if (ttl > 0) return "hit";
  return -ttl < stored.freshness.staleWhileRevalidate ? "stale-while-revalidate" : "revalidate";
}
