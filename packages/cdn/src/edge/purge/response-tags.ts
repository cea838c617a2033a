/** What a response says about groups: which tags it carries, and which it invalidates. */

import { decodeSfList } from "@svta/cml-structured-field-values";
import { trimField } from "../../http/fields.ts";
import type { Purge } from "./purge.ts";

/** A response without tags: shared, for most have none. */
const NO_TAGS: readonly string[] = [];

const SAFE = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

/**
 * Tags of a response, each once: words of `Surrogate-Key`, members of `Cache-Tag` (between commas), strings of `Cache-Groups` (RFC 9875 §2).
 * All three are one set of names, of which case counts. As many as fit into a response head, which whoever reads it bounds.
 *
 * @param headers - name, value, name, value…; names in lower case.
 */
export function tagsOf(headers: readonly string[]): readonly string[] {
  let tags: Set<string> | undefined;
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at];
    // The length first: this runs over every field of every response that is stored.
    if (name?.length === 13 && name === "surrogate-key") tags = addAll(tags, wordsOf(headers[at + 1]!));
    else if (name?.length === 9 && name === "cache-tag") tags = addAll(tags, membersOf(headers[at + 1]!));
  }
  tags = addAll(tags, stringsOf(headers, "cache-groups"));
  return tags === undefined ? NO_TAGS : [...tags];
}

/**
 * The purge that an answer asks for by `Cache-Group-Invalidation` (RFC 9875 §3): of all that carries any of its groups. A hard one, as what
 * is invalid is not to be served before it was validated (RFC 9111 §4.4).
 *
 * @param method - on safe methods the field does not count; neither does it in an answer that is an error (RFC 9111 §4.4).
 * @param headers - name, value, name, value…; names in lower case.
 */
export function groupInvalidation(method: string, status: number, headers: readonly string[]): Purge | undefined {
  if (SAFE.has(method) || status < 200 || status >= 400) return undefined;
  const tags = [...new Set(stringsOf(headers, "cache-group-invalidation"))];
  return tags.length === 0 ? undefined : { tags };
}

function addAll(tags: Set<string> | undefined, more: readonly string[]): Set<string> | undefined {
  if (more.length === 0) return tags;
  const all = tags ?? new Set();
  for (const tag of more) all.add(tag);
  return all;
}

/** Words between blanks. */
export function wordsOf(value: string): readonly string[] {
  return value.split(/[ \t]/).filter((word) => word !== "");
}

/** Members between commas. */
export function membersOf(value: string): readonly string[] {
  return value
    .split(",")
    .map(trimField)
    .filter((member) => member !== "");
}

/** The strings of a field that is a List (RFC 9651 §3.1); none where it is not one. Members of other types say nothing to us. */
function stringsOf(headers: readonly string[], field: string): readonly string[] {
  let joined: string | undefined;
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at] === field) joined = joined === undefined ? headers[at + 1] : `${joined},${headers[at + 1]}`;
  }
  if (joined === undefined) return NO_TAGS;
  try {
    return decodeSfList(joined)
      .map((member): unknown => (typeof member === "object" && "value" in member ? member.value : member))
      .filter((value) => typeof value === "string")
      .filter((value) => value !== "");
  } catch {
    return NO_TAGS;
  }
}
