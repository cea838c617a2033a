/** Answers from a representation: whole, a part of it, or 304. Pure. */

import type { RawRequest, RawResponse } from "../handler/raw.ts";
import { ifRangeHolds, isNotModified } from "../http/conditional.ts";
import { errorResponse } from "../http/error-response.ts";
import { parseRange, resolveRange } from "../http/range.ts";
import { validatorsOf } from "./memory-tier/stored-response.ts";

/** What a client may get: from the cache, or from a fill that is under way. */
export interface Representation {
  readonly status: number;
  readonly headers: readonly string[];
  /** Bytes of the whole body; undefined while it grows. */
  readonly length: number | undefined;
  /** Bytes that are here already, when it grows. */
  readonly available?: number;
}

/** What a client gets. */
export type Selection =
  | { readonly kind: "whole"; readonly headers: readonly string[] }
  | { readonly kind: "part"; readonly headers: readonly string[]; readonly start: number; readonly end: number }
  | { readonly kind: "bodyless"; readonly response: RawResponse };

/** Whether a request asks for anything but the whole representation. */
export function isPlain({ headers }: Pick<RawRequest, "headers">): boolean {
  return (
    headers.range === undefined && headers["if-none-match"] === undefined && headers["if-modified-since"] === undefined
  );
}

/** Chooses what of a representation a request gets. */
export function select(request: Pick<RawRequest, "headers" | "method">, representation: Representation): Selection {
  const { status, headers, length, available = 0 } = representation;
  const whole: Selection = { kind: "whole", headers };
  if (status !== 200 || isPlain(request)) return whole;
  const validators = validatorsOf(headers);
  if (isNotModified(request.headers, validators)) {
    return { kind: "bodyless", response: { status: 304, headers: withoutContent(headers), body: null } };
  }
  if (request.method !== "GET" || !ifRangeHolds(request.headers, validators)) return whole;
  const asked = parseRange(request.headers.range);
  if (asked.kind === "whole") return whole;
  if (
    length === undefined &&
    !(asked.kind === "invalid" || (asked.kind === "from" && (asked.end ?? available + 1) <= available))
  ) {
    return whole;
  }
  const range = resolveRange(asked, length ?? available);
  if (range === null) {
    const response = unsatisfiable(headers, length ?? available, length !== undefined);
    return { kind: "bodyless", response };
  }
  return { kind: "part", headers: partFields(headers, { ...range, total: length }), ...range };
}

/** Fields of a 206 with these bytes of an object. */
export function partFields(
  headers: readonly string[],
  { start, end, total }: { start: number; end: number; total: number | undefined },
): string[] {
  const fields = filtered(headers, (name) => name !== "content-length" && name !== "content-range");
  fields.push("content-length", String(end - start), "content-range", `bytes ${start}-${end - 1}/${total ?? "*"}`);
  return fields;
}

/** 416, for an object of that length, or at least of that length. */
export function unsatisfiable(headers: readonly string[], length: number, isWhole: boolean): RawResponse {
  const message = `the object has ${isWhole ? "" : "at least "}${length} bytes, none of them in that range`;
  const fields = ["content-range", `bytes */${length}`, ...crossOrigin(headers)];
  return errorResponse(416, "RANGE_NOT_SATISFIABLE", message, fields);
}

/** How many bytes of a growing object must be there before a range of it can be answered; infinite: all of it. */
export function bytesNeeded({ headers, method }: Pick<RawRequest, "headers" | "method">): number {
  if (method !== "GET" || headers.range === undefined) return 0;
  const asked = parseRange(headers.range);
  if (asked.kind === "whole") return 0;
  return asked.kind === "from" && asked.end !== undefined ? asked.end : Number.POSITIVE_INFINITY;
}

function withoutContent(headers: readonly string[]): string[] {
  return filtered(headers, (name) => !/^content-(?:length|type|encoding|language|range)$/.test(name));
}

/** An error about an object may be read by whoever may read the object. */
function crossOrigin(headers: readonly string[]): string[] {
  return filtered(headers, (name) => /^(?:access-control-|timing-allow-origin$|vary$)/.test(name));
}

function filtered(headers: readonly string[], keep: (name: string) => boolean): string[] {
  const fields: string[] = [];
  for (let at = 0; at < headers.length; at += 2) {
    if (keep(headers[at]!)) fields.push(headers[at]!, headers[at + 1]!);
  }
  return fields;
}
