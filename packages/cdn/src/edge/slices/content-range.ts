/** `Content-Range` of a 206 or 416 (RFC 9110 §14.4), and what names the version that a part belongs to. */

import { parseHttpDate } from "../../http/conditional.ts";
import { fieldOf } from "../../http/fields.ts";

/** Which bytes of an object a part is. */
export interface ContentRange {
  readonly first: number;
  /** Inclusive. */
  readonly last: number;
  /** Bytes of the whole object; undefined where the upstream does not know yet. */
  readonly total: number | undefined;
}

const CONTENT_RANGE = /^\s*bytes\s+(\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)\s*$/i;

/** Reads the field; undefined where it is missing or contradicts itself. */
export function contentRangeOf(headers: readonly string[]): ContentRange | undefined {
  const [, first, last, total] = CONTENT_RANGE.exec(fieldOf(headers, "content-range") ?? "") ?? [];
  if (first === undefined || last === undefined) return undefined;
  const range = { first: Number(first), last: Number(last), total: total === "*" ? undefined : Number(total) };
  if (range.last < range.first || (range.total !== undefined && range.last >= range.total)) return undefined;
  return range;
}

/** Milliseconds by which `Date` is later than `Last-Modified` at least where that is a strong validator (RFC 9110 §8.8.2.2). */
const STRONG_AFTER = 1_000;

/**
 * What tells one version of an object from another: its strong entity tag, or else when it was last modified, where it was not modified again
 * within the same second. Undefined where there is neither: parts of such an object must not be put together (RFC 9110 §15.3.7.3), nor may
 * it be named in `If-Range` (§13.1.5).
 */
export function versionOf(headers: readonly string[]): string | undefined {
  const etag = fieldOf(headers, "etag");
  if (etag?.startsWith('"')) return etag;
  // Whoever tags weakly says that the bytes may differ though the tag does not.
  if (etag !== undefined) return undefined;
  const lastModified = fieldOf(headers, "last-modified");
  const [changed, sent] = [parseHttpDate(lastModified), parseHttpDate(fieldOf(headers, "date"))];
  return changed !== undefined && sent !== undefined && sent - changed >= STRONG_AFTER ? lastModified : undefined;
}
