/** `Cache-Control` of responses and requests (RFC 9111 §5.2, RFC 5861, RFC 8246), and fields targeted at caches like this one (RFC 9213). */

import { decodeSfDict } from "@svta/cml-structured-field-values";
import { joinedFieldOf } from "../../http/fields.ts";

/** Directives a shared cache acts on. Times in seconds. */
export interface ResponseDirectives {
  readonly maxAge?: number;
  readonly sMaxAge?: number;
  readonly staleWhileRevalidate?: number;
  readonly staleIfError?: number;
  readonly noStore: boolean;
  /** Without fields: all of the response. */
  readonly noCache: boolean;
  /** Fields not to be used again without asking, in lower case. */
  readonly noCacheFields: readonly string[];
  /** Without fields: all of the response. */
  readonly private: boolean;
  /** Fields that only the client who asked may have, in lower case. */
  readonly privateFields: readonly string[];
  readonly public: boolean;
  readonly mustRevalidate: boolean;
  readonly proxyRevalidate: boolean;
  readonly mustUnderstand: boolean;
  readonly immutable: boolean;
  /** From a targeted field: `Cache-Control` and `Expires` do not count. */
  readonly targeted: boolean;
}

/** What a client asks of the caches before it (RFC 9111 §5.2.1). Times in seconds. */
export interface RequestDirectives {
  readonly maxAge?: number;
  /** Infinite where it takes any stale answer. */
  readonly maxStale?: number;
  readonly minFresh?: number;
  readonly staleIfError?: number;
  readonly noCache: boolean;
  readonly noStore: boolean;
  readonly onlyIfCached: boolean;
}

/** Fields for content delivery networks, the one to follow first: the first that can be read counts (RFC 9213 §2.2). */
export const DEFAULT_TARGETED_FIELDS: readonly string[] = ["cdn-cache-control"];

/** `name`, `name=token` or `name="quoted"`. */
const DIRECTIVE = /([\w!#$%&'*+.^`|~-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;"]*)))?/g;
/** Above this, a number is as good as infinite (RFC 9111 §1.2.2). */
const MAX_SECONDS = 2 ** 31;
const NO_FIELDS: readonly string[] = [];

/** Arguments by directive: text where there is one. */
type Directives = ReadonlyMap<string, readonly (string | undefined)[]>;

/** Directives of a response: of the first targeted field that can be read, or else of `Cache-Control`. */
export function directivesOf(
  headers: readonly string[],
  targetedFields: readonly string[] = DEFAULT_TARGETED_FIELDS,
): ResponseDirectives {
  for (const name of targetedFields) {
    const field = joinedFieldOf(headers, name);
    const directives = field === undefined ? undefined : parseTargeted(field);
    if (directives !== undefined) return directives;
  }
  return parseCacheControl(joinedFieldOf(headers, "cache-control"));
}

/**
 * Parses `Cache-Control` of a response. A directive that is there twice counts as the stricter of the two, and a time that is no number as
 * zero (RFC 9111 §4.2.1).
 */
export function parseCacheControl(field: string | undefined): ResponseDirectives {
  return responseDirectives(readDirectives(field ?? ""), false);
}

/**
 * Parses a targeted field: a Dictionary (RFC 9213 §2.1, RFC 9651 §3.2). A directive whose value is of another type than it should be is
 * read as one that makes no sense: a time is zero then.
 *
 * @returns undefined for a field that is to be ignored, because it is empty or no Dictionary.
 */
export function parseTargeted(field: string): ResponseDirectives | undefined {
  let members: [string, { readonly value?: unknown }][];
  try {
    members = Object.entries(decodeSfDict(field));
  } catch {
    return undefined;
  }
  if (members.length === 0) return undefined;
  const directives = new Map<string, readonly (string | undefined)[]>();
  for (const [name, { value }] of members) {
    if (value === false) continue;
    const isTime = name === "max-age" || name === "s-maxage" || name.startsWith("stale-");
    const isInteger = Number.isInteger(value);
    if (isTime) directives.set(name, [isInteger ? String(value) : undefined]);
    else directives.set(name, [typeof value === "string" ? value : undefined]);
  }
  return responseDirectives(directives, true);
}

/**
 * What a request asks of caches; undefined where it asks nothing. `Pragma: no-cache` counts where there is no `Cache-Control` (RFC 9111
 * §5.4).
 */
export function requestDirectivesOf(
  headers: Readonly<Record<string, string | undefined>>,
): RequestDirectives | undefined {
  const { "cache-control": field, pragma } = headers;
  if (field === undefined) {
    if (pragma === undefined || !readDirectives(pragma).has("no-cache")) return undefined;
    return { noCache: true, noStore: false, onlyIfCached: false };
  }
  const directives = readDirectives(field);
  const maxStale = directives.get("max-stale");
  return {
    ...time(directives, "max-age", "maxAge"),
    ...(maxStale !== undefined && {
      maxStale: maxStale.every((argument) => argument === undefined) ? Number.POSITIVE_INFINITY : strictest(maxStale),
    }),
    ...time(directives, "min-fresh", "minFresh"),
    ...time(directives, "stale-if-error", "staleIfError"),
    noCache: directives.has("no-cache"),
    noStore: directives.has("no-store"),
    onlyIfCached: directives.has("only-if-cached"),
  };
}

function readDirectives(field: string): Directives {
  const directives = new Map<string, (string | undefined)[]>();
  for (const [, name = "", quoted, token] of field.matchAll(DIRECTIVE)) {
    const directive = name.toLowerCase();
    const before = directives.get(directive);
    if (before === undefined) directives.set(directive, [quoted ?? token]);
    else before.push(quoted ?? token);
  }
  return directives;
}

function responseDirectives(directives: Directives, targeted: boolean): ResponseDirectives {
  const noCache = fieldsNamed(directives.get("no-cache"));
  const isPrivate = fieldsNamed(directives.get("private"));
  return {
    ...time(directives, "max-age", "maxAge"),
    ...time(directives, "s-maxage", "sMaxAge"),
    ...time(directives, "stale-while-revalidate", "staleWhileRevalidate"),
    ...time(directives, "stale-if-error", "staleIfError"),
    noStore: directives.has("no-store"),
    noCache: noCache === "all",
    noCacheFields: noCache === "all" ? NO_FIELDS : noCache,
    private: isPrivate === "all",
    privateFields: isPrivate === "all" ? NO_FIELDS : isPrivate,
    public: directives.has("public"),
    mustRevalidate: directives.has("must-revalidate"),
    proxyRevalidate: directives.has("proxy-revalidate"),
    mustUnderstand: directives.has("must-understand"),
    immutable: directives.has("immutable"),
    targeted,
  };
}

function time<Name extends string>(directives: Directives, directive: string, name: Name): { [key in Name]?: number } {
  const given = directives.get(directive);
  return (given === undefined ? {} : { [name]: strictest(given) }) as { [key in Name]?: number };
}

function strictest(times: readonly (string | undefined)[]): number {
  return Math.min(...times.map(parseSeconds));
}

function parseSeconds(text: string | undefined): number {
  if (text === undefined || !/^\d+$/.test(text)) return 0;
  return Math.min(Number(text), MAX_SECONDS);
}

/** The fields that a directive is about; all where it names none, once. */
function fieldsNamed(given: readonly (string | undefined)[] | undefined): readonly string[] | "all" {
  if (given === undefined) return NO_FIELDS;
  const fields: string[] = [];
  for (const argument of given) {
    const named = (argument ?? "")
      .toLowerCase()
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "");
    if (named.length === 0) return "all";
    fields.push(...named);
  }
  return fields;
}
