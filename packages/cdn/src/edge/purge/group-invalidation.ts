/** Cache groups that an answer to an unsafe method invalidates (RFC 9875 §3), as purges at all edges: not more of them than a client may cause. */

import type { Logger } from "../../logger.ts";
import type { Purge } from "./purge.ts";
import type { Purges } from "./purges.ts";

/** A second. Whoever can make an upstream answer with 2xx to a POST can cause them, and each goes to every edge. */
export const MAX_GROUP_INVALIDATIONS = 10;

/** Options of {@link createGroupInvalidation}. */
export interface GroupInvalidationOptions {
  readonly purges: Pick<Purges, "purge">;
  /** Milliseconds, steady. */
  readonly clock: () => number;
  readonly logger: Logger;
}

/**
 * Purges the tags of an invalidation, and leaves its URLs: those are forgotten where the answer came through. The answer waits for nothing. What is
 * over the bound is dropped with a warning; whoever needs it certain uses the API.
 */
export function createGroupInvalidation({ purges, clock, logger }: GroupInvalidationOptions): (purge: Purge) => void {
  let second = Number.NEGATIVE_INFINITY;
  let count = 0;
  return ({ tags = [] }) => {
    if (tags.length === 0) return;
    const now = clock();
    if (now - second >= 1000) {
      second = now;
      count = 0;
    }
    count += 1;
    if (count > MAX_GROUP_INVALIDATIONS) {
      logger.warn({ tags }, "too many invalidations of cache groups: dropped");
      return;
    }
    purges
      .purge({ tags })
      .catch((error: unknown) => logger.warn({ err: error, tags }, "an invalidation is not certain"));
  };
}
