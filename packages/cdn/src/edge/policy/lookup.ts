/** What to do with a request, given what is stored and the time. A pure decision whose every outcome has a name. */

import type { RawRequest } from "../../handler/raw.ts";
import { preconditionsHold } from "../../http/conditional.ts";
import { type RequestDirectives, requestDirectivesOf } from "../freshness/cache-control.ts";
import { ageOf, type Freshness, ttlOf } from "../freshness/freshness.ts";

/** Outcome of a look-up. */
export type Lookup =
  /** Fresh: served as it is. */
  | "hit"
  /** Stale, but may be served while it is fetched again. */
  | "stale-while-revalidate"
  /** Stale, but the client takes it so. */
  | "max-stale"
  /** Stale: the upstream is asked whether it still holds. */
  | "revalidate"
  /** Fresh, but the client wants the upstream asked. */
  | "reload"
  /** Nothing stored. */
  | "miss"
  /** Not here, and the client does not want the upstream asked. */
  | "only-if-cached"
  /** Not a question a cache can answer: one that changes something. */
  | "method"
  /** The client wants its answer stored nowhere. */
  | "request-no-store"
  /** A condition that only the origin may find false (RFC 9111 §4.3.2). */
  | "precondition";

/**
 * Which directives of requests count.
 *
 * - `ignore`: none.
 * - `harmless`: `only-if-cached` and `max-stale`, by which nobody can make an edge ask its upstream.
 * - `all`: also `no-cache`, `no-store`, `max-age`, `min-fresh` and `Pragma: no-cache`. Whoever sends them makes the edge ask its upstream
 *   each time.
 */
export type RequestDirectivesMode = "ignore" | "harmless" | "all";

/** What is stored, as far as the decision goes. */
export interface Found {
  readonly freshness: Freshness;
  readonly validators: { readonly etag?: string | undefined; readonly lastModified?: number | undefined };
}

/**
 * Decides about one request.
 *
 * @param purged - softly: what is stored counts as just gone stale.
 */
export function decideLookup(
  request: Pick<RawRequest, "method" | "headers">,
  stored: Found | undefined,
  now: number,
  mode: RequestDirectivesMode = "harmless",
  purged = false,
): Lookup {
  const { method, headers } = request;
  if (method !== "GET" && method !== "HEAD") return "method";
  const directives =
    mode === "ignore" || (headers["cache-control"] === undefined && headers.pragma === undefined)
      ? undefined
      : requestDirectivesOf(headers);
  if (hasOriginConditions(headers) && (stored === undefined || !preconditionsHold(headers, stored.validators))) {
    return "precondition";
  }
  const isStrict = mode === "all";
  if (isStrict && directives?.noStore) return "request-no-store";
  if (stored === undefined) return directives?.onlyIfCached ? "only-if-cached" : "miss";
  const { freshness } = stored;
  const ttl = purged ? Math.min(0, ttlOf(freshness, now)) : ttlOf(freshness, now);
  if (ttl > 0) {
    if (!isStrict || directives === undefined || !wantsAnother(directives, freshness, ttl, now)) return "hit";
    return directives.onlyIfCached ? "only-if-cached" : "reload";
  }
  if (!purged && !freshness.mustRevalidate && -ttl < (directives?.maxStale ?? 0)) return "max-stale";
  if (-ttl < freshness.staleWhileRevalidate) return "stale-while-revalidate";
  return directives?.onlyIfCached ? "only-if-cached" : "revalidate";
}

/** What of a request's directives is to count at a peer that is asked for it, too: a `Cache-Control`; undefined where nothing is. */
export function wantedOfPeers(
  headers: RawRequest["headers"],
  mode: RequestDirectivesMode = "harmless",
): string | undefined {
  const directives = mode === "all" ? requestDirectivesOf(headers) : undefined;
  if (directives === undefined) return undefined;
  const { noCache, maxAge, minFresh } = directives;
  const wanted = noCache ? ["no-cache"] : [];
  if (maxAge !== undefined) wanted.push(`max-age=${maxAge}`);
  if (minFresh !== undefined) wanted.push(`min-fresh=${minFresh}`);
  return wanted.length === 0 ? undefined : wanted.join(", ");
}

function wantsAnother(directives: RequestDirectives, freshness: Freshness, ttl: number, now: number): boolean {
  const { noCache, maxAge, minFresh } = directives;
  if (minFresh !== undefined && ttl < minFresh) return true;
  // What cannot have changed is not asked for again, whatever a browser's reload says (RFC 8246 §2).
  if (freshness.immutable) return false;
  return noCache || maxAge === 0 || (maxAge !== undefined && ageOf(freshness, now) > maxAge);
}

function hasOriginConditions(headers: RawRequest["headers"]): boolean {
  return headers["if-match"] !== undefined || headers["if-unmodified-since"] !== undefined;
}
