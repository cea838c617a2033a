/** Makes a memory cache smaller while it serves. */

import { setImmediate } from "node:timers/promises";
import type { EdgeCache } from "../edge/edge-cache.ts";

/** Objects that are given up in one go: within some milliseconds. */
const AT_ONCE = 2_000;

/** Gives up what no longer fits, a little at a time: no request waits for more than that. What is still being sent stays until it is sent. */
export async function shrinkCache(cache: EdgeCache, maxBytes: number): Promise<void> {
  for (let before = Number.POSITIVE_INFINITY; cache.stats.bytes > maxBytes && cache.stats.bytes < before; ) {
    const { bytes, entries } = cache.stats;
    before = bytes;
    const step = Math.ceil(bytes / Math.max(entries, 1)) * AT_ONCE;
    cache.resize(Math.max(maxBytes, bytes - step));
    await setImmediate();
  }
  cache.resize(maxBytes);
}
