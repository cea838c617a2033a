/** Makes signed URLs: for whoever tells viewers where to watch. */

import { CdnError } from "../../errors.ts";
import {
  bytesOrText,
  callable,
  checkOptions,
  kind,
  oneOf,
  type Rules,
  required,
  text,
} from "../../options/check-options.ts";
import { covers, normalizeScope, pathOf } from "../path-scope.ts";
import { addressesOf } from "./grant.ts";
import { MAX_TOKEN_LENGTH, type SignedClaims, type SigningSecret, signingKey, writeToken } from "./signing.ts";

/** The query parameter that has the token, where no other is named. */
export const TOKEN_PARAM = "token";

/** Options of {@link signUrl}. */
export interface SignUrlOptions {
  /** Secret of the key: bytes, or text that stands for its UTF-8. At least 16 bytes; 32 random ones are good. */
  readonly key: SigningSecret;
  /** Which of the guard's keys that is: 1 to 32 letters, digits, `-` or `_`. */
  readonly keyId: string;
  /** From when it is over: a date, or seconds since 1970. */
  readonly expires: Date | number;
  /** What it covers: `/live/demo/` and all below it. Default: the path of the URL alone. */
  readonly prefix?: string;
  /** From when it counts: a date, or seconds since 1970. Default: at once. */
  readonly notBefore?: Date | number;
  /** Address or network that it may be used from. Viewers on the move change theirs. Default: anywhere. */
  readonly ip?: string;
  /** Whatever tells viewers apart, such as an account: their tokens then differ, and rate limits can count them. Anybody can read it. */
  readonly subject?: string;
  /** Where the token goes. Default `path`: what is relative to the URL then has it, too. */
  readonly place?: "path" | "query";
  /** Name of the query parameter. Default `token`. */
  readonly param?: string;
  /** Milliseconds since 1970, by which `expires` must be to come. Default `Date.now`. */
  readonly clock?: () => number;
}

const time = kind(
  "a Date, or seconds since 1970",
  (value) => value instanceof Date || (typeof value === "number" && !Number.isNaN(value)),
);

const RULES: Rules<SignUrlOptions> = {
  key: required(bytesOrText),
  keyId: required(text),
  expires: required(time),
  prefix: text,
  notBefore: time,
  ip: text,
  subject: text,
  place: oneOf("path", "query"),
  param: text,
  clock: callable,
};

/**
 * The URL with a token, as {@link signedUrls} takes it.
 *
 * @param url - `https://edge.example/live/demo/index.m3u8`, or its path alone.
 * @throws {CdnError} `INVALID_OPTION`; also where `expires` is over, as what is a number of seconds from now would be.
 */
export function signUrl(url: string, options: SignUrlOptions): string {
  checkOptions("signUrl", options, RULES);
  const { place = "path", param = TOKEN_PARAM } = options;
  const parts = /^((?:https?:\/\/[^/?#]+)?)(\/[^?#]*)(\?[^#]*)?(#.*)?$/i.exec(url);
  if (parts === null) {
    throw new CdnError("INVALID_OPTION", `${JSON.stringify(url)}: give http(s)://host/path, or /path`);
  }
  const [, origin = "", path = "", query = "", fragment = ""] = parts;
  const token = signToken({ ...options, prefix: options.prefix ?? path, path });
  if (place === "path") return `${origin}/~${token}${path}${query}${fragment}`;
  return `${origin}${path}${query === "" ? "?" : `${query}&`}${param}=${token}${fragment}`;
}

function signToken(options: SignUrlOptions & { readonly prefix: string; readonly path: string }): string {
  const { prefix, path, ip, subject, notBefore, clock = Date.now } = options;
  const scope = normalizeScope(prefix);
  const own = normalizeScope(pathOf(path));
  if (scope === undefined || own === undefined) {
    throw new CdnError("INVALID_OPTION", `${JSON.stringify(scope === undefined ? prefix : path)} is no path`);
  }
  if (!covers([scope], own)) {
    const message = `the prefix ${scope} does not cover ${own}: end it with a slash, and let it be a beginning of the path`;
    throw new CdnError("INVALID_OPTION", message);
  }
  if (ip !== undefined && addressesOf([ip]) === undefined) {
    throw new CdnError("INVALID_OPTION", `ip is ${JSON.stringify(ip)}: give an address or a network`);
  }
  const exp = secondsOf("expires", options.expires);
  if (exp <= clock() / 1000) throw isOver(exp);
  const claims: SignedClaims = {
    exp,
    path: scope,
    ...(notBefore !== undefined && { nbf: secondsOf("notBefore", notBefore) }),
    ...(ip !== undefined && { ip }),
    ...(subject !== undefined && { sub: subject }),
  };
  const token = writeToken(options.keyId, signingKey(options.keyId, options.key), claims);
  if (token.length <= MAX_TOKEN_LENGTH) return token;
  throw new CdnError(
    "INVALID_OPTION",
    `the token has more than ${MAX_TOKEN_LENGTH} characters: shorten prefix or subject`,
  );
}

function isOver(expires: number): CdnError {
  const since = "give a Date, or seconds since 1970: Date.now() / 1000 + 3600 is an hour from now";
  const when = new Date(expires * 1000).toISOString();
  return new CdnError("INVALID_OPTION", `expires is ${expires}, which was ${when}: ${since}`);
}

/** Milliseconds taken for seconds would never be over. */
const LATEST = 100_000_000_000;

function secondsOf(name: string, time: Date | number): number {
  const seconds = Math.floor(typeof time === "number" ? time : time.getTime() / 1000);
  if (seconds >= 0 && seconds < LATEST) return seconds;
  const hint = seconds >= LATEST ? ": are these milliseconds?" : "";
  throw new CdnError("INVALID_OPTION", `${name} is ${String(time)}: give a Date, or seconds since 1970${hint}`);
}
