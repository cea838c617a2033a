/** One part of an object that is not here as a whole: which ranges it can answer. Pure. */

import type { RangeRequest } from "../../http/range.ts";
import type { StoredResponse } from "../memory-tier/stored-response.ts";
import { type ContentRange, contentRangeOf } from "./content-range.ts";

/** Where a range lies in a part, and in the object. */
export interface PartSelection {
  /** In the part's bytes; `end` is exclusive. */
  readonly start: number;
  readonly end: number;
  /** Of the first byte, in the object. */
  readonly first: number;
  readonly total: number | undefined;
}

/**
 * Whether a part is what its `Content-Range` says. One byte may be missing: some servers write the end exclusively, and what counts are
 * the bytes that are there, from the first position on.
 */
export function isConsistent({ first, last }: ContentRange, bytes: number): boolean {
  const said = last - first + 1;
  return bytes === said || (bytes === said - 1 && bytes > 0);
}

/** The bytes of a stored part that answer a range; undefined where some are missing. */
export function selectPart(
  part: Pick<StoredResponse, "headers" | "body">,
  asked: RangeRequest,
): PartSelection | undefined {
  const range = contentRangeOf(part.headers);
  if (range === undefined) return undefined;
  const { first, last, total } = range;
  const length = part.body.byteLength;
  const reachesEnd = total !== undefined && last === total - 1;
  const from = (start: number, end: number): PartSelection => ({ start, end, first: first + start, total });
  if (asked.kind === "suffix") {
    if (!reachesEnd || asked.length === 0 || asked.length > length) return undefined;
    return from(length - asked.length, length);
  }
  if (asked.kind !== "from" || asked.start < first || asked.start >= first + length) return undefined;
  if (asked.end === undefined) return reachesEnd ? from(asked.start - first, length) : undefined;
  const end = reachesEnd ? Math.min(asked.end, total) : asked.end;
  if (end > first + length) return undefined;
  return from(asked.start - first, end - first);
}
