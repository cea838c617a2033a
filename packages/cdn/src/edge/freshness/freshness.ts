/** How long a stored response is fresh, and how old it is (RFC 9111 §4.2). */

import { parseHttpDate } from "../../http/conditional.ts";
import { fieldOf } from "../../http/fields.ts";
import { directivesOf, type ResponseDirectives } from "./cache-control.ts";

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
  /** Seconds past freshness that it may be served when the upstream fails or answers with an error (RFC 5861 §4). */
  readonly staleIfError: number;
  /** Seconds past freshness that it may be served when no upstream answers at all (RFC 9111 §4.2.4). */
  readonly staleIfDisconnected: number;
  /** Never to be served stale, whoever would take it so (RFC 9111 §5.2.2.2). */
  readonly mustRevalidate: boolean;
  /** Will not change while it is fresh, so that nobody has to ask (RFC 8246). */
  readonly immutable: boolean;
}

/** How a lifetime is guessed where a response names none but says when it was last changed (RFC 9111 §4.2.2). */
export interface HeuristicFreshness {
  /** Share of the time since it was changed. */
  readonly fraction: number;
  /** Seconds at most. */
  readonly max: number;
}

/** A tenth of the time since the last change, as RFC 9111 §4.2.2 suggests, but five minutes at most: who says nothing is not taken at their word for long. */
export const DEFAULT_HEURISTIC: HeuristicFreshness = { fraction: 0.1, max: 300 };
/** 30 s. */
export const DEFAULT_STALE_IF_DISCONNECTED = 30;
/** Statuses for which a lifetime may be guessed (RFC 9110 §15.1). */
const HEURISTIC_STATUSES = new Set([200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501]);

/** What an edge decides where responses say nothing. */
export interface FreshnessPolicy {
  /** Seconds that a 404 or 410 without a time of its own is kept. */
  readonly negativeTtl: number;
  /** False: never. */
  readonly heuristic: HeuristicFreshness | false;
  /** Seconds. */
  readonly staleIfDisconnected: number;
  readonly targetedFields: readonly string[];
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
  readonly policy: FreshnessPolicy;
}

/** Reads a response's freshness. Without a time of its own, or one that may be guessed, a response is stale at once. */
export function freshnessOf(
  options: FreshnessOptions,
  directives = directivesOf(options.headers, options.policy.targetedFields),
): Freshness {
  const { headers, requestedAt, receivedAt, systemTime, policy } = options;
  const date = parseHttpDate(fieldOf(headers, "date"));
  const apparentAge = date === undefined ? 0 : Math.max(0, (systemTime - date) / 1000);
  // Of several, the first counts; what is no number is as good as nothing (RFC 9111 §5.1).
  const ageField = /^\d+(?=\s*(?:,|$))/.exec(options.age ?? "")?.[0];
  const ageValue = ageField === undefined ? 0 : Math.min(Number(ageField), 2 ** 31);
  const correctedAge = ageValue + (receivedAt - requestedAt) / 1000;
  // A Date has whole seconds and may come from another clock: below two seconds it says nothing about age.
  const initialAge = Math.max(apparentAge < 2 ? 0 : apparentAge, ageValue === 0 ? 0 : correctedAge);
  const mustRevalidate =
    directives.mustRevalidate || directives.proxyRevalidate || directives.sMaxAge !== undefined || directives.noCache;
  const { staleWhileRevalidate = 0, staleIfError = 0 } = directives;
  return {
    lifetime: directives.noCache ? 0 : lifetimeOf(options, directives, date ?? systemTime),
    initialAge,
    receivedAt,
    staleWhileRevalidate: mustRevalidate ? 0 : staleWhileRevalidate,
    staleIfError: mustRevalidate ? 0 : staleIfError,
    staleIfDisconnected: mustRevalidate ? 0 : Math.max(staleIfError, policy.staleIfDisconnected),
    mustRevalidate,
    immutable: directives.immutable,
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

/** Whether a response says how long it is fresh. */
export function namesLifetime(headers: readonly string[], directives: ResponseDirectives): boolean {
  if (directives.sMaxAge !== undefined || directives.maxAge !== undefined) return true;
  return !directives.targeted && fieldOf(headers, "expires") !== undefined;
}

/** Whether one that does not may have a lifetime guessed. */
export function allowsHeuristic(status: number, directives: ResponseDirectives): boolean {
  return HEURISTIC_STATUSES.has(status) || directives.public;
}

function lifetimeOf(
  { status, headers, policy, systemTime }: FreshnessOptions,
  directives: ResponseDirectives,
  date: number,
): number {
  if (directives.sMaxAge !== undefined) return directives.sMaxAge;
  if (directives.maxAge !== undefined) return directives.maxAge;
  const expires = directives.targeted ? undefined : fieldOf(headers, "expires");
  // A date that cannot be read is in the past (RFC 9111 §5.3).
  if (expires !== undefined) return Math.max(0, ((parseHttpDate(expires) ?? 0) - date) / 1000);
  if (status === 404 || status === 410) return policy.negativeTtl;
  if (policy.heuristic === false || !allowsHeuristic(status, directives)) return 0;
  // Before there was `Cache-Control`, this is how one said so.
  if (!directives.targeted && /\bno-cache\b/i.test(fieldOf(headers, "pragma") ?? "")) return 0;
  const changed = parseHttpDate(fieldOf(headers, "last-modified"));
  if (changed === undefined) return 0;
  const { fraction, max } = policy.heuristic;
  return Math.min(max, Math.max(0, ((Math.min(date, systemTime) - changed) / 1000) * fraction));
}
