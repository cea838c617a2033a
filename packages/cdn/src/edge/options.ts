/** What an edge can be told. */

import type { CmcdTap } from "../cmcd/tap.ts";
import { CdnError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { CacheKeyOptions } from "./cache-key/cache-key.ts";
import type { DiskTier } from "./disk-tier/disk-tier.ts";
import { DEFAULT_TARGETED_FIELDS } from "./freshness/cache-control.ts";
import { DEFAULT_HEURISTIC, DEFAULT_STALE_IF_DISCONNECTED, type HeuristicFreshness } from "./freshness/freshness.ts";
import type { PeersOptions } from "./peers/peer-upstream.ts";
import type { RequestDirectivesMode } from "./policy/lookup.ts";
import type { StoragePolicy } from "./policy/storage.ts";
import type { Purges } from "./purge/purges.ts";
import type { ForwardOptions } from "./upstream/forward-headers.ts";
import type { UpstreamTimeouts } from "./upstream/upstream.ts";
import type { UpstreamOption } from "./upstream/upstream-options.ts";
import type { UpstreamsPolicy } from "./upstream/upstreams.ts";

/** 256 MiB. */
export const DEFAULT_CACHE_BYTES = 256 * 1024 * 1024;
/** 64 MiB. */
export const DEFAULT_MAX_OBJECT_BYTES = 64 * 1024 * 1024;
/** 1 s. */
export const DEFAULT_NEGATIVE_TTL = 1;

/** The memory cache. */
export interface EdgeCacheOptions extends CacheKeyOptions {
  /** Bytes of bodies, header fields and bookkeeping, of objects still arriving as well. Default 256 MiB. */
  readonly maxBytes?: number;
  /** Objects above this are passed on without being stored. At most `maxBytes`. Default 64 MiB, or `maxBytes` where that is less. */
  readonly maxObjectBytes?: number;
  /** Seconds that a 404 or 410 which says nothing else is kept: at the live edge the next part is missing only for a moment. Default 1. */
  readonly negativeTtl?: number;
  /**
   * How a lifetime is guessed for an answer that names none, but has `Last-Modified` (RFC 9111 §4.2.2): `fraction` of the time since then,
   * `max` seconds at most. `false`: never. Default {@link DEFAULT_HEURISTIC}.
   */
  readonly heuristic?: HeuristicFreshness | false;
  /**
   * Seconds past freshness that what says nothing of it is served when no upstream answers at all (RFC 9111 §4.2.4). Not what has
   * `must-revalidate`, `proxy-revalidate`, `no-cache` or `s-maxage`. 0: never. Default 30.
   */
  readonly staleIfDisconnected?: number;
  /**
   * Response fields in the syntax of `CDN-Cache-Control` (RFC 9213) to follow instead of `Cache-Control` and `Expires`, the first that an
   * answer has and that can be read. Lower case. Default `["cdn-cache-control"]`.
   */
  readonly targetedFields?: readonly string[];
  /** Which `Cache-Control` directives of requests count. Default `harmless`: those by which nobody can make an edge ask its upstream. */
  readonly requestDirectives?: RequestDirectivesMode;
  /**
   * Whether clients' `Authorization` is dropped, before the cache or an upstream sees it: for what is the same for all who may have it. With it, each such
   * request asks the upstream, unless the answer has `public`, `must-revalidate` or `s-maxage` (RFC 9111 §3.5). Guards in front see it. Default: true where all upstreams
   * are buckets, which are never sent it; else false.
   */
  readonly ignoreAuthorization?: boolean;
  /**
   * Whether answers with `Set-Cookie` are stored where nothing else forbids it, as RFC 9111 §7.3 has it. The cookie then goes to everybody.
   * Default false.
   */
  readonly storeSetCookie?: boolean;
  /**
   * Whether clients see `Surrogate-Key`, `Cache-Tag` and `Surrogate-Control`. Another edge, which a request says it comes from by
   * `CDN-Loop`, always does. Default false.
   */
  readonly exposeTags?: boolean;
  /** Bytes of a slice, in which ranges of long objects are fetched and stored. Default 1 MiB. */
  readonly sliceBytes?: number;
  /** Ranges of objects above this are answered by slices, of shorter ones by fetching the whole. Default 8 MiB. */
  readonly sliceAbove?: number;
}

/** 64 MiB. */
export const DEFAULT_PREFETCH_BYTES_PER_SECOND = 64 * 1024 * 1024;

/** What an edge does for live media beyond HTTP. */
export interface LiveOptions {
  /**
   * Whether live playlists are kept for half a part, and what is missing at the live edge as long, whatever their fields allow beyond that. False:
   * as the fields say. Default true.
   */
  readonly rules?: boolean;
  /** Fetches what comes next before it is asked for: hinted parts, what playlists, `Link` fields and players announce. Default false. */
  readonly prefetch?: boolean;
  /** Fetched ahead at the same time, without hinted parts that the upstream holds. Default 16. */
  readonly maxPrefetches?: number;
  /** Bytes a second that are fetched ahead. Default 64 MiB. */
  readonly maxPrefetchBytesPerSecond?: number;
}

/** What an edge stores, and for how long, where responses leave it open. */
export function storagePolicyOf(cache: EdgeCacheOptions): StoragePolicy {
  const { maxBytes = DEFAULT_CACHE_BYTES, maxObjectBytes = DEFAULT_MAX_OBJECT_BYTES } = cache;
  return {
    maxObjectBytes: Math.min(maxBytes, maxObjectBytes),
    negativeTtl: cache.negativeTtl ?? DEFAULT_NEGATIVE_TTL,
    heuristic: cache.heuristic ?? DEFAULT_HEURISTIC,
    staleIfDisconnected: cache.staleIfDisconnected ?? DEFAULT_STALE_IF_DISCONNECTED,
    targetedFields: cache.targetedFields ?? DEFAULT_TARGETED_FIELDS,
    storeSetCookie: cache.storeSetCookie ?? false,
  };
}

/** Options of {@link createEdge}. */
export interface EdgeOptions extends UpstreamsPolicy {
  /**
   * In the order of preference: a URL `http(s)://host[:port][/base]`, a handler in this process, or either with what is to be known of it. GET and HEAD go on to the next where one
   * fails or has no such thing (404, 410), so they may be replicas, or have streams of their own each.
   */
  readonly upstreams: readonly UpstreamOption[];
  /** Other edges, or other processes of this one, each of which answers for a share of the keys. Default: none. */
  readonly peers?: PeersOptions;
  readonly cache?: EdgeCacheOptions;
  /** What upstreams are told of who asks. Default: of requests that go on for one client alone, its address, and the scheme and host that it asked for. */
  readonly forward?: ForwardOptions;
  /**
   * From `createDiskTier`: holds what has more than {@link MIN_DISK_LIFETIME} seconds to live, over restarts. To be closed after the edge. Give
   * `purges` a folder then, so that what was purged or invalidated stays so. Default: none.
   */
  readonly disk?: DiskTier;
  /** What is done for live media. False: nothing. Default: live playlists are kept for half a part, and nothing is fetched ahead. */
  readonly live?: LiveOptions | false;
  /** From `createCmcdTap`: counts what players say by CMCD. Default: nobody listens. */
  readonly cmcd?: CmcdTap;
  /** From `createPurges`, with the same `keyOf` as this edge's keys. To be closed after the edge. Default: nothing is purged. */
  readonly purges?: Purges;
  /** Milliseconds to wait for upstreams, see {@link DEFAULT_UPSTREAM_TIMEOUTS}. */
  readonly timeouts?: Partial<UpstreamTimeouts>;
  /** Names this edge in `Cache-Status` and `Via`. Default `ami-edge`. */
  readonly name?: string;
  /**
   * Milliseconds since 1970, for what is stored and for `Date` fields alike. Default: `Date.now` for the fields, `performance.now` for
   * what is stored, so that it grows neither old nor young when the system's time jumps.
   */
  readonly clock?: () => number;
  /** Default: silent. */
  readonly logger?: Logger;
}

/** @throws {CdnError} `INVALID_OPTION` where it is no number of bytes above zero. */
export function checkBytes(name: string, value: number): void {
  if (!(value > 0)) {
    throw new CdnError("INVALID_OPTION", `${name} is ${value}: give a number of bytes above zero`);
  }
}
