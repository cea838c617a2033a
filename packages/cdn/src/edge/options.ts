/** What an edge can be told. */

import { CdnError } from "../errors.ts";
import type { FetchHandler } from "../handler/fetch-handler.ts";
import type { Logger } from "../logger.ts";
import type { CacheKeyOptions } from "./cache-key/cache-key.ts";
import { CACHE_NAME } from "./cache-status/cache-status.ts";
import type { UpstreamTimeouts } from "./upstream/upstream.ts";

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
  /** Objects above this are passed on without being stored. Default 64 MiB, and at most `maxBytes`. */
  readonly maxObjectBytes?: number;
  /** Seconds that a 404 or 410 which says nothing else is kept: at the live edge the next part is missing only for a moment. Default 1. */
  readonly negativeTtl?: number;
}

/** Options of {@link createEdge}. */
export interface EdgeOptions {
  /**
   * In the order of preference: a URL `http(s)://host[:port][/base]`, or a handler in this process. GET and HEAD go on to the next where one
   * fails or has no such thing (404, 410), so they may be replicas, or have streams of their own each.
   */
  readonly upstreams: readonly (string | FetchHandler)[];
  readonly cache?: EdgeCacheOptions;
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

/** @throws {CdnError} `INVALID_OPTION`. */
export function checkEdgeOptions({ upstreams, cache = {}, name }: EdgeOptions): void {
  if (upstreams.length === 0) throw new CdnError("INVALID_OPTION", "an edge needs at least one upstream");
  for (const field of ["maxBytes", "maxObjectBytes"] as const) {
    const value = cache[field];
    if (value !== undefined && !(value > 0)) {
      throw new CdnError("INVALID_OPTION", `cache.${field} is ${value}: give a number of bytes above zero`);
    }
  }
  if (cache.ignoreParams !== undefined && cache.keepParams !== undefined) {
    throw new CdnError("INVALID_OPTION", "give cache.ignoreParams or cache.keepParams, not both");
  }
  if (name !== undefined && !CACHE_NAME.test(name)) {
    throw new CdnError("INVALID_OPTION", `name ${JSON.stringify(name)} is no token, such as edge-1`);
  }
}
