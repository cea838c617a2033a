/**
 * The edge's way of a request: look up, then hit, collapse onto a flight, or pass on.
 *
 * ```
 * request ─► key ─► look-up ─┬─ hit ───────────────────────► stored bytes
 *                            ├─ stale-while-revalidate ─────► stored bytes, and a flight in the background
 *                            ├─ miss, revalidate ─┬─ range ─► a part that is here, or slices, each stored, under way or a flight
 *                            │                    └─ flight ─► its body as it grows; stored bytes after a 304, or an error that allows it
 *                            └─ method, precondition, … ────► passed on for this client alone
 * ```
 */

import { randomBytes } from "node:crypto";
import type { CmcdTap } from "../cmcd/tap.ts";
import { CdnError } from "../errors.ts";
import type { RawRequest, RawResponse } from "../handler/raw.ts";
import type { Logger } from "../logger.ts";
import { abortable } from "./abortable.ts";
import { bytesNeeded } from "./answer.ts";
import { Answers } from "./answers.ts";
import { type CacheKeys, createCacheKeys } from "./cache-key/cache-key.ts";
import { VaryIndex } from "./cache-key/vary.ts";
import type { ForwardReason } from "./cache-status/cache-status.ts";
import type { DiskTier } from "./disk-tier/disk-tier.ts";
import type { FillHead } from "./fill/fill.ts";
import { type Boarded, type Flight, Flights } from "./fill/flights.ts";
import { mayStandIn } from "./fill/revalidation.ts";
import { requestDirectivesOf } from "./freshness/cache-control.ts";
import { ttlOf } from "./freshness/freshness.ts";
import { LiveEdge } from "./live/live-edge.ts";
import { NewestPlaylists } from "./live/newest-playlists.ts";
import { createPrefetcher, type Prefetcher } from "./live/prefetch.ts";
import type { MemoryTier } from "./memory-tier/memory-tier.ts";
import type { StoredResponse } from "./memory-tier/stored-response.ts";
import { createTinyLfuTier } from "./memory-tier/tiny-lfu.ts";
import { createTierWithCopies } from "./memory-tier/with-copies.ts";
import {
  DEFAULT_CACHE_BYTES,
  DEFAULT_PREFETCH_BYTES_PER_SECOND,
  type EdgeCacheOptions,
  type LiveOptions,
  storagePolicyOf,
} from "./options.ts";
import { PEER_FIELD } from "./peers/peer-mark.ts";
import { decideLookup, type Lookup, type RequestDirectivesMode, wantedOfPeers } from "./policy/lookup.ts";
import type { StoragePolicy } from "./policy/storage.ts";
import type { Purge } from "./purge/purge.ts";
import type { PurgeJudge } from "./purge/purge-judge.ts";
import { PURGES_SEEN_FIELD } from "./purge/seen-field.ts";
import { RangeAnswers } from "./slices/range-answers.ts";
import { DEFAULT_RANGE_SLICE_BYTES, DEFAULT_SLICE_ABOVE_BYTES, Slices } from "./slices/slices.ts";
import { countAs, EdgeCounts, type EdgeStats, liveStats } from "./stats.ts";
import { TieredStore } from "./tiered-store.ts";
import {
  type Forwarder,
  type ForwardOptions,
  isLoop,
  withoutField,
  withoutHopByHop,
} from "./upstream/forward-headers.ts";
import { Passing } from "./upstream/passing.ts";
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
  /** What the edge does for live media. False: nothing but what HTTP says, and to hand CMCD on. Default: rules, and no prefetching. */
  readonly live?: LiveOptions | false;
  /** Takes what players say of themselves. Default: nobody listens. */
  readonly cmcd?: CmcdTap;
  /** Behind the memory, for what is to outlive the process or does not fit. Default: none. */
  readonly disk?: DiskTier;
  /** What upstreams are told of who asks. */
  readonly forward?: ForwardOptions;
  /** Tells requests of peers from those of clients. Default: there are no peers. */
  readonly peers?: {
    isPeer(request: Pick<RawRequest, "headers" | "target">): boolean;
    /** Requests that went to the own upstreams. */
    readonly ownRequests: number;
  };
  /** How this edge knows itself again in `CDN-Loop`: the same for all of its processes. Default: random. */
  readonly id?: string;
  /** What has been purged, asked at each look-up. Default: nothing ever. */
  readonly purges?: PurgeJudge;
  /**
   * Called with what an answer to an unsafe method invalidates: URLs, which are forgotten in memory already (RFC 9111 §4.4), and groups (RFC 9875
   * §3). Any client may cause it, by a method that the upstream lets it use. The answer waits for a promise. Default: nothing more happens.
   */
  readonly onInvalidation?: (purge: Purge) => void | Promise<void>;
}

