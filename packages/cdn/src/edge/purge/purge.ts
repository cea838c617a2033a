/** What can be purged, and how people may write it. */

import * as v from "valibot";
import { CdnError } from "../../errors.ts";
import { normalizePath } from "../../http/path.ts";
import { nearest } from "../../options/nearest.ts";

/** URLs, prefixes and tags of one purge, together. */
export const MAX_PURGE_NAMES = 1000;
/** Characters of a URL, a prefix or a tag. */
const MAX_PURGE_NAME_LENGTH = 8192;
/** Characters of all names of one purge, together. */
const MAX_PURGE_CHARACTERS = 512 * 1024;

/** What is to be purged: everything that any of these names. */
export interface Purge {
  /**
   * Each purges what is stored of one URL, in all its variants. `https://host/path?query` or `/path?query`; the host does not count, and the
   * query is read as the cache key reads it. A URL without a query does not purge the same path with one: a prefix does.
   */
  readonly urls?: readonly string[];
  /**
   * Paths. Each purges what lies at it and below it, with every query. They end where a path segment ends: `/live/demo` purges
   * `/live/demo?x=1` and `/live/demo/1.m4s`, not `/live/demo2`; `/live/demo/` only what is below; `/` everything.
   */
  readonly prefixes?: readonly string[];
  /** Each purges what carries it in `Surrogate-Key`, `Cache-Tag` or `Cache-Groups` (RFC 9875). Case counts. */
  readonly tags?: readonly string[];
  /** Everything. */
  readonly all?: boolean;
  /** What is purged becomes stale (it may be revalidated, and served as RFC 5861 allows) instead of being gone. Default false. */
  readonly soft?: boolean;
}

const names = v.optional(v.array(v.string("is no string"), "is no list of strings"));
const flag = v.optional(v.boolean("is neither true nor false"));
const fields = { urls: names, prefixes: names, tags: names, all: flag, soft: flag };
const purgeSchema = v.strictObject(fields, ({ expected, received }) =>
  expected === "never" ? `is none of ${Object.keys(fields).join(", ")}${meant(received)}` : "is no object",
);

function meant(received: string): string {
  const word = nearest(received.replace(/^"(.*)"$/, "$1"), Object.keys(fields));
  return word === undefined ? "" : `: did you mean ${word}?`;
}

/**
 * Reads a purge from JSON that is already parsed.
 *
 * @throws {CdnError} `INVALID_PURGE`.
 */
export function purgeOf(json: unknown): Purge {
  const parsed = v.safeParse(purgeSchema, json);
  if (parsed.success) return withoutStars(parsed.output as Purge);
  const [issue] = parsed.issues;
  const at = v.getDotPath(issue);
  throw new CdnError("INVALID_PURGE", at === null ? `the purge ${issue.message}` : `${at} ${issue.message}`);
}

/**
 * As people write it, a star is meant as a pattern, and purging what has one in its name would purge nothing.
 *
 * @throws {CdnError} `INVALID_PURGE` where a URL or a prefix ends with one.
 */
export function withoutStars(purge: Purge): Purge {
  const { urls = [], prefixes = [] } = purge;
  const starred = [...urls, ...prefixes].find((name) => name.endsWith("*"));
  if (starred === undefined) return purge;
  const prefix = starred.replace(/[^/]*\*+$/, "");
  const hint = `there are no patterns: give the prefix ${shown(prefix === "" ? "/" : prefix)}, which purges all below it`;
  throw new CdnError("INVALID_PURGE", `${shown(starred)} ends with a star, but ${hint}`);
}

/**
 * The one spelling of a purge: URLs as the cache files them, prefixes normalised, each name once, and nothing that says nothing.
 *
 * @param keyOf - the canonical target of a request target, as the edge's cache keys make it.
 * @throws {CdnError} `INVALID_PURGE` where it names nothing, too much, or what cannot be stored.
 */
export function canonicalPurge(purge: Purge, keyOf: (target: string) => string): Purge {
  const { urls = [], prefixes = [], tags = [], all = false, soft = false } = purge;
  const count = urls.length + prefixes.length + tags.length;
  if (count === 0 && !all)
    throw new CdnError("INVALID_PURGE", "the purge names nothing: give urls, prefixes, tags or all");
  if (count > MAX_PURGE_NAMES) {
    throw new CdnError("INVALID_PURGE", `the purge has ${count} names: at most ${MAX_PURGE_NAMES} go into one`);
  }
  let characters = 0;
  for (const name of [...urls, ...prefixes, ...tags]) {
    if (name.length > MAX_PURGE_NAME_LENGTH) {
      throw new CdnError("INVALID_PURGE", `${shown(name)} has more than ${MAX_PURGE_NAME_LENGTH} characters`);
    }
    characters += name.length;
  }
  if (characters > MAX_PURGE_CHARACTERS) {
    throw new CdnError(
      "INVALID_PURGE",
      `the names of a purge have at most ${MAX_PURGE_CHARACTERS} characters together`,
    );
  }
  // Everything is everything: what else it names adds nothing.
  if (all) return soft ? { all, soft } : { all };
  const keys = unique(urls.map((url) => keyOfUrl(url, keyOf)));
  const paths = unique(prefixes.map(pathOfPrefix));
  const words = unique(tags.map(checkTag));
  return {
    ...(keys.length > 0 && { urls: keys }),
    ...(paths.length > 0 && { prefixes: paths }),
    ...(words.length > 0 && { tags: words }),
    ...(soft && { soft }),
  };
}

function keyOfUrl(url: string, keyOf: (target: string) => string): string {
  const [beforeFragment = ""] = url.split("#", 1);
  const target = beforeFragment.replace(/^https?:\/\/[^/?]+/i, "");
  try {
    return keyOf(target === "" || target.startsWith("?") ? `/${target}` : target);
  } catch (cause) {
    throw new CdnError("INVALID_PURGE", `url ${shown(url)}: ${messageOf(cause)}`, { cause });
  }
}

function pathOfPrefix(prefix: string): string {
  const path = prefix.replace(/^https?:\/\/[^/?#]+/i, "");
  if (/[?#]/.test(path)) {
    throw new CdnError(
      "INVALID_PURGE",
      `prefix ${shown(prefix)} has a query: a prefix is a path, and covers every query`,
    );
  }
  try {
    return normalizePath(path === "" ? "/" : path);
  } catch (cause) {
    throw new CdnError("INVALID_PURGE", `prefix ${shown(prefix)}: ${messageOf(cause)}`, { cause });
  }
}

function checkTag(tag: string): string {
  if (tag === "") throw new CdnError("INVALID_PURGE", "a tag is empty: responses without tags are under none");
  return tag;
}

function unique(values: readonly string[]): readonly string[] {
  return [...new Set(values)];
}

function shown(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
