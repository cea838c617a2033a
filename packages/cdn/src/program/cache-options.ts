/** What of a config the cache of one process is made from. */

import { DEFAULT_MAX_OBJECT_BYTES, type EdgeCacheOptions } from "../edge/options.ts";
import type { CheckedConfig } from "./config/schema.ts";

/** Each process has its part of the memory. */
export function cacheOptions({
  memory,
  processes,
  cache,
  upstreams,
}: CheckedConfig): EdgeCacheOptions & { readonly maxBytes: number } {
  const { negativeTtl, staleIfDisconnected, heuristic, maxObjectBytes = DEFAULT_MAX_OBJECT_BYTES, ...rest } = cache;
  const maxBytes = Math.max(1, Math.floor(memory / processes));
  return {
    ...rest,
    // A bucket is sent no credentials but its own.
    ignoreAuthorization: cache.ignoreAuthorization ?? upstreams.every(({ s3 }) => s3 !== undefined),
    maxBytes,
    maxObjectBytes: Math.min(maxObjectBytes, maxBytes),
    ...(negativeTtl !== undefined && { negativeTtl: negativeTtl / 1000 }),
    ...(staleIfDisconnected !== undefined && { staleIfDisconnected: staleIfDisconnected / 1000 }),
    ...(heuristic !== undefined && { heuristic: heuristic && { ...heuristic, max: heuristic.max / 1000 } }),
  };
}
