/** What a client asks of a playlist beside it: `_HLS_msn`, `_HLS_part`, `_HLS_skip` (RFC 8216bis §6.2.5). */

import type { LiveRendition } from "../live-rendition.ts";

/** Parsed query of a playlist request. */
export interface DeliveryDirectives {
  readonly msn?: number;
  readonly part?: number;
  readonly skip: boolean;
}

/** @returns a sentence instead, for a query that is an error (400). */
export function parseDirectives(query: URLSearchParams): DeliveryDirectives | string {
  const msn = count(query.get("_HLS_msn"));
  const part = count(query.get("_HLS_part"));
  if (msn === null) return "_HLS_msn must be a decimal number";
  if (part === null) return "_HLS_part must be a decimal number";
  if (part !== undefined && msn === undefined) return "_HLS_part needs _HLS_msn";
  // v2 asks to leave out date ranges too, of which there are none.
  const skip = query.get("_HLS_skip");
  return {
    skip: skip === "YES" || skip === "v2",
    ...(msn === undefined ? {} : { msn }),
    ...(part === undefined ? {} : { part }),
  };
}

/** How many parts past the end of the playlist may be asked for (§6.2.5.2, Advance Part Limit). */
function advancePartLimit(partTarget: number): number {
  return partTarget >= 1 ? 3 : Math.ceil(3 / partTarget);
}

/** What is to be done with a request for a part or segment that may lie ahead. */
export type Availability = "there" | "wait" | "absurd";

/** Whether the playlist has what was asked for, will have it soon, or cannot. */
export function availability(
  rendition: LiveRendition,
  msn: number,
  part: number | undefined,
  partTarget: number,
): Availability {
  const last = rendition.lastComplete;
  if (part === undefined) return msn <= last ? "there" : msn > last + 2 ? "absurd" : "wait";
  const limit = advancePartLimit(partTarget);
  if (msn <= last) {
    const count = rendition.segment(msn)?.parts.length;
    // A part past the end of a whole segment means part 0 of the next.
    if (count === undefined || part < count || msn < last) return "there";
    return hasPart(rendition, 0) ? "there" : part >= count + limit ? "absurd" : "wait";
  }
  if (msn > last + 2) return "absurd";
  const listed = msn === last + 1 ? (rendition.open?.completeParts.length ?? 0) : 0;
  if (msn === last + 1 && part < listed) return "there";
  return part >= listed + limit ? "absurd" : "wait";
}

function hasPart(rendition: LiveRendition, index: number): boolean {
  return (rendition.open?.completeParts.length ?? 0) > index;
}

function count(text: string | null): number | undefined | null {
  if (text === null) return undefined;
  if (!/^\d{1,15}$/.test(text)) return null;
  return Number(text);
}
