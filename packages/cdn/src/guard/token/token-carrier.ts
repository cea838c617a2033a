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
export const MAX_CANDIDATES = 4;

/** A token, and where it stood. */
export interface Candidate {
  readonly token: string;
  readonly place: "path" | "query" | "header" | "cookie";
}

/** A request taken apart. */
export interface Taken {
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
    let candidates: Candidate[] | undefined;
    const found = (token: string, place: Candidate["place"]): void => {
      candidates ??= [];
      if (candidates.length < MAX_CANDIDATES) candidates.push({ token, place });
    };
    if (path && target.charCodeAt(1) === 0x7e) {
      const end = segmentEnd(target);
      found(target.slice(2, end), "path");
      target = target.charCodeAt(end) === 0x2f ? target.slice(end) : `/${target.slice(end)}`;
    }
    if (param !== undefined && target.includes(param)) target = withoutParam(target, param, found);
    if (field !== undefined) {
      const value = headers[field];
      const token = field === "authorization" && value !== undefined ? bearerOf(value) : value;
      if (token !== undefined) {
        found(token, "header");
        headers = withHeader(headers, field, undefined);
      }
    }
    if (pair !== undefined) {
      const cookies = headers.cookie;
      if (cookies?.includes(pair)) {
        const rest = withoutCookie(cookies, pair, found);
        if (rest !== cookies) headers = withHeader(headers, "cookie", rest === "" ? undefined : rest);
      }
    }
    return { candidates: candidates ?? NONE, target, headers };
  };
}

type Found = (token: string, place: Candidate["place"]) => void;

function segmentEnd(target: string): number {
  for (let at = 2; at < target.length; at += 1) {
    const code = target.charCodeAt(at);
    if (code === 0x2f || code === 0x3f) return at;
  }
  return target.length;
}

function withoutParam(target: string, param: string, found: Found): string {
  const question = target.indexOf("?");
  if (question === -1) return target;
  let rest = "";
  let taken = false;
  for (const piece of target.slice(question + 1).split("&")) {
    if (piece.startsWith(param)) {
      found(piece.slice(param.length), "query");
      taken = true;
    } else rest += rest === "" ? piece : `&${piece}`;
  }
  if (!taken) return target;
  const path = target.slice(0, question);
  return rest === "" ? path : `${path}?${rest}`;
}

/** What other schemes carry is not for us, and goes on as it is. */
function bearerOf(value: string): string | undefined {
  return /^bearer +([^ ]+)$/i.exec(value)?.[1];
}

function withoutCookie(cookies: string, pair: string, found: Found): string {
  let rest = "";
  let taken = false;
  for (const piece of cookies.split(";")) {
    const cookie = piece.trim();
    if (cookie.startsWith(pair)) {
      found(cookie.slice(pair.length), "cookie");
      taken = true;
    } else if (cookie !== "") rest += rest === "" ? cookie : `; ${cookie}`;
  }
  return taken ? rest : cookies;
}
