/** The edge's answers: their fields, their bytes, and what they say of how they came about. */

import { CdnError, type CdnErrorCode } from "../errors.ts";
import type { AnswerFacts, CacheOutcome } from "../handler/answer-facts.ts";
import type { RawRequest, RawResponse } from "../handler/raw.ts";
import { errorResponse } from "../http/error-response.ts";
import type { Logger } from "../logger.ts";
import { isPlain, partFields, select } from "./answer.ts";
import { type CacheStatus, type ForwardReason, formatCacheStatus } from "./cache-status/cache-status.ts";
import type { DiskHit } from "./disk-hits.ts";
import type { FillHead } from "./fill/fill.ts";
import type { Boarded, Flight } from "./fill/flights.ts";
import { without } from "./fill/response-head.ts";
import { ageOf, ttlOf } from "./freshness/freshness.ts";
import { type StoredResponse, withoutCacheFields } from "./memory-tier/stored-response.ts";
import type { SiblingWord } from "./peers/sibling.ts";
import type { PartSelection } from "./slices/stored-part.ts";
import { countAs, type EdgeCounts } from "./stats.ts";

/** Options of {@link Answers}. */
export interface AnswersOptions {
  /** Names this edge in `Cache-Status` and `Via`. */
  readonly name: string;
  readonly clock: () => number;
  readonly logger: Logger;
  readonly counts: EdgeCounts;
  readonly exposeTags: () => boolean;
}

/** How an answer from the upstream came about. */
export interface Forwarded {
  readonly forward: ForwardReason;
  readonly collapsed: boolean;
  /** What another process of this edge says, where it answered. */
  readonly sibling?: SiblingWord | undefined;
  /** Says more of why, where `forward` cannot. */
  readonly detail?: string | undefined;
}

/** Why something stale is served. */
export type StaleReason = "stale-while-revalidate" | "stale-if-error" | "disconnected" | "max-stale";

/** Shared by all answers that are alike: a hit makes none. */
const HIT: AnswerFacts = { outcome: "hit", tier: "memory" };
const STALE: Readonly<Record<StaleReason, AnswerFacts>> = {
  "stale-while-revalidate": { outcome: "stale", reason: "stale-while-revalidate", tier: "memory" },
  "stale-if-error": { outcome: "stale", reason: "stale-if-error", tier: "memory" },
  disconnected: { outcome: "stale", reason: "disconnected", tier: "memory" },
  "max-stale": { outcome: "stale", reason: "max-stale", tier: "memory" },
};

const DISK_HIT: AnswerFacts = { outcome: "hit", tier: "disk" };

/** Makes them, and counts what they are. */
export class Answers {
  readonly #options: AnswersOptions;
  readonly #via: string;

  constructor(options: AnswersOptions) {
    this.#options = options;
    this.#via = `1.1 ${options.name}`;
  }