/** A request whose answers turn out to vary, or not to be shared, starts over this often before it goes alone. */
const MAX_ATTEMPTS = 3;

/** With more upstream requests than this under way nothing is fetched ahead. */
const MAX_BUSY_FLIGHTS = 512;

/** What may be answered from a cache. */
const SAFE = new Set(["GET", "HEAD"]);

/** Why a request is passed on, where a look-up said so. */
const PASSED: Partial<Record<Lookup, ForwardReason>> = {
  method: "method",
  "request-no-store": "request",
  precondition: "request",
};

export class EdgeCache {
  readonly stats: EdgeStats;
  readonly #clock: () => number;
  readonly #keys: CacheKeys;
  readonly #tier: MemoryTier<StoredResponse>;
  /** The same tier, where there is a disk behind it. */
  readonly #tiers: TieredStore | undefined;
  readonly #purges: PurgeJudge | undefined;
  readonly #flights: Flights;
  readonly #newest = new NewestPlaylists();
  readonly #live: LiveEdge | undefined;
  readonly #prefetcher: Prefetcher | undefined;
  readonly #forwarder: Forwarder;
  readonly #answers: Answers;
  readonly #ranges: RangeAnswers;
  readonly #passing: Passing;
  #options: EdgeCacheOptions;
  #policy: StoragePolicy;
  readonly #counts = new EdgeCounts();
  readonly #peers: EdgeCacheParts["peers"];

