/** `Range` of bytes (RFC 9110 §14). */

/** Part of an object, in bytes. `end` is exclusive; absent means up to the object's end. */
export interface ByteRange {
  readonly start: number;
  readonly end?: number;
}

/** What a `Range` field asks for, before the object's size is known. */
export type RangeRequest =
  /** No range, a unit we do not know, or several separate ranges: the whole object is the right answer (RFC 9110 §14.2). */
  | { readonly kind: "whole" }
  | { readonly kind: "from"; readonly start: number; readonly end?: number }
  | { readonly kind: "suffix"; readonly length: number }
  /** Makes no sense, whatever the size: 416. */
  | { readonly kind: "invalid" };

/** More ranges than this are an attack, not a player (RFC 9110 §17.15). */
const MAX_RANGES = 16;
const WHOLE: RangeRequest = { kind: "whole" };
const INVALID: RangeRequest = { kind: "invalid" };

/**
 * Parses a `Range` field.
 *
 * Several ranges that touch or overlap become the one that spans them; several separate ones are answered with the whole object.
 */
export function parseRange(field: string | undefined): RangeRequest {
  if (field === undefined) return WHOLE;
  const unit = /^\s*([\w!#$%&'*+.^`|~-]+)\s*=(.*)$/.exec(field);
  if (unit === null) return INVALID;
  if (unit[1]!.toLowerCase() !== "bytes") return WHOLE;
  const list = unit[2]!.split(",", MAX_RANGES + 1);
  if (list.length > MAX_RANGES) return INVALID;
  const ranges = list.map((spec) => parseSpec(spec.trim()));
  if (ranges.length === 1) return ranges[0]!;
  return span(ranges);
}

/**
 * Where a request's range lies in an object.
 *
 * @returns null when it has no byte in the object: 416.
 */
export function resolveRange(request: RangeRequest, size: number): { start: number; end: number } | null {
  switch (request.kind) {
    case "whole":
      return { start: 0, end: size };
    case "invalid":
      return null;
    case "suffix":
      if (request.length === 0 || size === 0) return null;
      return { start: Math.max(0, size - request.length), end: size };
    case "from":
      if (request.start >= size) return null;
      return { start: request.start, end: Math.min(request.end ?? size, size) };
  }
}

function parseSpec(spec: string): RangeRequest {
  const match = /^(\d*)\s*-\s*(\d*)$/.exec(spec);
  if (match === null) return INVALID;
  const [, first = "", last = ""] = match;
  if (first === "") return last === "" ? INVALID : { kind: "suffix", length: toPosition(last) };
  const start = toPosition(first);
  if (last === "") return { kind: "from", start };
  const end = toPosition(last);
  return end < start ? INVALID : { kind: "from", start, end: Math.min(end + 1, Number.MAX_SAFE_INTEGER) };
}

/** Positions beyond what a number can hold are beyond any object too. */
function toPosition(digits: string): number {
  return Math.min(Number(digits), Number.MAX_SAFE_INTEGER);
}

function span(ranges: readonly RangeRequest[]): RangeRequest {
  const known: { start: number; end: number }[] = [];
  for (const range of ranges) {
    if (range.kind === "invalid") return INVALID;
    if (range.kind !== "from") return WHOLE;
    known.push({ start: range.start, end: range.end ?? Number.MAX_SAFE_INTEGER });
  }
  known.sort((a, b) => a.start - b.start);
  const { start } = known[0]!;
  let { end } = known[0]!;
  for (const range of known) {
    if (range.start > end) return WHOLE;
    end = Math.max(end, range.end);
  }
  return end === Number.MAX_SAFE_INTEGER ? { kind: "from", start } : { kind: "from", start, end };
}
