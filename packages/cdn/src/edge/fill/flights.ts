/** Upstream requests under way, by key: who may board one, and what becomes of what it brings. */

import { CdnError } from "../../errors.ts";
import type { RawRequest } from "../../handler/raw.ts";
import { BoundedMemory } from "../cache-key/bounded-memory.ts";
import { isSameVariant, VaryIndex } from "../cache-key/vary.ts";
import { ttlOf } from "../freshness/freshness.ts";
import type { MemoryTier } from "../memory-tier/memory-tier.ts";
import { StoredResponse } from "../memory-tier/stored-response.ts";
import {
  DEFAULT_CACHE_BYTES,
  DEFAULT_MAX_OBJECT_BYTES,
  DEFAULT_NEGATIVE_TTL,
  type EdgeCacheOptions,
} from "../options.ts";
import { decideStorage, isShareable, type StorageDecision } from "../policy/storage.ts";
import type { EdgeCounters } from "../stats.ts";
import { type Forwarder, sharedHeaders } from "../upstream/forward-headers.ts";
import type { Upstream, UpstreamTimeouts } from "../upstream/upstream.ts";
import { Fill, type FillHead } from "./fill.ts";
import { refreshHeaders } from "./response-head.ts";

/** Milliseconds that requests for something which turned out not to be shared go straight to the upstream, each for itself. */
const PASS_MEMORY = 5_000;

/** One upstream request and those who wait for it. */
export interface Flight {
  readonly fill: Fill;
  /** The stale response it asks about. */
  readonly stored: StoredResponse | undefined;
  /** The same response with new fields, once the upstream said 304, and whether they let it be stored. */
  refreshed: { readonly response: StoredResponse; readonly decision: StorageDecision } | undefined;
}

/** Options of {@link Flights}. */
export interface FlightsOptions {
  readonly upstream: Upstream;
  readonly timeouts: UpstreamTimeouts;
  readonly clock: () => number;
  readonly systemClock: () => number;
  readonly cache: EdgeCacheOptions;
  readonly tier: MemoryTier<StoredResponse>;
  readonly forwarder: Forwarder;
  readonly counters: EdgeCounters;
}

export class Flights {
  readonly vary = new VaryIndex();
  readonly #options: FlightsOptions;
  /** Those that may be boarded. */
  readonly #byKey = new Map<string, Flight>();
  readonly #all = new Set<Flight>();
  /** Until when a key is passed. */
  readonly #passed = new BoundedMemory<number>();
  readonly #maxObjectBytes: number;

  constructor(options: FlightsOptions) {
    this.#options = options;
    const { maxBytes = DEFAULT_CACHE_BYTES, maxObjectBytes = DEFAULT_MAX_OBJECT_BYTES } = options.cache;
    this.#maxObjectBytes = Math.min(maxBytes, maxObjectBytes);
  }

  get size(): number {
    return this.#all.size;
  }

