/** Cache groups that an answer to an unsafe method invalidates (RFC 9875 §3), as purges at all edges: not more of them than a client may cause. */

import type { Logger } from "../../logger.ts";
import { MAX_PURGE_NAMES, type Purge } from "./purge.ts";
import type { Purges } from "./purges.ts";

/** A second. Whoever can make an upstream answer with 2xx to a POST can cause them, and each goes to every edge. */
export const MAX_GROUP_INVALIDATIONS = 10;

/** Options of {@link createGroupInvalidation}. */
export interface GroupInvalidationOptions {
  readonly purges: Pick<Purges, "purge">;
  /** Milliseconds, steady. */
  readonly clock: () => number;
  readonly logger: Logger;
  /** Runs something after so many milliseconds. Default: `setTimeout`, which keeps no process alive. */
  readonly after?: (milliseconds: number, run: () => void) => void;
}

/**
 * Purges the tags of an invalidation, and leaves its URLs: those are forgotten where the answer came through. The answer waits for nothing. What is
 * over the bound is purged together in the next second; of more tags than a purge may have, the rest is dropped with a warning.
 */
export function createGroupInvalidation(options: GroupInvalidationOptions): (purge: Purge) => void {
  const { purges, clock, logger, after = (milliseconds, run) => void setTimeout(run, milliseconds).unref() } = options;
  const late = new Set<string>();
  let second = Number.NEGATIVE_INFINITY;
  let count = 0;
  let dropped = 0;

  const purge = (tags: readonly string[]): void => {
    purges
      .purge({ tags })
      .catch((error: unknown) => logger.warn({ err: error, tags }, "an invalidation is not certain"));
  };
  const catchUp = (): void => {
    purge([...late]);
    late.clear();
    if (dropped > 0) logger.warn({ dropped }, "too many invalidations of cache groups: some were dropped");
    dropped = 0;
  };
  return ({ tags = [] }) => {
    if (tags.length === 0) return;
    const now = clock();
    if (now - second >= 1000) {
      second = now;
      count = 0;
    }
    count += 1;
    if (count <= MAX_GROUP_INVALIDATIONS) {
      purge(tags);
      return;
    }
    if (late.size === 0) after(1000, catchUp);
    for (const tag of tags) {
      if (late.size < MAX_PURGE_NAMES) late.add(tag);
      else if (!late.has(tag)) dropped += 1;
    }
  };
}
