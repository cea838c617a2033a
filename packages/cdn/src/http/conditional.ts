/** Conditional requests for GET and HEAD (RFC 9110 §13). */

import type { RawRequest } from "../handler/raw.ts";

/** What a representation is known by. */
export interface Validators {
  /** With its quotes, and `W/` where weak. */
  readonly etag?: string | undefined;
  /** Milliseconds since 1970, whole seconds. */
  readonly lastModified?: number | undefined;
  /** Milliseconds since 1970 of the `Date` field: what `If-Modified-Since` is compared with where there is no other date (RFC 9111 §4.3.2). */
  readonly date?: number | undefined;
}

type Fields = RawRequest["headers"];

/** What the preconditions come to: go on, 304, or 412 (RFC 9110 §13.2.2). */
export function evaluatePreconditions(headers: Fields, validators: Validators): 200 | 304 | 412 {
  if (!preconditionsHold(headers, validators)) return 412;
  return isNotModified(headers, validators) ? 304 : 200;
}

/** Whether `If-Match`, or else `If-Unmodified-Since`, lets the request stand (RFC 9110 §13.1.1, §13.1.4). */
export function preconditionsHold(headers: Fields, { etag, lastModified }: Validators): boolean {
  const ifMatch = headers["if-match"];
  if (ifMatch !== undefined) return matchesEtag(ifMatch, etag, true);
  const ifUnmodifiedSince = parseHttpDate(headers["if-unmodified-since"]);
  return ifUnmodifiedSince === undefined || lastModified === undefined || lastModified <= ifUnmodifiedSince;
}

/** Whether the client has this already: the only preconditions a cache answers itself (RFC 9111 §4.3.2). */
export function isNotModified(headers: Fields, { etag, lastModified, date }: Validators): boolean {
  const ifNoneMatch = headers["if-none-match"];
  if (ifNoneMatch !== undefined) return matchesEtag(ifNoneMatch, etag, false);
  const ifModifiedSince = parseHttpDate(headers["if-modified-since"]);
  const changed = lastModified ?? date;
  return ifModifiedSince !== undefined && changed !== undefined && changed <= ifModifiedSince;
}

/** Whether `If-Range` lets a `Range` stand (RFC 9110 §13.1.5): a strong match, or the exact date. */
export function ifRangeHolds(headers: Fields, { etag, lastModified }: Validators): boolean {
  const ifRange = headers["if-range"];
  if (ifRange === undefined) return true;
  if (ifRange.includes('"')) return matchesEtag(ifRange, etag, true);
  const date = parseHttpDate(ifRange);
  return date !== undefined && date === lastModified;
}

const TIME = "(\\d\\d):(\\d\\d):(\\d\\d)";
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
/** `Sun, 06 Nov 1994 08:49:37 GMT`. */
const IMF_FIXDATE = new RegExp(`^[a-z]{3}, (\\d\\d) ([a-z]{3}) (\\d{4}) ${TIME} GMT$`, "i");
/** `Sunday, 06-Nov-94 08:49:37 GMT`. */
const RFC850_DATE = new RegExp(`^[a-z]{6,9}, (\\d\\d)-([a-z]{3})-(\\d\\d) ${TIME} GMT$`, "i");
/** `Sun Nov  6 08:49:37 1994`. */
const ASCTIME_DATE = new RegExp(`^[a-z]{3} ([a-z]{3}) ([ \\d]\\d) ${TIME} (\\d{4})$`, "i");

/**
 * Milliseconds of an HTTP date, in any of the three forms (RFC 9110 §5.6.7), upper or lower case.
 *
 * @returns undefined for anything else: `Date.parse` would take much that other caches do not.
 */
export function parseHttpDate(field: string | undefined): number | undefined {
  if (field === undefined) return undefined;
  const fixed = IMF_FIXDATE.exec(field);
  if (fixed !== null) return timeOf(Number(fixed[3]), fixed[2]!, fixed[1]!, fixed.slice(4, 7));
  const ascii = ASCTIME_DATE.exec(field);
  if (ascii !== null) return timeOf(Number(ascii[6]), ascii[1]!, ascii[2]!, ascii.slice(3, 6));
  const short = RFC850_DATE.exec(field);
  return short === null ? undefined : timeOf(yearOf(Number(short[3])), short[2]!, short[1]!, short.slice(4, 7));
}

/** A year of two digits is never more than 50 years ahead. */
function yearOf(digits: number): number {
  const now = new Date().getUTCFullYear();
  const year = now - (now % 100) + digits;
  return year > now + 50 ? year - 100 : year;
}

function timeOf(year: number, month: string, day: string, clock: readonly string[]): number | undefined {
  const [hours = 0, minutes = 0, seconds = 0] = clock.map(Number);
  const index = MONTHS.indexOf(month.toLowerCase());
  const time = Date.UTC(year, index, Number(day), hours, minutes, seconds);
  const isDate =
    index >= 0 && new Date(time).getUTCDate() === Number(day) && hours < 24 && minutes < 60 && seconds < 60;
  return isDate ? time : undefined;
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
