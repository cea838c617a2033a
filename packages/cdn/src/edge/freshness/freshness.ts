/** How long a stored response is fresh, and how old it is (RFC 9111 §4.2). */

import { parseHttpDate } from "../../http/conditional.ts";
import { fieldOf, joinedFieldOf } from "../../http/fields.ts";
import { parseCacheControl, type ResponseDirectives } from "./cache-control.ts";

/** Everything the clock is compared with. Seconds, but for the times of the clock itself. */
export interface Freshness {
  /** Seconds that it is fresh from when it was made. */
  readonly lifetime: number;
  /** Seconds old when it arrived. */
  readonly initialAge: number;
  /** Milliseconds of the clock when it arrived. */
  readonly receivedAt: number;
  /** Seconds past freshness that it may be served while it is fetched again (RFC 5861 §3). */
  readonly staleWhileRevalidate: number;
  /** Seconds past freshness that it may be served when the upstream fails (RFC 5861 §4). */
  readonly staleIfError: number;
}

/** Options of {@link freshnessOf}. */
export interface FreshnessOptions {
  readonly status: number;
  readonly headers: readonly string[];
  /** The `Age` field, as the cache before this one wrote it. */
  readonly age: string | undefined;
  /** Milliseconds of the clock when the request went out. */
  readonly requestedAt: number;
  /** Milliseconds of the clock when the response head arrived. */
  readonly receivedAt: number;
  /** Milliseconds of the system's time then: what a `Date` is compared with. */
  readonly systemTime: number;
  /** Seconds that a 404 or 410 without a time of its own is kept. */
  readonly negativeTtl: number;
}

/** Reads a response's freshness. Without a time of its own a response is stale at once: this cache does not guess. */
export function freshnessOf(options: FreshnessOptions, directives = directivesOf(options.headers)): Freshness {
  const { headers, requestedAt, receivedAt, systemTime } = options;
  const date = parseHttpDate(fieldOf(headers, "date"));
  const apparentAge = date === undefined ? 0 : Math.max(0, (systemTime - date) / 1000);
  // Of several, the first counts; what is no number is as good as nothing (RFC 9111 §5.1).
  const ageField = /^\d+(?=\s*(?:,|$))/.exec(options.age ?? "")?.[0];
  const ageValue = ageField === undefined ? 0 : Math.min(Number(ageField), 2 ** 31);
  const correctedAge = ageValue + (receivedAt - requestedAt) / 1000;
  // A Date has whole seconds and may come from another clock: below two seconds it says nothing about age.
  const initialAge = Math.max(apparentAge < 2 ? 0 : apparentAge, ageValue === 0 ? 0 : correctedAge);
  const mayBeStale =
    !directives.mustRevalidate &&
    !directives.proxyRevalidate &&
    directives.sMaxAge === undefined &&
    !directives.noCache;
  return {
    lifetime: directives.noCache ? 0 : lifetimeOf(options, directives, date ?? systemTime),
    initialAge,
    receivedAt,
    staleWhileRevalidate: mayBeStale ? (directives.staleWhileRevalidate ?? 0) : 0,
    staleIfError: mayBeStale ? (directives.staleIfError ?? 0) : 0,
  };
}

/** Seconds old, now. */
export function ageOf(freshness: Freshness, now: number): number {
  return freshness.initialAge + Math.max(0, (now - freshness.receivedAt) / 1000);
}

/** Seconds of freshness left, negative when stale. */
export function ttlOf(freshness: Freshness, now: number): number {
  return freshness.lifetime - ageOf(freshness, now);
}

/** Directives of a response. */
export function directivesOf(headers: readonly string[]): ResponseDirectives {
  return parseCacheControl(joinedFieldOf(headers, "cache-control"));
}

function lifetimeOf(
  { status, headers, negativeTtl }: FreshnessOptions,
  directives: ResponseDirectives,
  date: number,
): number {
  if (directives.sMaxAge !== undefined) return directives.sMaxAge;
  if (directives.maxAge !== undefined) return directives.maxAge;
  const expires = fieldOf(headers, "expires");
  // A date that cannot be read is in the past (RFC 9111 §5.3).
  if (expires !== undefined) return Math.max(0, ((parseHttpDate(expires) ?? 0) - date) / 1000);
  return status === 404 || status === 410 ? negativeTtl : 0;
}
