/** How far somebody is in the chains of all edges, as text: the same wherever it is the same. */

import { isBefore, type Position } from "./position.ts";

/** `edge-1=1795824000000.12, edge-2=1795824000000.7` */
export function formatVector(heads: Iterable<{ readonly source: string; readonly at: Position }>): string {
  return Array.from(heads, ({ source, at }) => `${source}=${at.incarnation}.${at.seq}`)
    .sort()
    .join(", ");
}

/** Whether nothing in a vector is beyond these positions. What cannot be read is. */
export function isReached(vector: string, positionOf: (source: string) => Position): boolean {
  return vector.split(",").every((member) => {
    const [, source, incarnation, seq] = /^\s*([\w.-]{1,64})=(\d{1,16})\.(\d{1,16})\s*$/.exec(member) ?? [];
    if (source === undefined) return vector.trim() === "";
    return !isBefore(positionOf(source), { incarnation: Number(incarnation), seq: Number(seq) });
  });
}

/** The positions in a vector that {@link formatVector} made. */
export function positionsIn(vector: string): ReadonlyMap<string, Position> {
  const positions = new Map<string, Position>();
  for (const [, source, incarnation, seq] of vector.matchAll(/([\w.-]+)=(\d+)\.(\d+)/g)) {
    positions.set(source!, { incarnation: Number(incarnation), seq: Number(seq) });
  }
  return positions;
}
