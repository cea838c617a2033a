/** Conditional requests for GET and HEAD (RFC 9110 §13). */

import type { RawRequest } from "../handler/raw.ts";

/** What a representation is known by. */
export interface Validators {
  /** With its quotes, and `W/` where weak. */
  readonly etag?: string | undefined;
  /** Milliseconds since 1970, whole seconds. */
  readonly lastModified?: number | undefined;
}

type Fields = RawRequest["headers"];

/** What the preconditions come to: go on, 304, or 412 (RFC 9110 §13.2.2). */
export function evaluatePreconditions(headers: Fields, { etag, lastModified }: Validators): 200 | 304 | 412 {
  const ifMatch = headers["if-match"];
  if (ifMatch !== undefined) {
    if (!matchesEtag(ifMatch, etag, true)) return 412;
  } else {
    const ifUnmodifiedSince = parseHttpDate(headers["if-unmodified-since"]);
    if (ifUnmodifiedSince !== undefined && lastModified !== undefined && lastModified > ifUnmodifiedSince) return 412;
  }
  return isNotModified(headers, { etag, lastModified }) ? 304 : 200;
}

/** Whether the client has this already: the only preconditions a cache answers itself (RFC 9111 §4.3.2). */
export function isNotModified(headers: Fields, { etag, lastModified }: Validators): boolean {
  const ifNoneMatch = headers["if-none-match"];
  if (ifNoneMatch !== undefined) return matchesEtag(ifNoneMatch, etag, false);
  const ifModifiedSince = parseHttpDate(headers["if-modified-since"]);
  return ifModifiedSince !== undefined && lastModified !== undefined && lastModified <= ifModifiedSince;
}

/** Whether `If-Range` lets a `Range` stand (RFC 9110 §13.1.5): a strong match, or the exact date. */
export function ifRangeHolds(headers: Fields, { etag, lastModified }: Validators): boolean {
  const ifRange = headers["if-range"];
  if (ifRange === undefined) return true;
  if (ifRange.includes('"')) return matchesEtag(ifRange, etag, true);
  const date = parseHttpDate(ifRange);
  return date !== undefined && date === lastModified;
}

/**
 * Milliseconds of an HTTP date, in any of the three forms (RFC 9110 §5.6.7).
 *
 * @returns undefined for anything else.
 */
export function parseHttpDate(field: string | undefined): number | undefined {
  if (field === undefined || !/^[A-Z][a-z]{2,8},? .*\d\d:\d\d:\d\d/.test(field)) return undefined;
  const time = Date.parse(/GMT|UTC/.test(field) ? field : `${field} GMT`);
  return Number.isNaN(time) ? undefined : time;
}

/** A date as HTTP writes it. */
export function formatHttpDate(milliseconds: number): string {
  return new Date(milliseconds).toUTCString();
}

function matchesEtag(field: string, etag: string | undefined, strong: boolean): boolean {
  if (field.trim() === "*") return true;
  if (etag === undefined || (strong && etag.startsWith("W/"))) return false;
  const opaque = etag.replace(/^W\//, "");
  for (const [candidate] of field.matchAll(/(?:W\/)?"[^"]*"/g)) {
    if (strong ? candidate === etag : candidate.replace(/^W\//, "") === opaque) return true;
  }
  return false;
}
