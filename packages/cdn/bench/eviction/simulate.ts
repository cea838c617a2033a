/** A trace through an eviction. */

import type { Policy } from "./policies.ts";
import type { Trace, TraceRequest } from "./traces.ts";

/** Shares, 0 to 1, of what was asked for after the warm-up. */
export interface Ratios {
  /** Objects answered. */
  readonly objects: number;
  /** Bytes answered. */
  readonly bytes: number;
  /** Objects of the hot tenth answered; NaN where the trace has none. */
  readonly hot: number;
}

/** Asks for each object, and stores those that are not there. */
export function simulate({ warmUp }: Trace, list: readonly TraceRequest[], policy: Policy): Ratios {
  let hits = 0,
    asked = 0,
    served = 0,
    hotRequests = 0,
    hotHits = 0,
    at = 0;
  for (const { key, size, hot } of list) {
    const hit = policy.get(key);
    if (!hit) policy.set(key, size);
    at += 1;
    if (at <= warmUp) continue;
    asked += size;
    if (hot) hotRequests += 1;
    if (!hit) continue;
    hits += 1;
    served += size;
    if (hot) hotHits += 1;
  }
  return { objects: hits / (at - warmUp), bytes: served / asked, hot: hotHits / hotRequests };
}