  /** A hit. */
  fresh(request: RawRequest, stored: StoredResponse, now: number): RawResponse {
    const counters = this.#options.counts.of(request);
    counters.hits += 1;
    const age = Math.floor(ageOf(stored.freshness, now));
    if (!isPlain(request) || isFromEdge(request)) {
      return this.#selected(request, stored, age, { hit: true, ttl: stored.freshness.lifetime - age }, HIT);
    }
    if (request.method === "GET") counters.bytesToClients += stored.body.byteLength;
    const release = stored.use();
    const known = stored.answerAt(age);
    if (known !== undefined) return known;
    const status = { hit: true, ttl: stored.freshness.lifetime - age } as const;
    return stored.remember(age, this.#whole(request, stored, age, status, HIT, release));
  }

  /** A hit whose bytes are sent as they are read from disk. Undefined where the first of them are damaged. */
  async whileRead(request: RawRequest, hit: DiskHit, now: number): Promise<RawResponse | undefined> {
    const counters = this.#options.counts.of(request);
    const { stored, length } = hit;
    const age = Math.floor(ageOf(stored.freshness, now));
    const cacheStatus = { hit: true, ttl: stored.freshness.lifetime - age } as const;
    const fields = (headers: readonly string[]) => this.headers(request, headers, stored.cacheStatus, cacheStatus, age);
    const selection = select(request, { status: stored.status, headers: stored.headers, length });
    if (selection.kind === "bodyless" || request.method === "HEAD") {
      hit.close();
      counters.hits += 1;
      const { status, headers, body } =
        selection.kind === "bodyless"
          ? selection.response
          : { status: stored.status, headers: stored.headers, body: null };
      return { status, headers: fields(headers), body, about: DISK_HIT };
    }
    const { start, end } = selection.kind === "part" ? selection : { start: 0, end: length };
    const body = await hit.read(start, end);
    if (body === undefined) return undefined;
    counters.hits += 1;
    counters.bytesToClients += end - start;
    const status = selection.kind === "part" ? 206 : stored.status;
    return { status, headers: fields(selection.headers), body, about: DISK_HIT };
  }

  /** What is stored, though stale. */
  stale(request: RawRequest, stored: StoredResponse, now: number, reason: StaleReason): RawResponse {
    const { counts, logger } = this.#options;
    const counters = counts.of(request);
    counters.hits += 1;
    counters.stale += 1;
    if (reason === "stale-if-error" || reason === "disconnected") {
      logger.warn({ target: request.target }, "served stale: the upstream failed");
    }
    const age = Math.floor(ageOf(stored.freshness, now));
    const status = { hit: true, ttl: staleTtl(stored, now), detail: reason } as const;
    return this.#selected(request, stored, age, status, STALE[reason]);
  }

  /** What is stored, after the upstream said that it holds. */
  revalidated(
    request: RawRequest,
    stored: StoredResponse,
    { forwardStatus, ...how }: Forwarded & { readonly forwardStatus: number },
  ): RawResponse {
    const { counts, clock } = this.#options;
    const age = Math.floor(ageOf(stored.freshness, clock()));
    const { sibling, collapsed, forward, detail } = how;
    if (sibling !== undefined && !collapsed) {
      return this.#selected(request, stored, age, sibling.cacheStatus, sibling.facts);
    }
    if (!collapsed) counts.of(request).revalidated += 1;
    const facts = factsOf(collapsed ? "collapsed" : "revalidated", detail, stored.upstream);
    const status = { hit: false, forward, forwardStatus, collapsed, ...(detail !== undefined && { detail }) } as const;
    return this.#selected(request, stored, age, status, facts);
  }

  /** Bytes of an object of which only a part is stored. */
  storedPart(request: RawRequest, part: StoredResponse, { start, end, first, total }: PartSelection): RawResponse {
    const { counts, clock } = this.#options;
    const counters = counts.of(request);
    const age = Math.floor(ageOf(part.freshness, clock()));
    const bytes = part.body.subarray(start, end);
    counters.hits += 1;
    counters.bytesToClients += bytes.byteLength;
    const release = part.use();
    const fields = partFields(part.headers, { start: first, end: first + bytes.byteLength, total });
    return {
      ...(release !== undefined && { release }),
      status: 206,
      headers: this.headers(request, fields, part.cacheStatus, { hit: true, ttl: part.freshness.lifetime - age }, age),
      body: bytes,
      about: HIT,
    };
  }

  /** The head of an answer with slices of an object, stored, or under way where `boarded` says how: a 206, or a 200 where `extent` is undefined. */
  ofObject(
    request: RawRequest,
    object: StoredResponse,
    extent: { start: number; end: number; total: number } | undefined,
    { boarded, stale }: { boarded: Boarded | undefined; stale: boolean },
  ): { status: number; headers: readonly string[]; about: AnswerFacts } {
    const { counts, clock } = this.#options;
    const counters = counts.of(request);
    const age = Math.floor(ageOf(object.freshness, clock()));
    const ttl = object.freshness.lifetime - age;
    const fields = extent === undefined ? object.headers : partFields(object.headers, extent);
    const answer = (status: CacheStatus | string, about: AnswerFacts) => ({
      status: extent === undefined ? 200 : 206,
      headers: this.headers(request, fields, object.cacheStatus, status, age),
      about,
    });
    if (boarded === undefined) {
      counters.hits += 1;
      if (!stale) return answer({ hit: true, ttl }, HIT);
      counters.stale += 1;
      const status = { hit: true, ttl: staleTtl(object, clock()), detail: "stale-if-error" } as const;
      return answer(status, STALE["stale-if-error"]);
    }
    const { collapsed, flight } = boarded;
    const sibling = flight.fill.arrived?.sibling;
    if (sibling !== undefined && !collapsed) {
      countAs(counters, sibling.facts.outcome);
      return answer(sibling.cacheStatus, sibling.facts);
    }
    counters[collapsed ? "collapsed" : "misses"] += 1;
    const status = { hit: false, forward: "partial", stored: flight.fill.willBeStored, collapsed, ttl } as const;
    return answer(status, factsOf(collapsed ? "collapsed" : "miss", "slice", object.upstream));
  }

  /** An answer without a body, such as 416, about something stored. */
  bodyless(request: RawRequest, stored: StoredResponse, response: RawResponse): RawResponse {
    const { counts, clock } = this.#options;
    counts.of(request).hits += 1;
    const age = Math.floor(ageOf(stored.freshness, clock()));
    const status = { hit: true, ttl: stored.freshness.lifetime - age } as const;
    return {
      ...response,
      headers: this.headers(request, response.headers, stored.cacheStatus, status, age),
      about: HIT,
    };
  }

  /** What arrives, as far as it is here. `leave` is called when the reader of a body that is still coming has ended. */
  growing(request: RawRequest, { fill }: Flight, head: FillHead, how: Forwarded, leave: () => void): RawResponse {
    const { status, decision } = head;
    const counters = this.#options.counts.of(request);
    const headers = how.collapsed && decision.store ? without(head.headers, decision.withheld) : head.headers;
    const length = head.length ?? (fill.body.ended ? fill.body.received : undefined);
    const reason = decision.store ? undefined : decision.reason;
    const detail = reason ?? how.detail;
    const { forward, collapsed } = how;
    const kept = decision.store ? decision.freshness : undefined;
    const age = kept === undefined ? readAge(head.age) : Math.floor(ageOf(kept, this.#options.clock()));
    const said = collapsed ? undefined : how.sibling;
    const cacheStatus: CacheStatus | string = said?.cacheStatus ?? {
      hit: false,
      forward,
      collapsed,
      stored: fill.willBeStored,
      ...(kept !== undefined && { ttl: kept.lifetime - (age ?? 0) }),
      ...(detail !== undefined && { detail }),
    };
    const about = said?.facts ?? factsOf(collapsed ? "collapsed" : "miss", detail, head.upstream);
    const selection = select(request, { status, headers, length, available: fill.body.received });
    if (selection.kind === "bodyless") {
      const { response } = selection;
      return {
        ...response,
        headers: this.headers(request, response.headers, head.cacheStatus, cacheStatus, age),
        about,
      };
    }
    const isPart = selection.kind === "part";
    const answer = {
      status: isPart ? 206 : status,
      headers: this.headers(request, selection.headers, head.cacheStatus, cacheStatus, age),
      about,
    };
    if (request.method === "HEAD" || length === 0) return { ...answer, body: null };
    const onBytes = (bytes: number): void => {
      counters.bytesToClients += bytes;
    };
    const extent = isPart ? { start: selection.start, end: selection.end } : {};
    return { ...answer, body: fill.body.read({ ...extent, onBytes, onClose: leave }) };
  }

  /** An error of the edge's own. */
  fail(request: Pick<RawRequest, "headers">, status: number, error: unknown, forward: ForwardReason): RawResponse {
    const { counts, logger, name } = this.#options;
    counts.of(request).errors += 1;
    const code = error instanceof CdnError ? error.code : "UPSTREAM_FAILED";
    if (status >= 500) logger.warn({ err: error }, "answered with an error");
    const message = error instanceof CdnError && status < 500 ? error.message : FAILURES[code];
    const cacheStatus = formatCacheStatus(name, { hit: false, forward, detail: code });
    const headers = ["access-control-allow-origin", "*", "cache-status", cacheStatus, "via", this.#via];
    const actual = STATUSES[code] ?? status;
    const response = errorResponse(actual, code, message ?? "the upstream failed", headers);
    return { ...response, about: factsOf("error", code, undefined) };
  }

  /** The client wants what is here or nothing, and it is not (RFC 9111 §5.2.1.7). */
  notCached(request: Pick<RawRequest, "headers">): RawResponse {
    const { counts, name } = this.#options;
    counts.of(request).misses += 1;
    const cacheStatus = formatCacheStatus(name, { hit: false, forward: "request", detail: "only-if-cached" });
    const headers = ["access-control-allow-origin", "*", "cache-status", cacheStatus, "via", this.#via];
    const response = errorResponse(504, "NOT_CACHED", "it is not stored here, and nobody was to be asked", headers);
    return { ...response, about: factsOf("miss", "only-if-cached", undefined) };
  }

  /** Nobody will read it: the client left. */
  left(): RawResponse {
    return { ...errorResponse(499, "ABORTED", "the client left"), about: factsOf("error", "ABORTED", undefined) };
  }

  /** Fields with what this edge adds. @param status - of this edge; text where another process of it said so. */
  headers(
    request: Pick<RawRequest, "headers">,
    headers: readonly string[],
    before: string | undefined,
    status: CacheStatus | string,
    age: number | undefined,
  ): readonly string[] {
    const { name, exposeTags } = this.#options;
    const own = typeof status === "string" ? status : formatCacheStatus(name, status);
    const shown = exposeTags() || isFromEdge(request) ? headers : withoutCacheFields(headers);
    const fields = [...shown, "cache-status", before === undefined ? own : `${before}, ${own}`, "via", this.#via];
    if (age !== undefined) fields.push("age", String(age));
    return fields;
  }

  #selected(
    request: RawRequest,
    stored: StoredResponse,
    age: number,
    cacheStatus: CacheStatus | string,
    about: AnswerFacts,
  ): RawResponse {
    const { headers, body } = stored;
    const selection = select(request, { status: stored.status, headers, length: body.byteLength });
    if (selection.kind === "bodyless") {
      const { response } = selection;
      const fields = this.headers(request, response.headers, stored.cacheStatus, cacheStatus, age);
      return { ...response, headers: fields, about };
    }
    const release = stored.use();
    if (selection.kind === "whole") {
      if (request.method === "GET") this.#options.counts.of(request).bytesToClients += body.byteLength;
      return this.#whole(request, stored, age, cacheStatus, about, release);
    }
    const bytes = body.subarray(selection.start, selection.end);
    this.#options.counts.of(request).bytesToClients += bytes.byteLength;
    return {
      ...(release !== undefined && { release }),
      status: 206,
      headers: this.headers(request, selection.headers, stored.cacheStatus, cacheStatus, age),
      body: bytes,
      about,
    };
  }

  #whole(
    request: RawRequest,
    stored: StoredResponse,
    age: number,
    cacheStatus: CacheStatus | string,
    about: AnswerFacts,
    release: (() => void) | undefined,
  ): RawResponse {
    return {
      status: stored.status,
      headers: this.headers(request, stored.headers, stored.cacheStatus, cacheStatus, age),
      body: stored.body,
      ...(release !== undefined && { release }),
      about,
    };
  }
}

/** Seconds of freshness left, below zero (RFC 9211 §2.3) also where the time is not over, but the object was purged softly. */
function staleTtl({ freshness }: StoredResponse, now: number): number {
  return Math.min(-1, Math.floor(ttlOf(freshness, now)));
}

/** Facts of one answer. */
export function factsOf(outcome: CacheOutcome, reason: string | undefined, upstream: string | undefined): AnswerFacts {
  return { outcome, ...(reason !== undefined && { reason }), ...(upstream !== undefined && { upstream }) };
}

/** `Age` of an answer that is not stored, as the cache before this one wrote it. */
export function readAge(field: string | undefined): number | undefined {
  return field !== undefined && /^\d{1,10}$/.test(field) ? Number(field) : undefined;
}

/** Whether another edge asks: it has use for what is for caches alone. */
function isFromEdge({ headers }: Pick<RawRequest, "headers">): boolean {
  return headers["cdn-loop"] !== undefined;
}

const STATUSES: Partial<Record<CdnErrorCode, number>> = {
  UPSTREAM_TIMEOUT: 504,
  UPSTREAM_BUSY: 503,
  UPSTREAM_DOWN: 503,
};

/** What clients are told: nothing of where the upstreams are. */
const FAILURES: Partial<Record<CdnErrorCode, string>> = {
  LOOP_DETECTED: "the request came back to this edge: its upstreams lead to itself",
  UPSTREAM_UNREACHABLE: "no upstream can be reached",
  UPSTREAM_TIMEOUT: "the upstream took too long",
  UPSTREAM_TRUNCATED: "the upstream broke off its answer",
};
