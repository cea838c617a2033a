/** What of a config the cache of one process is made from. */

import { DEFAULT_MAX_OBJECT_BYTES, type EdgeCacheOptions } from "../edge/options.ts";
import type { CheckedConfig } from "./config/schema.ts";

/** Each process has its part of the memory. */
export function cacheOptions({
  memory,
  processes,
  cache,
}: CheckedConfig): EdgeCacheOptions & { readonly maxBytes: number } {
  const { negativeTtl, staleIfDisconnected, heuristic, maxObjectBytes = DEFAULT_MAX_OBJECT_BYTES, ...rest } = cache;
  const maxBytes = Math.max(1, Math.floor(memory / processes));
  return {
    ...rest,
    maxBytes,
    maxObjectBytes: Math.min(maxObjectBytes, maxBytes),
    ...(negativeTtl !== undefined && { negativeTtl: negativeTtl / 1000 }),
    ...(staleIfDisconnected !== undefined && { staleIfDisconnected: staleIfDisconnected / 1000 }),
    ...(heuristic !== undefined && { heuristic: heuristic && { ...heuristic, max: heuristic.max / 1000 } }),
  };
}
