/**
 * Where in the chain of one edge's purges somebody is.
 *
 * An edge numbers its purges from 1 in each life of its process (incarnation), and each of its lives follows on from the one before. So all
 * purges of one edge have one order, and "everything up to here" is two numbers.
 */

/** Compared by incarnation first. */
export interface Position {
  /** Of the life: milliseconds since 1970 when it began, or more. 0 before the first. */
  readonly incarnation: number;
  /** Of the purge in that life, from 1. 0 before the first. */
  readonly seq: number;
}

/** Before everything. */
export const START: Position = { incarnation: 0, seq: 0 };

/** Below zero where `a` is before `b`. */
export function comparePositions(a: Position, b: Position): number {
  return a.incarnation - b.incarnation || a.seq - b.seq;
}

export function isBefore(a: Position, b: Position): boolean {
  return comparePositions(a, b) < 0;
}
