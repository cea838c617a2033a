/** What of an upstream's header goes on to clients and into the cache. */

import { fieldOf, hopByHop, joinedFieldOf } from "../../http/fields.ts";

/** Fields that this edge writes anew on every answer. */
const REWRITTEN = new Set(["age", "cache-status", "via"]);

/** End-to-end fields of a response, its `Cache-Status` so far, and its `Age`. */
export function splitHeaders(headers: readonly string[]): {
  headers: readonly string[];
  cacheStatus: string | undefined;
  age: string | undefined;
} {
  const isHopByHop = hopByHop(fieldOf(headers, "connection"));
  const kept: string[] = [];
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]!;
    if (!isHopByHop(name) && !REWRITTEN.has(name)) kept.push(name, headers[at + 1]!);
  }
  return { headers: kept, cacheStatus: joinedFieldOf(headers, "cache-status"), age: fieldOf(headers, "age") };
}

/** Fields without those named. The same list where there are none. */
export function without(headers: readonly string[], names: readonly string[]): readonly string[] {
  if (names.length === 0) return headers;
  const kept: string[] = [];
  for (let at = 0; at < headers.length; at += 2) {
    if (!names.includes(headers[at]!)) kept.push(headers[at]!, headers[at + 1]!);
  }
  return kept;
}

/**
 * Fields of a stored response after a 304 (RFC 9111 §3.2): what the 304 says replaces what was there. Length, coding and type of the
 * body stay: a 304 has none.
 */
export function refreshHeaders(stored: readonly string[], notModified: readonly string[]): readonly string[] {
  const replaced = new Set<string>();
  const fresh: string[] = [];
  for (let at = 0; at < notModified.length; at += 2) {
    const name = notModified[at]!;
    if (/^content-(?:length|encoding|type|range)$/.test(name)) continue;
    replaced.add(name);
    fresh.push(name, notModified[at + 1]!);
  }
  const kept: string[] = [];
  for (let at = 0; at < stored.length; at += 2) {
    if (!replaced.has(stored[at]!)) kept.push(stored[at]!, stored[at + 1]!);
  }
  return [...kept, ...fresh];
}
