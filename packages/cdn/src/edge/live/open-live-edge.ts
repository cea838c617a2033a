/** What an edge does for live media, put together from its options. */

import type { CmcdTap } from "../../cmcd/tap.ts";
import type { Flights } from "../fill/flights.ts";
import { DEFAULT_PREFETCH_BYTES_PER_SECOND, type LiveOptions } from "../options.ts";
import { LiveEdge } from "./live-edge.ts";
import { createPrefetcher, type Prefetcher } from "./prefetch.ts";

/** With more upstream requests than this under way nothing is fetched ahead. */
const MAX_BUSY_FLIGHTS = 512;

/** What it has of the edge that it is part of. */
interface LiveEdgeParts {
  /** Milliseconds, steady. */
  readonly clock: () => number;
  /** Canonical target. */
  keyOf(target: string): string;
  /** Asked when something is fetched ahead. */
  flights(): Flights;
  readonly cmcd?: CmcdTap;
}

/** Each is undefined where nothing is asked of it. */
export function openLiveEdge(
  options: LiveOptions | false = {},
  { clock, keyOf, flights, cmcd }: LiveEdgeParts,
): { readonly live: LiveEdge | undefined; readonly prefetcher: Prefetcher | undefined } {
  const {
    rules = options !== false,
    prefetch = false,
    maxPrefetches,
    maxPrefetchBytesPerSecond = DEFAULT_PREFETCH_BYTES_PER_SECOND,
  } = options || {};
  const prefetcher = prefetch
    ? createPrefetcher({
        keyOf,
        request: (ahead) => flights().prefetch(ahead),
        busy: () => flights().size > MAX_BUSY_FLIGHTS,
        clock,
        ...(maxPrefetches !== undefined && { maxInFlight: maxPrefetches }),
        maxBytesPerSecond: maxPrefetchBytesPerSecond,
      })
    : undefined;
  const isAsked = rules || prefetcher !== undefined || cmcd !== undefined;
  const live = isAsked
    ? new LiveEdge({
        clock,
        rules,
        ...(prefetcher !== undefined && { prefetcher }),
        ...(cmcd !== undefined && { cmcd }),
      })
    : undefined;
  return { live, prefetcher };
}
