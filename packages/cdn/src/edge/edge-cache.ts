/**
 * The edge's way of a request: look up, then hit, collapse onto a flight, or pass on.
 *
 * ```
 * request ─► key ─► look-up ─┬─ hit ───────────────────────► stored bytes
 *                            ├─ stale-while-revalidate ─────► stored bytes, and a flight in the background
 *                            ├─ miss, revalidate ─► flight ─► its body as it grows; stored bytes after a 304, or an error that allows it
 *                            └─ bypass ─────────────────────► passed on for this client alone
 * ```
 */

import { randomBytes } from "node:crypto";
import { CdnError } from "../errors.ts";
import type { RawRequest, RawResponse } from "../handler/raw.ts";
import { errorResponse } from "../http/error-response.ts";
import type { Logger } from "../logger.ts";
import { bytesNeeded, isPlain, select } from "./answer.ts";
import { type CacheKeys, createCacheKeys } from "./cache-key/cache-key.ts";
import { type CacheStatus, type ForwardReason, formatCacheStatus } from "./cache-status/cache-status.ts";
import type { FillHead } from "./fill/fill.ts";
import { type Flight, Flights } from "./fill/flights.ts";
import { splitHeaders } from "./fill/response-head.ts";
import { ageOf, ttlOf } from "./freshness/freshness.ts";
import { NewestPlaylists } from "./live/newest-playlists.ts";
import type { MemoryTier } from "./memory-tier/memory-tier.ts";
import { createS3FifoTier } from "./memory-tier/s3-fifo.ts";
import type { StoredResponse } from "./memory-tier/stored-response.ts";
import { DEFAULT_CACHE_BYTES, type EdgeCacheOptions } from "./options.ts";
import { decideLookup } from "./policy/lookup.ts";
import { isPersonal, isShareable } from "./policy/storage.ts";
import { createCounters, type EdgeStats, liveStats } from "./stats.ts";
import { type Forwarder, isLoop, passedHeaders } from "./upstream/forward-headers.ts";
import { passBody } from "./upstream/pass.ts";
import type { Upstream, UpstreamTimeouts } from "./upstream/upstream.ts";

/** Options of {@link EdgeCache}. */
export interface EdgeCacheParts {
  readonly upstream: Upstream;
  readonly name: string;
  /** Milliseconds, steady. */
  readonly clock: () => number;
  /** Milliseconds since 1970 by the system's clock, which may jump. */
  readonly systemClock: () => number;
  readonly logger: Logger;
  readonly timeouts: UpstreamTimeouts;
  readonly cache: EdgeCacheOptions;
}

/** A request whose answers turn out to vary, or not to be shared, starts over this often before it goes alone. */
const MAX_ATTEMPTS = 3;

export class EdgeCache {
  readonly stats: EdgeStats;
  readonly #parts: EdgeCacheParts;
  readonly #keys: CacheKeys;
  readonly #tier: MemoryTier<StoredResponse>;
  readonly #flights: Flights;
  readonly #newest = new NewestPlaylists();
  readonly #forwarder: Forwarder;
  readonly #via: string;
  readonly #counters = createCounters();

