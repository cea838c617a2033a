/**
 * In which order a session should use the pathways. Pure.
 *
 * Weighted rendezvous hashing: each session has an order of its own, over all sessions a pathway is first as often as its weight says, and
 * when one fails only its sessions move. So a player stays where it is without anybody remembering it, whichever server it asks.
 */

import { createHash } from "node:crypto";

/** A pathway as it is now. */
export interface PathwayState {
  readonly id: string;
  /** Share of the sessions, relative to the others. */
  readonly weight: number;
  readonly healthy: boolean;
  /** 0 to 1. */
  readonly load: number;
}

/** Up to this load a pathway has its whole weight. */
const FREE_LOAD = 0.7;
/** A pathway that is full keeps this share of its weight. */
const FULL_SHARE = 0.05;

/** What the session has seen. */
export interface SessionState {
  readonly session: string;
  /** Pathways that were too slow for it. */
  readonly slow: ReadonlySet<string>;
}

/** Ids, the preferred first: the healthy ones, then those too slow for this session, then, as a last resort, the others. */
export function orderPathways(pathways: readonly PathwayState[], { session, slow }: SessionState): string[] {
  const scored = pathways.map((pathway) => ({
    id: pathway.id,
    rank: pathway.healthy ? (slow.has(pathway.id) ? 1 : 0) : 2,
    score: scoreOf(pathway, session),
  }));
  scored.sort((a, b) => a.rank - b.rank || b.score - a.score || (a.id < b.id ? -1 : 1));
  return scored.map(({ id }) => id);
}

function scoreOf({ id, weight, load }: PathwayState, session: string): number {
  const hash = createHash("sha256").update(`${id}\n${session}`).digest();
  const uniform = (hash.readUIntBE(0, 6) + 1) / (2 ** 48 + 1);
  return (weight * shareAt(load)) / -Math.log(uniform);
}

/** In steps, so that a load that trembles moves nobody. */
function shareAt(load: number): number {
  if (load <= FREE_LOAD) return 1;
  const over = Math.min(1, (load - FREE_LOAD) / (1 - FREE_LOAD));
  const share = Math.round((1 - over) * 10) / 10;
  return Math.max(FULL_SHARE, share);
}
