/** What an upstream is asked of something stored, and what its answer makes of it. Pure. */

import type { RawRequest } from "../../handler/raw.ts";
import { fieldOf } from "../../http/fields.ts";
import { ttlOf } from "../freshness/freshness.ts";
import type { LiveEdge } from "../live/live-edge.ts";
import { StoredResponse } from "../memory-tier/stored-response.ts";
import { decideStorage, type StorageDecision, type StoragePolicy } from "../policy/storage.ts";
import { tagsOf } from "../purge/response-tags.ts";
import type { FillHead } from "./fill.ts";
import { refreshHeaders, without } from "./response-head.ts";

/** What is read of a head that refreshes: of a 304, or of the answer to a HEAD. */
export type RefreshingHead = Pick<
  FillHead,
  "headers" | "age" | "cacheStatus" | "requestedAt" | "receivedAt" | "systemTime" | "upstream"
> &
  Partial<Pick<FillHead, "fromPeer" | "sibling">>;

/** The same body with new fields, and whether they let it be stored. */
export interface Refreshed {
  readonly response: StoredResponse;
  readonly decision: StorageDecision;
}

/** Options of {@link refresh}. */
export interface RefreshOptions {
  readonly stored: StoredResponse;
  readonly request: Pick<RawRequest, "headers">;
  readonly head: RefreshingHead;
  readonly fullKey: string;
  /** Of the purge log when the request was sent. */
  readonly generation: number;
  readonly policy: StoragePolicy;
  readonly live: LiveEdge | undefined;
}

/** A stored response with the fields of a head that says that it still holds (RFC 9111 §4.3.4). */
export function refresh({ stored, request, head, fullKey, generation, policy, live }: RefreshOptions): Refreshed {
  const merged = refreshHeaders(stored.headers, head.headers);
  const decision = decideStorage({
    ...head,
    request,
    status: stored.status,
    headers: merged,
    closeDelimited: false,
    policy,
    rules: live?.atHead({ key: stored.key, status: stored.status, headers: merged, byClient: false }),
  });
  const { key, status, body } = stored;
  const { cacheStatus, upstream, systemTime } = head;
  const response = new StoredResponse(
    {
      ...{ key, status, cacheStatus, body, upstream, generation, isCopy: head.fromPeer ?? stored.isCopy },
      headers: decision.store ? without(merged, decision.withheld) : merged,
      vary: decision.store ? decision.vary : stored.vary,
      freshness: decision.store ? decision.freshness : stored.freshness,
      tags: tagsOf(merged),
      storedAt: systemTime,
    },
    fullKey,
  );
  return { response, decision };
}

/** Whether a 304 names another version than the one asked about: then it must not update it (RFC 9111 §4.3.4). */
export function isOfAnother({ headers }: FillHead, { validators }: StoredResponse): boolean {
  const etag = fieldOf(headers, "etag");
  if (etag === undefined || validators.etag === undefined || !etag.startsWith('"')) return false;
  return validators.etag !== etag;
}

/** Whether a stale response may be served where the upstream answers with an error. */
export function mayStandIn({ freshness }: StoredResponse, now: number): boolean {
  return -ttlOf(freshness, now) < freshness.staleIfError;
}

/** Asks whether something stored still holds, by its entity tag or else by when it was changed. */
export function pushValidators(headers: string[], { validators, headers: stored }: StoredResponse): void {
  if (validators.etag !== undefined) headers.push("if-none-match", validators.etag);
  const lastModified = fieldOf(stored, "last-modified");
  if (validators.etag === undefined && lastModified !== undefined) headers.push("if-modified-since", lastModified);
}