  constructor(parts: EdgeCacheParts) {
    this.#parts = parts;
    const { name, cache, clock, systemClock, upstream, timeouts } = parts;
    this.#keys = createCacheKeys(cache);
    this.#tier = createS3FifoTier(cache.maxBytes ?? DEFAULT_CACHE_BYTES);
    this.#forwarder = { name, id: `${name.replace(/[^\w.-]/g, "-")}-${randomBytes(6).toString("hex")}` };
    this.#via = `1.1 ${name}`;
    this.#flights = new Flights({
      upstream,
      timeouts,
      clock,
      systemClock,
      cache,
      tier: this.#tier,
      forwarder: this.#forwarder,
      counters: this.#counters,
    });
    this.stats = liveStats(this.#counters, this.#tier, this.#flights);
  }

  /** Answers a request: at once where it can. Never throws or rejects. */
  answer(request: RawRequest): RawResponse | Promise<RawResponse> {
    this.#counters.requests += 1;
    if (isLoop(request, this.#forwarder)) {
      return this.#fail(508, new CdnError("LOOP_DETECTED", "this edge is its own upstream"), "request");
    }
    let key: string;
    try {
      key = this.#keys.of(request.target);
    } catch (error) {
      return this.#fail(400, error, "request");
    }
    const fullKey = this.#flights.vary.keyOf(key, request.headers);
    const stored = this.#tier.get(fullKey);
    const now = this.#parts.clock();
    switch (decideLookup(request, stored, now)) {
      case "hit":
        return this.#newer(request, key, now) ?? this.#fromStored(request, stored!, now);
      case "stale-while-revalidate":
        this.#flights.refresh(request, key, fullKey, stored!);
        return this.#fromStored(request, stored!, now);
      case "bypass":
        return this.#pass(request, key, "method");
      case "miss":
      case "revalidate":
        return this.#newer(request, key, now) ?? this.#through(request, key);
    }
  }

  close(): void {
    this.#flights.close();
    this.#tier.clear();
  }

  /** The newest playlist instead of the one that a client asks for, where that is at hand and fresh. */
  #newer(request: RawRequest, key: string, now: number): RawResponse | undefined {
    const newer = this.#newest.newerThan(key, now);
    if (newer === undefined) return undefined;
    const stored = this.#tier.get(this.#flights.vary.keyOf(newer, request.headers));
    if (stored === undefined || decideLookup(request, stored, now) !== "hit") return undefined;
    return this.#fromStored(request, stored, now);
  }

  #fromStored(request: RawRequest, stored: StoredResponse, now: number, status?: CacheStatus): RawResponse {
    if (status === undefined) this.#counters.hits += 1;
    const age = Math.floor(ageOf(stored.freshness, now));
    const cacheStatus = status ?? { hit: true, ttl: stored.freshness.lifetime - age };
    if (!isPlain(request)) return this.#partOf(request, stored, age, cacheStatus);
    if (request.method === "GET") this.#counters.bytesToClients += stored.body.byteLength;
    const release = stored.use();
    const make = (): RawResponse => ({
      status: stored.status,
      headers: this.#headers(stored.headers, stored.cacheStatus, cacheStatus, age),
      body: stored.body,
      ...(release !== undefined && { release }),
    });
    return status === undefined ? stored.answerAt(age, make) : make();
  }

  #partOf(request: RawRequest, stored: StoredResponse, age: number, status: CacheStatus): RawResponse {
    const { headers, body, cacheStatus } = stored;
    const selection = select(request, { status: stored.status, headers, length: body.byteLength });
    if (selection.kind === "bodyless") {
      const { response } = selection;
      return { ...response, headers: this.#headers(response.headers, cacheStatus, status, age) };
    }
    const isPart = selection.kind === "part";
    const bytes = isPart ? body.subarray(selection.start, selection.end) : body;
    if (request.method === "GET") this.#counters.bytesToClients += bytes.byteLength;
    const release = stored.use();
    return {
      ...(release !== undefined && { release }),
      status: isPart ? 206 : stored.status,
      headers: this.#headers(selection.headers, cacheStatus, status, age),
      body: bytes,
    };
  }

  async #through(request: RawRequest, key: string): Promise<RawResponse> {
    let forward: ForwardReason = "uri-miss";
    try {
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
        const fullKey = this.#flights.vary.keyOf(key, request.headers);
        const stored = this.#tier.get(fullKey);
        if (stored !== undefined && attempt > 0 && ttlOf(stored.freshness, this.#parts.clock()) > 0) {
          return this.#fromStored(request, stored, this.#parts.clock());
        }
        if (stored !== undefined) forward = "stale";
        else if (fullKey !== key) forward = "vary-miss";
        if (this.#flights.isPassed(fullKey)) break;
        const boarded = this.#flights.board(request, key, fullKey, stored);
        if (boarded === undefined) break;
        const answer = await this.#fromFlight(request, boarded, forward);
        if (answer === "retry") continue;
        if (answer === "pass") break;
        if (answer.status === 200) this.#newest.note(key, this.#parts.clock());
        return answer;
      }
    } catch (error) {
      return request.signal.aborted ? this.#left() : this.#fail(502, error, forward);
    }
    return this.#pass(request, key, forward);
  }

  async #fromFlight(
    request: RawRequest,
    { flight, leave, collapsed }: { flight: Flight; leave: () => void; collapsed: boolean },
    forward: ForwardReason,
  ): Promise<RawResponse | "retry" | "pass"> {
    const { fill } = flight;
    let keep = false;
    try {
      let head: FillHead;
      try {
        head = await abortable(fill.head, request.signal);
      } catch (error) {
        if (request.signal.aborted) return this.#left();
        return this.#staleIfError(request, flight, error) ?? this.#fail(502, error, forward);
      }
      if (head.status >= 500) {
        const stale = this.#staleIfError(request, flight, undefined);
        if (stale !== undefined) return stale;
      }
      if (collapsed && !this.#flights.matches(flight, head, request)) return "retry";
      const decision = flight.refreshed?.decision ?? head.decision;
      const personal = isPersonal(request) || isPersonal(fill.request);
      if (collapsed && !isShareable(decision, head.status, personal)) return "pass";
      if (request.headers.range !== undefined && head.status === 200 && !fill.willBeStored && !fill.body.ended)
        return "pass";
      this.#counters[collapsed ? "collapsed" : "misses"] += 1;
      if (flight.refreshed !== undefined) {
        const status = { hit: false, forward, forwardStatus: head.status, collapsed } as const;
        return this.#fromStored(request, flight.refreshed.response, this.#parts.clock(), status);
      }
      if (head.status === 200) await abortable(fill.body.until(bytesNeeded(request)), request.signal);
      const answer = this.#growing(request, flight, head, { forward, collapsed }, leave);
      keep = answer.body !== null && !(answer.body instanceof Uint8Array);
      return answer;
    } finally {
      if (!keep) leave();
    }
  }

  #growing(
    request: RawRequest,
    { fill }: Flight,
    head: FillHead,
    how: { forward: ForwardReason; collapsed: boolean },
    leave: () => void,
  ): RawResponse {
    const { status, headers, decision } = head;
    const length = head.length ?? (fill.body.ended ? fill.body.received : undefined);
    const now = this.#parts.clock();
    const cacheStatus: CacheStatus = {
      hit: false,
      ...how,
      stored: fill.willBeStored,
      ...(decision.store ? { ttl: ttlOf(decision.freshness, now) } : { detail: decision.reason }),
    };
    const age = decision.store ? Math.floor(ageOf(decision.freshness, now)) : undefined;
    const selection = select(request, { status, headers, length, available: fill.body.received });
    if (selection.kind === "bodyless") {
      const { response } = selection;
      return { ...response, headers: this.#headers(response.headers, head.cacheStatus, cacheStatus, age) };
    }
    const isPart = selection.kind === "part";
    const answer = {
      status: isPart ? 206 : status,
      headers: this.#headers(selection.headers, head.cacheStatus, cacheStatus, age),
    };
    if (request.method === "HEAD" || length === 0) return { ...answer, body: null };
    const onBytes = (bytes: number): void => {
      this.#counters.bytesToClients += bytes;
    };
    const extent = isPart ? { start: selection.start, end: selection.end } : {};
    return { ...answer, body: fill.body.read({ ...extent, onBytes, onClose: leave }) };
  }

  /** The stored response, where it may stand in for a failed upstream (RFC 5861 §4). */
  #staleIfError(request: RawRequest, { stored }: Flight, error: unknown): RawResponse | undefined {
    const now = this.#parts.clock();
    if (stored === undefined || -ttlOf(stored.freshness, now) >= stored.freshness.staleIfError) return undefined;
    this.#parts.logger.warn({ err: error, target: request.target }, "served stale: the upstream failed");
    this.#counters.hits += 1;
    const ttl = ttlOf(stored.freshness, now);
    return this.#fromStored(request, stored, now, { hit: true, ttl, detail: "stale-if-error" });
  }

  async #pass(request: RawRequest, key: string, forward: ForwardReason): Promise<RawResponse> {
    const { upstream, timeouts } = this.#parts;
    const { method, body, signal } = request;
    this.#counters.bypassed += 1;
    this.#counters.upstreamRequests += 1;
    try {
      const headers = passedHeaders(request, this.#forwarder);
      const response = await upstream.send({ method, target: key, headers, body, signal });
      if (method !== "GET" && method !== "HEAD" && method !== "OPTIONS" && response.status < 400) {
        this.#flights.invalidate(key);
      }
      const head = splitHeaders(response.headers);
      const answer = {
        status: response.status,
        headers: this.#headers(head.headers, head.cacheStatus, { hit: false, forward }, undefined),
      };
      if (method === "HEAD") return { ...answer, body: null };
      const onBytes = (bytes: number): void => {
        this.#counters.bytesFromUpstream += bytes;
        this.#counters.bytesToClients += bytes;
      };
      if (response.body === null) return { ...answer, body: null };
      if (!(response.body instanceof Uint8Array)) {
        return { ...answer, body: passBody(response.body, { timeout: timeouts.body, onBytes }) };
      }
      onBytes(response.body.byteLength);
      return { ...answer, body: response.body };
    } catch (error) {
      if (signal.aborted) return this.#left();
      return this.#fail(502, error, forward);
    }
  }

  /** Nobody will read it: the client left. */
  #left(): RawResponse {
    return errorResponse(499, "ABORTED", "the client left");
  }

  #fail(status: number, error: unknown, forward: ForwardReason): RawResponse {
    this.#counters.errors += 1;
    const code = error instanceof CdnError ? error.code : "UPSTREAM_FAILED";
    if (status >= 500) this.#parts.logger.warn({ err: error }, "answered with an error");
    const message = error instanceof CdnError && status < 500 ? error.message : FAILURES[code];
    const cacheStatus = formatCacheStatus(this.#parts.name, { hit: false, forward, detail: code });
    const headers = ["access-control-allow-origin", "*", "cache-status", cacheStatus, "via", this.#via];
    return errorResponse(code === "UPSTREAM_TIMEOUT" ? 504 : status, code, message ?? "the upstream failed", headers);
  }

  #headers(
    headers: readonly string[],
    before: string | undefined,
    status: CacheStatus,
    age: number | undefined,
  ): readonly string[] {
    const own = formatCacheStatus(this.#parts.name, status);
    const fields = [...headers, "cache-status", before === undefined ? own : `${before}, ${own}`, "via", this.#via];
    if (age !== undefined) fields.push("age", String(age));
    return fields;
  }
}

/** What clients are told: nothing of where the upstreams are. */
const FAILURES: Partial<Record<string, string>> = {
  LOOP_DETECTED: "the request came back to this edge: its upstreams lead to itself",
  UPSTREAM_UNREACHABLE: "no upstream can be reached",
  UPSTREAM_TIMEOUT: "the upstream took too long",
  UPSTREAM_TRUNCATED: "the upstream broke off its answer",
};

/** The promise, or the signal's reason when that comes first. */
async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    if (onAbort !== undefined) signal.removeEventListener("abort", onAbort);
  }
}