  constructor(parts: EdgeCacheParts) {
    const { name, cache, clock, systemClock, upstream, timeouts, logger, disk, purges } = parts;
    const counts = this.#counts;
    this.#clock = clock;
    this.#options = cache;
    this.#policy = storagePolicyOf(cache);
    this.#keys = createCacheKeys(cache);
    this.#purges = purges;
    this.#peers = parts.peers;
    const createTier = (maxBytes: number): MemoryTier<StoredResponse> =>
      createTinyLfuTier(maxBytes, { onEvict: (key, _entry, uses) => this.#tiers?.evicted(key, uses) });
    const maxBytes = cache.maxBytes ?? DEFAULT_CACHE_BYTES;
    const memory = parts.peers === undefined ? createTier(maxBytes) : createTierWithCopies(maxBytes, createTier);
    const vary = new VaryIndex(disk === undefined ? 0 : systemClock());
    this.#tiers = disk && new TieredStore({ memory, disk, vary, clock, systemClock, logger });
    this.#tier = this.#tiers ?? memory;
    const token = parts.id ?? randomBytes(6).toString("hex");
    const { forward } = parts;
    this.#forwarder = {
      name,
      id: `${name.replace(/[^\w.-]/g, "-")}-${token}`,
      ...(forward !== undefined && { forward }),
    };
    this.#answers = new Answers({ name, clock, logger, counts, exposeTags: () => this.#options.exposeTags ?? false });
    const {
      prefetch = false,
      maxPrefetches,
      maxPrefetchBytesPerSecond = DEFAULT_PREFETCH_BYTES_PER_SECOND,
    } = parts.live || {};
    if (prefetch) {
      this.#prefetcher = createPrefetcher({
        keyOf: (target) => this.#keys.of(target),
        request: (ahead) => this.#flights.prefetch(ahead),
        busy: () => this.#flights.size > MAX_BUSY_FLIGHTS,
        clock,
        ...(maxPrefetches !== undefined && { maxInFlight: maxPrefetches }),
        maxBytesPerSecond: maxPrefetchBytesPerSecond,
      });
    }
    const { rules = parts.live !== false } = parts.live || {};
    if (rules || prefetch || parts.cmcd !== undefined) {
      this.#live = new LiveEdge({
        clock,
        rules,
        ...(this.#prefetcher !== undefined && { prefetcher: this.#prefetcher }),
        ...(parts.cmcd !== undefined && { cmcd: parts.cmcd }),
      });
    }
    const wantedOf = ({ headers }: Pick<RawRequest, "headers">) => wantedOfPeers(headers, this.#mode);
    const shared = { upstream, timeouts, clock, systemClock, counts, wantedOf };
    const forwarder = this.#forwarder;
    this.#flights = new Flights({
      ...shared,
      policy: () => this.#policy,
      tier: this.#tier,
      tiers: this.#tiers,
      live: this.#live,
      forwarder,
      vary,
      purges,
    });
    const { sliceBytes = DEFAULT_RANGE_SLICE_BYTES } = cache;
    const sliceAbove = (): number => this.#options.sliceAbove ?? DEFAULT_SLICE_ABOVE_BYTES;
    const slices = new Slices({ tier: this.#tier, flights: this.#flights, clock, sliceBytes, sliceAbove });
    this.#ranges = new RangeAnswers({ slices, flights: this.#flights, answers: this.#answers, clock, counts });
    this.#passing = new Passing({
      ...shared,
      ...{ keys: this.#keys, flights: this.#flights, answers: this.#answers, forwarder },
      purges,
      ...(parts.onInvalidation !== undefined && { onInvalidation: parts.onInvalidation }),
    });
    this.stats = liveStats(counts, this.#tier, this.#flights, this.#peers);
  }

  /** Answers a request: at once where it can. Never throws or rejects. */
  answer(asked: RawRequest): RawResponse | Promise<RawResponse> {
    let request = asked.headers.connection === undefined ? asked : withoutHopByHop(asked);
    const fromPeer = request.headers[PEER_FIELD] !== undefined && this.#peers?.isPeer(request) === true;
    if (!fromPeer) request = withoutField(request, PEER_FIELD);
    if (this.#options.ignoreAuthorization) request = withoutField(request, "authorization");
    this.#counts.of(request).requests += 1;
    if (!fromPeer && isLoop(request, this.#forwarder)) {
      return this.#answers.fail(
        request,
        508,
        new CdnError("LOOP_DETECTED", "this edge is its own upstream"),
        "request",
      );
    }
    let key: string;
    try {
      key = this.#keys.of(request.target);
    } catch (error) {
      return this.#answers.fail(request, 400, error, "request");
    }
    if (request.method === "GET" && !fromPeer) this.#live?.asked(request, key);
    // Another edge asks, and knows of purges that are not known here: it is to get nothing that may be older than they are.
    if (this.#purges?.covers?.(request.headers[PURGES_SEEN_FIELD]) === false) {
      return this.#passing.pass(request, key, "stale", "purges-unknown");
    }
    const fullKey = this.#flights.vary.keyOf(key, request.headers);
    const stored = this.#flights.find(fullKey);
    if (stored === undefined && SAFE.has(request.method) && this.#tiers?.mayHold(key, fullKey)) {
      return this.#warmed(request, key, this.#tiers);
    }
    return this.#lookUp(request, key, fullKey, stored);
  }

  /** What is only on disk is sent while it is read, or taken into memory, and answered from there as everything else. */
  async #warmed(request: RawRequest, key: string, tiers: TieredStore): Promise<RawResponse> {
    await tiers.recall(key);
    const fullKey = this.#flights.vary.keyOf(key, request.headers);
    const sent = await this.#whileRead(request, key, fullKey, tiers);
    if (sent !== undefined) return sent;
    await tiers.warm(fullKey);
    const answer = await this.#lookUp(request, key, fullKey, this.#flights.find(fullKey));
    return answer.about?.tier === "memory" ? { ...answer, about: { ...answer.about, tier: "disk" } } : answer;
  }

  /** Something long and fresh on disk. Undefined for what is answered otherwise. */
  async #whileRead(
    request: RawRequest,
    key: string,
    fullKey: string,
    tiers: TieredStore,
  ): Promise<RawResponse | undefined> {
    const hit = await tiers.open(fullKey);
    if (hit === undefined) return undefined;
    const now = this.#clock();
    const stored = this.#flights.judged(fullKey, hit.stored);
    const isHit =
      stored !== undefined && decideLookup(request, stored, now, this.#mode, this.#flights.isSoft(stored)) === "hit";
    const newer = isHit ? this.#newer(request, key, now) : undefined;
    if (!isHit || !this.#flights.isTrusted() || newer !== undefined) {
      hit.close();
      return newer;
    }
    return await this.#answers.whileRead(request, hit, now);
  }

  #lookUp(
    request: RawRequest,
    key: string,
    fullKey: string,
    stored: StoredResponse | undefined,
  ): RawResponse | Promise<RawResponse> {
    const now = this.#clock();
    const isSoft = stored !== undefined && this.#flights.isSoft(stored);
    const lookup = decideLookup(request, stored, now, this.#mode, isSoft);
    if (!this.#flights.isTrusted()) return this.#distrusted(request, key, lookup);
    switch (lookup) {
      case "hit":
        return this.#newer(request, key, now) ?? this.#answers.fresh(request, stored!, now);
      case "stale-while-revalidate":
        this.#flights.refresh(request, key, fullKey, stored!);
        return this.#answers.stale(request, stored!, now, lookup);
      case "max-stale":
        return this.#answers.stale(request, stored!, now, lookup);
      case "only-if-cached":
        return this.#newer(request, key, now) ?? this.#answers.notCached(request);
      case "miss":
      case "revalidate":
        return this.#newer(request, key, now) ?? this.#through(request, key, false);
      case "reload":
        return this.#through(request, key, true);
      default:
        return this.#passing.pass(request, key, PASSED[lookup] ?? "request", lookup);
    }
  }

  get #mode(): RequestDirectivesMode {
    return this.#options.requestDirectives ?? "harmless";
  }

  /** Purges may be missing here: nothing that is stored is served before the upstream was asked. */
  #distrusted(request: RawRequest, key: string, lookup: Lookup): RawResponse | Promise<RawResponse> {
    const isOnlyIfCached = this.#mode !== "ignore" && requestDirectivesOf(request.headers)?.onlyIfCached;
    if (isOnlyIfCached) return this.#answers.notCached(request);
    if (PASSED[lookup] !== undefined || request.headers.range !== undefined || request.method === "HEAD") {
      return this.#passing.pass(request, key, PASSED[lookup] ?? "stale", "purges-unknown");
    }
    return this.#through(request, key, true, "purges-unknown");
  }

  /**
   * Takes other options for what comes from now on: what is stored keeps the lifetime that it was given. Those of keys and of slices stay as they
   * were: what is stored could not be found, nor purged, by others. What no longer fits into the memory leaves at once.
   */
  update(options: EdgeCacheOptions): void {
    this.#options = options;
    this.#policy = storagePolicyOf(options);
    this.#tier.resize(options.maxBytes ?? DEFAULT_CACHE_BYTES);
  }

  /** Bounds the memory anew; what no longer fits leaves at once. */
  resize(maxBytes: number): void {
    this.update({ ...this.#options, maxBytes });
  }

  /** Forgets what is stored and arriving for a canonical target. */
  invalidate(key: string): void {
    this.#flights.invalidate(key);
  }

  close(): void {
    this.#prefetcher?.close();
    this.#flights.close();
    this.#tier.clear();
  }

  /** The newest playlist instead of the one that a client asks for, where that is at hand and fresh. */
  #newer(request: RawRequest, key: string, now: number): RawResponse | undefined {
    const newer = this.#newest.newerThan(key, now);
    if (newer === undefined) return undefined;
    const stored = this.#flights.find(this.#flights.vary.keyOf(newer, request.headers));
    if (stored === undefined || this.#flights.isSoft(stored)) return undefined;
    if (decideLookup(request, stored, now, this.#mode) !== "hit") return undefined;
    return this.#answers.fresh(request, stored, now);
  }

  /**
   * @param reload - what is stored is fresh, but the upstream is to be asked.
   * @param detail - why it is, where that is not because the client wants it.
   */
  async #through(request: RawRequest, key: string, reload: boolean, detail?: string): Promise<RawResponse> {
    const why = reload && detail === undefined ? "request" : "stale";
    let forward: ForwardReason = why === "request" ? why : "uri-miss";
    let bypass = "not-shared";
    try {
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
        const fullKey = this.#flights.vary.keyOf(key, request.headers);
        const stored = this.#flights.find(fullKey);
        if (stored !== undefined && attempt > 0 && !reload && this.#isFresh(stored)) {
          return this.#answers.fresh(request, stored, this.#clock());
        }
        if (stored !== undefined) forward = why;
        else if (fullKey !== key) forward = "vary-miss";
        const asked = { request, key, fullKey };
        const partial =
          stored === undefined && this.#flights.isTrusted() ? await this.#ranges.before(asked) : undefined;
        if (partial === "retry") continue;
        if (partial === "pass") {
          bypass = "range";
          break;
        }
        if (partial !== undefined && "status" in partial) return partial;
        if (this.#flights.isPassed(fullKey)) break;
        const boarded = partial ?? this.#flights.board(request, key, fullKey, stored, { fresh: reload });
        if (boarded === undefined) {
          bypass = "head";
          break;
        }
        const answer = await this.#fromFlight(request, boarded, forward, stored === undefined ? undefined : detail);
        if (answer === "retry") continue;
        if (answer === "pass") break;
        if (answer === "slices") {
          const sliced = await this.#ranges.fromSlices(asked);
          if (typeof sliced === "object" && "status" in sliced) return sliced;
          if (typeof sliced === "object") sliced.leave();
          bypass = "range";
          break;
        }
        if (answer.status === 200) this.#newest.note(key, this.#clock());
        return answer;
      }
    } catch (error) {
      return request.signal.aborted ? this.#answers.left() : this.#answers.fail(request, 502, error, forward);
    }
    return this.#passing.pass(request, key, forward, bypass);
  }

  async #fromFlight(
    request: RawRequest,
    boarded: Boarded,
    forward: ForwardReason,
    detail: string | undefined,
  ): Promise<RawResponse | "retry" | "pass" | "slices"> {
    const { flight, leave, collapsed } = boarded;
    const { fill } = flight;
    let keep = false;
    try {
      let head: FillHead;
      try {
        head = await abortable(fill.head, request.signal);
      } catch (error) {
        if (request.signal.aborted) return this.#answers.left();
        return this.#standIn(request, flight, true) ?? this.#answers.fail(request, 502, error, forward);
      }
      if (head.status >= 500) {
        const stale = this.#standIn(request, flight, false);
        if (stale !== undefined) return stale;
      }
      const admitted = this.#flights.admits(boarded, head, request);
      if (admitted !== "yes") return admitted;
      if (this.#ranges.prefersSlices(request, boarded, head)) return "slices";
      if (request.headers.range !== undefined && head.status === 200 && !fill.willBeStored && !fill.body.ended)
        return "pass";
      const { sibling } = head;
      countAs(this.#counts.of(request), collapsed ? "collapsed" : (sibling?.facts.outcome ?? "miss"));
      if (flight.refreshed !== undefined) {
        const how = { forward, forwardStatus: head.status, collapsed, sibling, detail } as const;
        return this.#answers.revalidated(request, flight.refreshed.response, how);
      }
      if (head.status === 200) await abortable(fill.body.until(bytesNeeded(request)), request.signal);
      const answer = this.#answers.growing(request, flight, head, { forward, collapsed, sibling, detail }, leave);
      keep = answer.body !== null && !(answer.body instanceof Uint8Array);
      return answer;
    } finally {
      if (!keep) leave();
    }
  }

  /** The stored response, where it may stand in for a failed upstream (RFC 5861 §4), or for one that is not there (RFC 9111 §4.2.4). */
  #standIn(request: RawRequest, { fill, stored: asked }: Flight, disconnected: boolean): RawResponse | undefined {
    // It may have been purged while the upstream was asked.
    const stored = this.#flights.judged(fill.key, asked);
    if (stored === undefined || !this.#flights.isTrusted()) return undefined;
    const now = this.#clock();
    if (mayStandIn(stored, now)) return this.#answers.stale(request, stored, now, "stale-if-error");
    const { freshness } = stored;
    if (!disconnected || -ttlOf(freshness, now) >= freshness.staleIfDisconnected) return undefined;
    return this.#answers.stale(request, stored, now, "disconnected");
  }

  #isFresh(stored: StoredResponse): boolean {
    if (!this.#flights.isTrusted()) return false;
    return ttlOf(stored.freshness, this.#clock()) > 0 && !this.#flights.isSoft(stored);
  }
}
