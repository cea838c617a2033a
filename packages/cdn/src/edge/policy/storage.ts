/** May a response be stored (RFC 9111 §3)? A pure decision whose every outcome has a name. */

import type { RawRequest } from "../../handler/raw.ts";
import { contentLengthOf, fieldOf, joinedFieldOf } from "../../http/fields.ts";
import { varyNames } from "../cache-key/vary.ts";
import { directivesOf, type Freshness, freshnessOf } from "../freshness/freshness.ts";

/** Why a response is not stored. */
type NotStoredReason =
  | "no-store"
  | "private"
  | "set-cookie"
  | "vary-star"
  | "authorization"
  | "status"
  | "no-lifetime"
  | "no-length"
  | "too-large"
  | "no-room";

/** What becomes of a response. */
export type StorageDecision =
  | { readonly store: true; readonly freshness: Freshness; readonly vary: readonly string[] }
  | { readonly store: false; readonly reason: NotStoredReason };

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
  readonly negativeTtl: number;
  readonly maxObjectBytes: number;
}

/** Final statuses whose caching rules this cache knows. 206 and 304 are not among them: parts are not stored. */
const UNDERSTOOD = new Set([200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501]);

/** Decides about one response head. */
export function decideStorage(input: StorageInput): StorageDecision {
  const { request, status, headers } = input;
  const directives = directivesOf(headers);
  if (!UNDERSTOOD.has(status)) return { store: false, reason: "status" };
  if (directives.noStore) return { store: false, reason: "no-store" };
  if (directives.private) return { store: false, reason: "private" };
  if (fieldOf(headers, "set-cookie") !== undefined) return { store: false, reason: "set-cookie" };
  const allowsAuthorized = directives.public || directives.mustRevalidate || directives.sMaxAge !== undefined;
  if (request.headers.authorization !== undefined && !allowsAuthorized) {
    return { store: false, reason: "authorization" };
  }
  const vary = varyNames(joinedFieldOf(headers, "vary"));
  if (vary === null) return { store: false, reason: "vary-star" };
  if (input.closeDelimited) return { store: false, reason: "no-length" };
  if ((contentLengthOf(headers) ?? 0) > input.maxObjectBytes) return { store: false, reason: "too-large" };
  const freshness = freshnessOf(input, directives);
  const canRevalidate = fieldOf(headers, "etag") !== undefined || fieldOf(headers, "last-modified") !== undefined;
  if (freshness.lifetime <= 0 && !canRevalidate && freshness.staleIfError === 0) {
    return { store: false, reason: "no-lifetime" };
  }
  return { store: true, freshness, vary };
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
  return decision.reason === "no-lifetime" || (decision.reason === "status" && status >= 400);
}
