/** May a response be stored (RFC 9111 §3)? A pure decision whose every outcome has a name. */

import type { RawRequest } from "../../handler/raw.ts";
import { contentLengthOf, fieldOf, joinedFieldOf } from "../../http/fields.ts";
import { varyNames } from "../cache-key/vary.ts";
import { directivesOf, type ResponseDirectives } from "../freshness/cache-control.ts";
import {
  allowsHeuristic,
  type Freshness,
  type FreshnessPolicy,
  freshnessOf,
  namesLifetime,
} from "../freshness/freshness.ts";
import { type LiveRules, underLiveRules } from "../live/live-rules.ts";

/** Why a response is not stored. */
export type NotStoredReason =
  /** It says so. */
  | "no-store"
  /** It is for whoever asked alone. */
  | "private"
  /** It sets a cookie, which is likely somebody's own. */
  | "set-cookie"
  /** It depends on what no cache can know. */
  | "vary-star"
  /** It answers credentials, and does not say that others may have it. */
  | "authorization"
  /** A status which nobody may keep, or without permission. */
  | "status"
  /** To be asked about each time, and nothing to ask by. */
  | "no-cache"
  /** Stale at once, and nothing to ask again by. */
  | "no-lifetime"
  /** Nobody knows whether it is whole. */
  | "no-length"
  | "too-large"
  /** A part that does not say which, or not what its length says. */
  | "content-range";
/** The cache is full of what is being sent. */

/** What becomes of a response. */
export type StorageDecision =
  | {
      readonly store: true;
      readonly freshness: Freshness;
      readonly vary: readonly string[];
      /** Fields that nobody but the client who asked may have. */
      readonly withheld: readonly string[];
    }
  | { readonly store: false; readonly reason: NotStoredReason };

/** What an edge decides about storing, beside freshness. */
export interface StoragePolicy extends FreshnessPolicy {
  readonly maxObjectBytes: number;
  readonly storeSetCookie: boolean;
}

/** Options of {@link decideStorage}. */
export interface StorageInput {
  readonly request: Pick<RawRequest, "headers">;
  readonly status: number;
  readonly headers: readonly string[];
  /** The response's `Age` field. */
  readonly age: string | undefined;
  /** The end of the body is only known by the connection's: whether it is whole, nobody can tell. */
  readonly closeDelimited: boolean;
  readonly requestedAt: number;
  readonly receivedAt: number;
  /** The system's time then, see {@link freshnessOf}. */
  readonly systemTime: number;
  readonly policy: StoragePolicy;
  /**
   * A peer holds it: here is a copy for those who ask while it is hot. A sibling's is good for as long as what it is of: processes of one edge hear of
   * all that is invalidated.
   */
  readonly fromPeer?: boolean;
  readonly sibling?: object | undefined;
  /** Of live media, which may allow less than the fields, or something where they say nothing. */
  readonly rules?: LiveRules | undefined;
}

/** Final statuses whose caching rules this cache knows (RFC 9110 §15), for `must-understand`. */
const UNDERSTOOD = new Set([200, 203, 204, 206, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501]);

/** Seconds after which a copy of what a peer holds is asked about: it is on no disk, and leaves memory early. */
export const PEER_COPY_LIFETIME = 2;

/** Decides about one response head. */
export function decideStorage(input: StorageInput): StorageDecision {
  const { status, headers, policy } = input;
  const directives = directivesOf(headers, policy.targetedFields);
  const reason = forbidden(input, directives);
  if (reason !== undefined) return { store: false, reason };
  const vary = varyNames(joinedFieldOf(headers, "vary"));
  if (vary === null) return { store: false, reason: "vary-star" };
  if (input.closeDelimited) return { store: false, reason: "no-length" };
  if ((contentLengthOf(headers) ?? 0) > policy.maxObjectBytes) return { store: false, reason: "too-large" };
  if (status === 206 && fieldOf(headers, "content-range") === undefined) {
    return { store: false, reason: "content-range" };
  }
  const isNamed = namesLifetime(headers, directives) || directives.noCache;
  const own = freshnessOf(input, directives);
  const ruled = input.rules === undefined ? own : underLiveRules(own, input.rules, isNamed);
  const freshness = input.fromPeer === true && input.sibling === undefined ? asCopy(ruled) : ruled;
  const canRevalidate = fieldOf(headers, "etag") !== undefined || fieldOf(headers, "last-modified") !== undefined;
  if (freshness.lifetime <= 0 && !canRevalidate && freshness.staleIfError === 0) {
    return { store: false, reason: directives.noCache ? "no-cache" : "no-lifetime" };
  }
  const withheld = [...directives.privateFields, ...directives.noCacheFields];
  return { store: true, freshness, vary, withheld };
}

function asCopy(freshness: Freshness): Freshness {
  return { ...freshness, lifetime: Math.min(freshness.lifetime, freshness.initialAge + PEER_COPY_LIFETIME) };
}

function forbidden(
  { request, status, headers, policy }: StorageInput,
  directives: ResponseDirectives,
): NotStoredReason | undefined {
  // What must be understood is stored although it says no-store where it is (RFC 9111 §5.2.2.3).
  if (directives.mustUnderstand) {
    if (!UNDERSTOOD.has(status)) return "status";
  } else if (directives.noStore) return "no-store";
  if (status < 200 || status === 304) return "status";
  if (!namesLifetime(headers, directives) && !allowsHeuristic(status, directives)) return "status";
  if (directives.private) return "private";
  if (fieldOf(headers, "set-cookie") !== undefined && !policy.storeSetCookie) {
    const isWithheld = [...directives.privateFields, ...directives.noCacheFields].includes("set-cookie");
    if (!isWithheld) return "set-cookie";
  }
  const allowsAuthorized = directives.public || directives.mustRevalidate || directives.sMaxAge !== undefined;
  if (request.headers.authorization !== undefined && !allowsAuthorized) return "authorization";
  return undefined;
}

/** Whether an answer may be meant for whoever asked: the request says who that is. */
export function isPersonal({ headers }: Pick<RawRequest, "headers">): boolean {
  return headers.cookie !== undefined || headers.authorization !== undefined;
}

/**
 * Whether those who asked before the answer was there may all have it, though it is not fresh: it is an error, or a public answer that is
 * already stale. One that is private, or too large to be kept for all of them, is for the first alone; so is one without a lifetime
 * where a request said who asks (RFC 9111 §4: only an answer that may be reused satisfies several requests).
 */
export function isShareable(decision: StorageDecision, status: number, personal: boolean): boolean {
  if (decision.store) return decision.freshness.lifetime > decision.freshness.initialAge || !personal;
  if (personal) return false;
  if (decision.reason === "status") return status >= 400;
  return decision.reason === "no-lifetime" || decision.reason === "no-cache";
}