  /** Whether answers to this key are known not to be shared. */
  isPassed(fullKey: string): boolean {
    const until = this.#passed.get(fullKey);
    if (until === undefined) return false;
    if (this.#options.clock() < until) return true;
    this.#passed.delete(fullKey);
    return false;
  }

  /**
   * Takes part in the flight for a key, or starts one. Undefined for a HEAD that would have to start one: a whole body is too much for it.
   * A request with `Authorization` flies alone: whether its answer is for others is only known afterwards.
   */
  board(
    request: RawRequest,
    key: string,
    fullKey: string,
    stored: StoredResponse | undefined,
  ): { flight: Flight; leave: () => void; collapsed: boolean } | undefined {
    const alone = request.headers.authorization !== undefined;
    const now = this.#options.clock();
    const existing = alone ? undefined : this.#byKey.get(fullKey);
    if (existing?.fill.isJoinable((decision) => decision.store && ttlOf(decision.freshness, now) > 0)) {
      return { flight: existing, leave: existing.fill.join(), collapsed: true };
    }
    if (request.method === "HEAD") return undefined;
    const flight = this.#start(request, key, fullKey, stored, alone);
    return { flight, leave: flight.fill.join(), collapsed: false };
  }

  /** Fetches a stale response again in the background, unless that is under way. Nobody boards: it ends where it cannot be stored. */
  refresh(request: RawRequest, key: string, fullKey: string, stored: StoredResponse): void {
    if (this.#byKey.has(fullKey)) return;
    this.#start(request, key, fullKey, stored, false);
  }

  /** Whether a flight's answer is the one that this request would get: not so when it varies by a field they differ in. */
  matches({ fill }: Flight, { vary }: FillHead, request: RawRequest): boolean {
    return vary !== null && isSameVariant(vary, fill.request.headers, request.headers);
  }

  /** Forgets what is stored and arriving for a key. */
  invalidate(key: string): void {
    this.vary.invalidate(key);
    this.#options.tier.delete(key);
    for (const flight of this.#all) if (targetOf(flight.fill.key) === key) flight.fill.doNotStore();
    for (const fullKey of this.#byKey.keys()) if (targetOf(fullKey) === key) this.#byKey.delete(fullKey);
  }

  close(): void {
    for (const { fill } of this.#all) fill.abort(new CdnError("CLOSED", "the edge is closing"));
    this.#byKey.clear();
  }

  #start(
    request: RawRequest,
    key: string,
    fullKey: string,
    stored: StoredResponse | undefined,
    alone: boolean,
  ): Flight {
    const { upstream, clock, systemClock, tier, timeouts, cache, counters, forwarder } = this.#options;
    const headers = sharedHeaders(request, forwarder);
    if (stored !== undefined) pushValidators(headers, stored);
    counters.upstreamRequests += 1;
    const fill = new Fill({
      key: fullKey,
      request,
      send: (signal) => upstream.send({ method: "GET", target: key, headers, body: null, signal }),
      tier,
      clock,
      systemClock,
      negativeTtl: cache.negativeTtl ?? DEFAULT_NEGATIVE_TTL,
      maxObjectBytes: this.#maxObjectBytes,
      bodyTimeout: timeouts.body,
      onBytes: (bytes) => {
        counters.bytesFromUpstream += bytes;
      },
      onHead: (head) => this.#onHead(flight, key, head, alone),
      onEnd: (entry) => {
        this.#all.delete(flight);
        for (const each of [fullKey, this.vary.keyOf(key, request.headers)]) {
          if (this.#byKey.get(each) === flight) this.#byKey.delete(each);
        }
        if (entry !== undefined && this.vary.admits(key, entry.vary)) {
          tier.set(this.vary.keyOf(key, request.headers), entry);
        }
      },
    });
    const flight: Flight = { fill, stored, refreshed: undefined };
    this.#all.add(flight);
    if (!alone) this.#byKey.set(fullKey, flight);
    return flight;
  }

  #onHead(flight: Flight, key: string, head: FillHead, alone: boolean): void {
    const { fill, stored } = flight;
    if (head.status === 304 && stored !== undefined) {
      this.#refreshed(flight, key, head, stored);
      return;
    }
    if (head.decision.store) {
      this.vary.learn(key, head.decision.vary);
      if (!alone) this.#byKey.set(this.vary.keyOf(key, fill.request.headers), flight);
      return;
    }
    if (alone || head.status >= 400 || isShareable(head.decision, head.status, false)) return;
    this.#passed.set(fill.key, this.#options.clock() + PASS_MEMORY);
  }

  #refreshed(flight: Flight, key: string, head: FillHead, stored: StoredResponse): void {
    const { tier, cache } = this.#options;
    const { request } = flight.fill;
    const headers = refreshHeaders(stored.headers, head.headers);
    const decision = decideStorage({
      request,
      status: stored.status,
      headers,
      age: head.age,
      closeDelimited: false,
      requestedAt: head.requestedAt,
      receivedAt: head.receivedAt,
      systemTime: head.systemTime,
      negativeTtl: cache.negativeTtl ?? DEFAULT_NEGATIVE_TTL,
      maxObjectBytes: this.#maxObjectBytes,
    });
    const { status, body } = stored;
    const vary = decision.store ? decision.vary : stored.vary;
    const freshness = decision.store ? decision.freshness : stored.freshness;
    const { cacheStatus } = head;
    const response = new StoredResponse({ status, headers, cacheStatus, body, freshness, vary }, key.length);
    flight.refreshed = { response, decision };
    if (flight.fill.invalidated) return;
    // What an authorized client may not leave here says nothing of what was here before.
    if (!decision.store && decision.reason === "authorization") return;
    tier.delete(flight.fill.key);
    if (!decision.store) return;
    this.vary.learn(key, vary);
    tier.set(this.vary.keyOf(key, request.headers), response);
  }
}

function pushValidators(headers: string[], { validators, headers: stored }: StoredResponse): void {
  if (validators.etag !== undefined) headers.push("if-none-match", validators.etag);
  const at = stored.indexOf("last-modified");
  if (validators.etag === undefined && at !== -1) headers.push("if-modified-since", stored[at + 1]!);
}

/** The request target in a full key: what comes before the values it varies by. */
function targetOf(fullKey: string): string {
  const end = fullKey.indexOf("\n");
  return end === -1 ? fullKey : fullKey.slice(0, end);
}
