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
import { Answers } from "./answers.ts";
import { type CacheKeys, createCacheKeys } from "./cache-key/cache-key.ts";
import { VaryIndex } from "./cache-key/vary.ts";
import type { ForwardReason } from "./cache-status/cache-status.ts";
import type { DiskTier } from "./disk-tier/disk-tier.ts";
import { Flights } from "./fill/flights.ts";
import { requestDirectivesOf } from "./freshness/cache-control.ts";
import type { LiveEdge } from "./live/live-edge.ts";
import { NewestPlaylists } from "./live/newest-playlists.ts";
import { openLiveEdge } from "./live/open-live-edge.ts";
import type { Prefetcher } from "./live/prefetch.ts";
import type { MemoryTier } from "./memory-tier/memory-tier.ts";
import type { StoredResponse } from "./memory-tier/stored-response.ts";
import { createTinyLfuTier } from "./memory-tier/tiny-lfu.ts";
import { createTierWithCopies } from "./memory-tier/with-copies.ts";
import { DEFAULT_CACHE_BYTES, type EdgeCacheOptions, type LiveOptions, storagePolicyOf } from "./options.ts";
import { PEER_FIELD } from "./peers/peer-mark.ts";
import { decideLookup, type Lookup, type RequestDirectivesMode, wantedOfPeers } from "./policy/lookup.ts";
import type { StoragePolicy } from "./policy/storage.ts";
import type { Purge } from "./purge/purge.ts";
import type { PurgeJudge } from "./purge/purge-judge.ts";
import { PURGES_SEEN_FIELD } from "./purge/seen-field.ts";
import { RangeAnswers } from "./slices/range-answers.ts";
import { DEFAULT_RANGE_SLICE_BYTES, DEFAULT_SLICE_ABOVE_BYTES, Slices } from "./slices/slices.ts";
import { EdgeCounts, type EdgeStats, liveStats } from "./stats.ts";
import { ThroughFlights } from "./through-flights.ts";
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
  readonly #passing: Passing;
  readonly #through: ThroughFlights;
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
    const { live, prefetcher } = openLiveEdge(parts.live, {
      clock,
      keyOf: (target) => this.#keys.of(target),
      flights: () => this.#flights,
      ...(parts.cmcd !== undefined && { cmcd: parts.cmcd }),
    });
    this.#live = live;
    this.#prefetcher = prefetcher;
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
    const ranges = new RangeAnswers({ slices, flights: this.#flights, answers: this.#answers, clock, counts });
    this.#passing = new Passing({
      ...shared,
      ...{ keys: this.#keys, flights: this.#flights, answers: this.#answers, forwarder },
      purges,
      ...(parts.onInvalidation !== undefined && { onInvalidation: parts.onInvalidation }),
    });
    this.#through = new ThroughFlights({
      ...{ flights: this.#flights, answers: this.#answers, ranges, passing: this.#passing },
      ...{ newest: this.#newest, counts, clock },
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
        return this.#newer(request, key, now) ?? this.#through.answer(request, key, false);
      case "reload":
        return this.#through.answer(request, key, true);
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
    return this.#through.answer(request, key, true, "purges-unknown");
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
}
