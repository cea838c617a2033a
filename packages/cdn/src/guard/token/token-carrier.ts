/** Where tokens stand in a request, and the request without them: so that caches behind a guard know nothing of tokens. */

import { CdnError } from "../../errors.ts";
import type { RawRequest } from "../../handler/raw.ts";
import { withHeader } from "../passed-request.ts";

/** Where a guard looks for tokens. It takes them out of all of these places, and tries them in this order. */
export interface TokenPlaces {
  /** As the first path segment, after a `~`: `/~<token>/live/demo/index.m3u8`. What is relative to it has the token, too. */
  readonly path?: boolean;
  /** Name of a query parameter. */
  readonly query?: string;
  /** Name of a header field; of `authorization`, what follows `Bearer`. */
  readonly header?: string;
  /** Name of a cookie. */
  readonly cookie?: string;
}

/** More are not tried: a client chooses how many it sends. */
const MAX_CANDIDATES = 4;

/** A token, and where it stood. */
export interface Candidate {
  readonly token: string;
  readonly place: "path" | "query" | "header" | "cookie";
}

/** A request taken apart. */
interface Taken {
  readonly candidates: readonly Candidate[];
  /** Without tokens. */
  readonly target: string;
  /** Without tokens. The very same object where there were none. */
  readonly headers: RawRequest["headers"];
}

/** Takes the tokens out of requests. */
export type TokenCarrier = (request: RawRequest) => Taken;

const NAME = /^[\w!#$&'*+.^`|~-]+$/;
const NONE: readonly Candidate[] = [];

/** @throws {CdnError} `INVALID_OPTION`. */
export function createTokenCarrier({ path = false, query, header, cookie }: TokenPlaces): TokenCarrier {
  for (const name of [query, header, cookie]) {
    if (name === undefined || NAME.test(name)) continue;
    throw new CdnError("INVALID_OPTION", `${JSON.stringify(name)} cannot name a parameter, field or cookie`);
  }
  if (!path && query === undefined && header === undefined && cookie === undefined) {
    throw new CdnError("INVALID_OPTION", "say where the token stands: path, query, header or cookie");
  }
  const field = header?.toLowerCase();
  const param = query && `${query}=`;
  const pair = cookie && `${cookie}=`;

  return (request) => {
    let { target, headers } = request;
    let candidates = NONE;
    if (path && target.charCodeAt(1) === 0x7e) {
      const slash = target.indexOf("/", 2);
      const end = slash === -1 ? target.length : slash;
      candidates = [{ token: target.slice(2, end), place: "path" }];
      target = slash === -1 ? "/" : target.slice(slash);
    }
    if (param !== undefined && target.includes(param)) {
      const taken = withoutParam(target, param);
      candidates = withMore(candidates, taken.tokens, "query");
      target = taken.rest;
    }
    if (field !== undefined) {
      const value = headers[field];
      const token = field === "authorization" && value !== undefined ? bearerOf(value) : value;
      if (token !== undefined) {
        candidates = withMore(candidates, [token], "header");
        headers = withHeader(headers, field, undefined);
      }
    }
    if (pair !== undefined && headers.cookie?.includes(pair)) {
      const taken = withoutCookie(headers.cookie, pair);
      if (taken.tokens.length > 0) {
        candidates = withMore(candidates, taken.tokens, "cookie");
        headers = withHeader(headers, "cookie", taken.rest === "" ? undefined : taken.rest);
      }
    }
    return { candidates, target, headers };
  };
}

function withMore(
  candidates: readonly Candidate[],
  tokens: readonly string[],
  place: Candidate["place"],
): readonly Candidate[] {
  const more = tokens.slice(0, MAX_CANDIDATES - candidates.length).map((token) => ({ token, place }));
  return candidates.length === 0 ? more : [...candidates, ...more];
}

/** Tokens found in a text, and the text without them. */
interface Found {
  readonly tokens: readonly string[];
  readonly rest: string;
}

function withoutParam(target: string, param: string): Found {
  const question = target.indexOf("?");
  const tokens: string[] = [];
  if (question === -1) return { tokens, rest: target };
  let rest = "";
  for (const piece of target.slice(question + 1).split("&")) {
    if (piece.startsWith(param)) tokens.push(piece.slice(param.length));
    else rest += rest === "" ? piece : `&${piece}`;
  }
  if (tokens.length === 0) return { tokens, rest: target };
  const path = target.slice(0, question);
  return { tokens, rest: rest === "" ? path : `${path}?${rest}` };
}

/** What other schemes carry is not for us, and goes on as it is. */
function bearerOf(value: string): string | undefined {
  return /^bearer +([^ ]+)$/i.exec(value)?.[1];
}

function withoutCookie(cookies: string, pair: string): Found {
  const tokens: string[] = [];
  let rest = "";
  for (const piece of cookies.split(";")) {
    const cookie = piece.trim();
    if (cookie.startsWith(pair)) tokens.push(cookie.slice(pair.length));
    else if (cookie !== "") rest += rest === "" ? cookie : `; ${cookie}`;
  }
  return { tokens, rest };
}
