/** What look-ups ask of purges. */

import type { Verdict } from "./purge-log.ts";

/** What has been purged: see `PurgeLog`. */
export interface PurgeJudge {
  /** Grows with every purge. */
  readonly generation: number;
  /**
   * Until when, on the steady clock, what is stored may be served without asking the upstream: past it, purges may be missing here. Default: always.
   */
  readonly trustedUntil?: number;
  /** What other edges are told of the purges that are known here. Default: they are told nothing. */
  readonly seen?: string | undefined;
  /** Whether all purges are known here that another edge has seen. Default: they are. */
  covers?(seen: string | undefined): boolean;
  judge(judged: { readonly key: string; readonly tags: readonly string[]; readonly generation: number }): Verdict;
}
