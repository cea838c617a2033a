/** Requests passed on for one client alone, and what their answers mean for what is stored. */

import type { RawRequest, RawResponse } from "../../handler/raw.ts";
import { contentLengthOf, fieldOf, joinedFieldOf } from "../../http/fields.ts";
import { isPlain } from "../answer.ts";
import { type Answers, factsOf, readAge } from "../answers.ts";
import type { CacheKeys } from "../cache-key/cache-key.ts";
import type { ForwardReason } from "../cache-status/cache-status.ts";
import type { Flights } from "../fill/flights.ts";
import { splitHeaders } from "../fill/response-head.ts";
import { validatorsOf } from "../memory-tier/stored-response.ts";
import { siblingWord } from "../peers/sibling.ts";
import { isPersonal } from "../policy/storage.ts";
import type { Purge } from "../purge/purge.ts";
import type { PurgeJudge } from "../purge/purge-judge.ts";
import { groupInvalidation } from "../purge/response-tags.ts";
import { PURGES_SEEN_FIELD } from "../purge/seen-field.ts";
import { countAs, type EdgeCounts } from "../stats.ts";
import { type Forwarder, passedHeaders, sharedHeaders } from "./forward-headers.ts";
import { passBody } from "./pass.ts";
import type { Upstream, UpstreamRequest, UpstreamResponse, UpstreamTimeouts } from "./upstream.ts";

/** Methods that change nothing (RFC 9110 §9.2.1). */
const SAFE = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

/** Options of {@link Passing}. */
export interface PassingOptions {
  readonly upstream: Upstream;
  readonly timeouts: UpstreamTimeouts;
  readonly clock: () => number;
  readonly systemClock: () => number;
  readonly keys: CacheKeys;
  readonly flights: Flights;
  readonly answers: Answers;
  readonly forwarder: Forwarder;
  readonly counts: EdgeCounts;
  /** See {@link UpstreamRequest.wanted}. */
  readonly wantedOf: (request: Pick<RawRequest, "headers">) => string | undefined;
  readonly onInvalidation?: (purge: Purge) => void | Promise<void>;
  readonly purges?: PurgeJudge | undefined;
}

export class Passing {
  readonly #options: PassingOptions;

  constructor(options: PassingOptions) {
    this.#options = options;
  }

  /** @param reason - why it is passed on, for the log. */
  async pass(request: RawRequest, key: string, forward: ForwardReason, reason: string): Promise<RawResponse> {
    const { upstream, answers, forwarder, counts, clock } = this.#options;
    const { method, body, signal, onInformational } = request;
    counts.clients.upstreamRequests += 1;
    // A plain HEAD asks what a GET asks, so that what it says may be noted: nobody can make it be about something else.
    const isShared = method === "HEAD" && isPlain(request) && !isPersonal(request);
    const requestedAt = clock();
    const { generation } = this.#options.flights;
    try {
      const response = await upstream.send({
        ...{ method, target: key, body, signal, alone: !isShared, wanted: this.#options.wantedOf(request) },
        headers: [
          ...(isShared ? sharedHeaders(request, forwarder) : passedHeaders(request, forwarder)),
          ...this.#seenFor(request),
        ],
        ...(onInformational !== undefined && { onInformational }),
      });
      if (isShared) this.#noteHead(request, key, response, { requestedAt, generation });
      if (!SAFE.has(method)) await this.#invalidate(request, key, response);
      const { status } = response;
      const head = splitHeaders(response.headers);
      const { before, sibling } = siblingWord(response, head.cacheStatus);
      const about = sibling?.facts ?? factsOf("bypass", reason, response.peer ?? response.upstream);
      countAs(counts.of(request), about.outcome);
      const own = { hit: false, forward, ...(DETAILS.has(reason) && { detail: reason }) } as const;
      const cacheStatus = sibling?.cacheStatus ?? own;
      const headers = answers.headers(request, head.headers, before, cacheStatus, readAge(head.age));
      return { status, headers, body: this.#body(request, response), about };
    } catch (error) {
      return signal.aborted ? answers.left() : answers.fail(request, 502, error, forward);
    }
  }

  /** Whoever asks may have seen more purges than this edge: then the next one is to know as much. */
  #seenFor({ headers }: RawRequest): string[] {
    const { purges } = this.#options;
    const asked = headers[PURGES_SEEN_FIELD];
    const seen = asked !== undefined && purges?.covers?.(asked) === false ? asked : purges?.seen;
    return seen === undefined ? [] : [PURGES_SEEN_FIELD, seen];
  }

  #body(request: RawRequest, { body, peer }: UpstreamResponse): RawResponse["body"] {
    const { counts, timeouts } = this.#options;
    if (request.method === "HEAD" || body === null) return null;
    const onBytes = (bytes: number): void => {
      if (peer === undefined) counts.clients.bytesFromUpstream += bytes;
      else counts.bytesFromPeers += bytes;
      counts.of(request).bytesToClients += bytes;
    };
    if (!(body instanceof Uint8Array)) return passBody(body, { timeout: timeouts.body, onBytes });
    onBytes(body.byteLength);
    return body;
  }

  /** A HEAD tells as much of a stored response as a 304, where it is about the same one (RFC 9111 §4.3.5). */
  #noteHead(
    request: RawRequest,
    key: string,
    response: UpstreamResponse,
    { requestedAt, generation }: { requestedAt: number; generation: number },
  ): void {
    const { flights, clock, systemClock } = this.#options;
    const fullKey = flights.vary.keyOf(key, request.headers);
    const stored = flights.find(fullKey);
    if (stored === undefined || stored.status !== 200 || response.status !== 200) return;
    const { headers, cacheStatus, age } = splitHeaders(response.headers);
    const { etag, lastModified } = validatorsOf(headers);
    const length = contentLengthOf(headers);
    if (etag !== undefined && etag !== stored.validators.etag) return;
    if (lastModified !== undefined && lastModified !== stored.validators.lastModified) return;
    if (length !== undefined && length !== stored.body.byteLength) return;
    if (joinedFieldOf(headers, "content-encoding") !== joinedFieldOf(stored.headers, "content-encoding")) return;
    const upstream = response.peer ?? response.upstream;
    const head = { headers, cacheStatus, age, requestedAt, receivedAt: clock(), systemTime: systemClock(), upstream };
    flights.freshen(stored, request, head, { fullKey, generation });
  }

  /** What was changed is forgotten: the URL itself, and those that the answer names where they are of the same origin (RFC 9111 §4.4). */
  async #invalidate({ method, origin, target }: RawRequest, key: string, { status, headers }: UpstreamResponse) {
    const { keys, flights, onInvalidation } = this.#options;
    if (status < 200 || status >= 400) return;
    const changed = new Set([key]);
    for (const field of ["location", "content-location"]) {
      const reference = fieldOf(headers, field);
      const url = reference === undefined ? null : URL.parse(reference, origin + target);
      if (url === null || url.origin !== new URL(origin).origin) continue;
      try {
        changed.add(keys.of(url.pathname + url.search));
      } catch {
        // It names nothing that could be stored.
      }
    }
    for (const each of changed) {
      flights.invalidate(each);
    }
    await onInvalidation?.({ urls: [...changed], ...groupInvalidation(method, status, headers) });
  }
}

/** Reasons that `Cache-Status` cannot say by itself. */
const DETAILS = new Set(["precondition", "request-no-store", "purges-unknown"]);
