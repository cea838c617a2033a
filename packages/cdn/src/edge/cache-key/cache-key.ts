/** The cache key: one spelling for all requests that mean the same object. */

import { normalizePath } from "../../http/path.ts";
import { BoundedMemory } from "./bounded-memory.ts";

/** Which query parameters do not change the answer. */
export interface CacheKeyOptions {
  /**
   * Names of query parameters to strip, with `*` at the end for all that begin so: `["token", "utm_*"]`. They are stripped from what the
   * upstream is asked, too, so that an answer cannot depend on them. `CMCD` (CTA-5004) is always stripped.
   */
  readonly ignoreParams?: readonly string[];
  /**
   * The other way about, instead of `ignoreParams`: names of the only query parameters to keep, with `*` at the end likewise. All others are
   * stripped but `_HLS_msn`, `_HLS_part` and `_HLS_skip`, each as it is given first. `[]` where answers depend on no parameter: then
   * nobody can make an edge ask for the same thing again and again by changing the query. Default: all but `ignoreParams` are kept.
   */
  readonly keepParams?: readonly string[];
  /**
   * Whether the other parameters are sorted by name (same names keep their order), for clients that write them in any order. The upstream is asked for them so, too:
   * not for one that signs its queries, or to which the order says something. Default false: as they are written.
   */
  readonly sortParams?: boolean;
}

/** Blocking playlist reload (RFC 8216bis §6.2.5.2), in the order the key writes them. */
const DIRECTIVES = ["_HLS_msn", "_HLS_part", "_HLS_skip"];
const ALWAYS_IGNORED = ["CMCD"];
const ESCAPE = /%([\da-f]{2})/gi;
const UNRESERVED = /[A-Za-z0-9\-._~]/;

/** Longer spellings are not remembered: no player asks for one twice. */
const MAX_REMEMBERED_LENGTH = 512;

/** Makes keys. */
export interface CacheKeys {
  /**
   * The canonical request target: what the cache files the answer under, and what the upstream is asked for.
   *
   * @throws {CdnError} `INVALID_PATH`.
   */
  of(target: string): string;
}

/**
 * Canonical targets: path normalised, ignored parameters gone, the others as they are written, `_HLS_*` last, in the order msn, part, skip and without
 * leading zeros. The host is no part of it: an edge serves one set of upstreams.
 *
 * What is asked of the upstream is the key itself, and no client's spelling of it: nobody can choose what others get under it.
 */
export function createCacheKeys(options: CacheKeyOptions = {}): CacheKeys {
  const { ignoreParams = [], keepParams, sortParams = false } = options;
  const isIgnored = matcher([...ALWAYS_IGNORED, ...ignoreParams]);
  const isKept = keepParams && matcher([...DIRECTIVES, ...keepParams]);
  const policy: ParamPolicy = {
    strips: (name) => isIgnored(name) || isKept?.(name) === false,
    repeatsDirectives: keepParams === undefined,
    sorts: sortParams,
    respells: sortParams || keepParams !== undefined,
  };
  // So that a hit parses nothing.
  const remembered = new BoundedMemory<string>();

  return {
    of(target) {
      const known = remembered.get(target);
      if (known !== undefined) return known;
      const key = ownText(canonicalTarget(target, policy));
      if (target.length <= MAX_REMEMBERED_LENGTH) remembered.set(ownText(target), key);
      return key;
    },
  };
}

/** A copy: a part of a string keeps alive the whole it was cut from, here all that a client sent, for as long as the key is kept. */
function ownText(target: string): string {
  return Buffer.from(target).toString();
}

interface ParamPolicy {
  strips(name: string): boolean;
  /** Whether a directive given twice stays so. */
  readonly repeatsDirectives: boolean;
  readonly sorts: boolean;
  /** Whether escapes have one spelling, and empty parameters none. */
  readonly respells: boolean;
}

function canonicalTarget(target: string, { strips, repeatsDirectives, sorts, respells }: ParamPolicy): string {
  const question = target.indexOf("?");
  if (question === -1) return normalizePath(target);
  const path = normalizePath(target.slice(0, question));
  const params: { name: string; text: string }[] = [];
  const given = new Set<string>();
  for (const raw of target.slice(question + 1).split("&")) {
    if (raw === "" && respells) continue;
    const text = normalizeQuery(raw);
    const equals = text.indexOf("=");
    const name = equals === -1 ? text : text.slice(0, equals);
    if (strips(name)) continue;
    const isDirective = DIRECTIVES.includes(name);
    if (isDirective && given.has(name) && !repeatsDirectives) continue;
    given.add(name);
    params.push({ name, text: isDirective ? withoutLeadingZeros(text) : respells ? text : raw });
  }
  if (params.every(({ text }) => text === "")) return path;
  params.sort((a, b) => rank(a.name) - rank(b.name) || (sorts ? byName(a, b) : 0));
  return `${path}?${params.map(({ text }) => text).join("&")}`;
}

function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

/** Ordinary parameters first, then the directives in their order. */
function rank(name: string): number {
  return DIRECTIVES.indexOf(name) + 1;
}

function withoutLeadingZeros(text: string): string {
  const equals = text.indexOf("=");
  const value = text.slice(equals + 1);
  if (equals === -1 || !/^0\d+$/.test(value)) return text;
  return text.slice(0, equals + 1) + value.replace(/^0+(?=\d)/, "");
}

/** Broken escapes stay as they are: in a query they mean nothing to us. */
function normalizeQuery(text: string): string {
  if (!text.includes("%")) return text;
  return text.replace(ESCAPE, (escaped, digits: string) => {
    const character = String.fromCharCode(Number.parseInt(digits, 16));
    return UNRESERVED.test(character) ? character : escaped.toUpperCase();
  });
}

function matcher(names: readonly string[]): (name: string) => boolean {
  const exact = new Set(names.filter((name) => !name.endsWith("*")));
  const prefixes = names.filter((name) => name.endsWith("*")).map((name) => name.slice(0, -1));
  return (name) => exact.has(name) || prefixes.some((prefix) => name.startsWith(prefix));
}
