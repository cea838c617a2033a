/** Lets pass what a JSON Web Token (RFC 7519) grants. Common Access Tokens (CTA-5007) are something else, and not read here. */

import { createSecretKey, type KeyObject } from "node:crypto";
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  type JSONWebKeySet,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from "jose";
import { CdnError } from "../../errors.ts";
import { type Logger, silentLogger } from "../../logger.ts";
import {
  anything,
  callable,
  checkOptions,
  flag,
  listOf,
  logger as loggerRule,
  object,
  oneOrMore,
  type Rules,
  required,
  text,
} from "../../options/check-options.ts";
import type { Guard } from "../guard.ts";
import { ownText } from "../passed-request.ts";
import { normalizeScope } from "../path-scope.ts";
import type { Grant, TokenFault } from "./grant.ts";
import { TOKEN_COOKIE } from "./grant-cookie.ts";
import type { TokenPlaces } from "./token-carrier.ts";
import { createTokenGuard, TOKEN_RULES, type TokenGuardOptions } from "./token-guard.ts";

/** Tokens that are checked at a time: a flood of made-up ones waits for no more than these. Above: 503 `GUARD_BUSY`. */
export const MAX_VERIFICATIONS = 256;
/** Milliseconds between two complaints of keys that cannot be had. */
const COMPLAINT_INTERVAL = 60_000;
/** Characters. Longer tokens are refused unread. */
export const MAX_JWT_LENGTH = 4096;

/** Public keys of the signature algorithms that are in use. */
const ASYMMETRIC = [
  "ES256",
  "ES384",
  "ES512",
  "PS256",
  "PS384",
  "PS512",
  "RS256",
  "RS384",
  "RS512",
  "EdDSA",
  "Ed25519",
];
const SYMMETRIC = ["HS256", "HS384", "HS512"];

/** Options of {@link jwt}. */
export interface JwtOptions extends TokenGuardOptions {
  /**
   * What tokens are checked with: the URL of a key set (RFC 7517), which is fetched when first needed, again after ten minutes, and for a key
   * that it does not have at most every 30 s; a key set; or the bytes of a secret that both sides know (at least 32).
   */
  readonly keys: string | URL | JSONWebKeySet | Uint8Array;
  /** Who may have made it (`iss`). Default: not looked at. */
  readonly issuer?: string | readonly string[];
  /** Whom it is for (`aud`). Default: not looked at. */
  readonly audience?: string | readonly string[];
  /** Signature algorithms to take. Default: all with public keys; for a secret, HMAC's. `none` is never taken. */
  readonly algorithms?: readonly string[];
  /**
   * What the claims grant: `/live/demo/` (all below) or one path. Default: the claims `paths` (a list) and `prefix` (one).
   * A token that grants nothing is refused. `() => ["/"]` lets every genuine token pass.
   */
  readonly grants?: (claims: JWTPayload) => readonly string[];
  /** Told why the keys cannot be had, at most once a minute. Default: silent. */
  readonly logger?: Logger;
  /** Where tokens stand. Default: `Authorization: Bearer` and, with `setCookie`, the cookie. */
  readonly places?: TokenPlaces;
}

const RULES: Rules<JwtOptions> = {
  ...TOKEN_RULES,
  keys: required(anything),
  issuer: oneOrMore(text),
  audience: oneOrMore(text),
  algorithms: listOf(text),
  grants: callable,
  logger: loggerRule,
  places: object<TokenPlaces>({ path: flag, query: text, header: text, cookie: text }),
};

/**
 * JSON Web Tokens. They must have an `exp`.
 *
 * A token is checked once, and then remembered until it is over. It is taken out of the request before the handler sees it: so answers are
 * shared as without one. Refusals are `401` with `WWW-Authenticate` (RFC 6750), and `403` for a path that the token does not grant.
 *
 * @throws {CdnError} `INVALID_OPTION`.
 */
export function jwt(options: JwtOptions): Guard {
  checkOptions("jwt", options, RULES);
  const { setCookie = false, places = { header: "authorization" } } = options;
  const cookie = setCookie === false ? undefined : ((setCookie === true ? undefined : setCookie.name) ?? TOKEN_COOKIE);
  const unauthorized = (error: string) => ({ status: 401, headers: ["www-authenticate", `Bearer${error}`] });
  return createTokenGuard({
    ...options,
    places: cookie === undefined ? places : { cookie, ...places },
    verify: createVerifier(options),
    refusals: {
      TOKEN_MISSING: unauthorized(""),
      TOKEN_INVALID: unauthorized(' error="invalid_token"'),
      TOKEN_EXPIRED: unauthorized(' error="invalid_token", error_description="expired"'),
      TOKEN_NOT_YET_VALID: unauthorized(' error="invalid_token", error_description="not yet valid"'),
      PATH_NOT_GRANTED: { status: 403, headers: ["www-authenticate", 'Bearer error="insufficient_scope"'] },
      ADDRESS_NOT_GRANTED: { status: 403 },
      KEYS_UNREACHABLE: { status: 503, headers: ["retry-after", "5"] },
      GUARD_BUSY: { status: 503, headers: ["retry-after", "1"] },
    },
  });
}

function createVerifier(options: JwtOptions): (token: string) => TokenFault | Promise<Grant | TokenFault> {
  const { issuer, audience, grants = grantedByClaims, logger = silentLogger } = options;
  const isSecret = options.keys instanceof Uint8Array;
  const key = keyOf(options.keys);
  const expected = {
    algorithms: [...(options.algorithms ?? (isSecret ? SYMMETRIC : ASYMMETRIC))],
    ...(issuer !== undefined && { issuer: typeof issuer === "string" ? issuer : [...issuer] }),
    ...(audience !== undefined && { audience: typeof audience === "string" ? audience : [...audience] }),
    requiredClaims: ["exp"],
    // Times are judged at every use: a token that does not count yet is no reason to check its signature again and again.
    currentDate: new Date(0),
    clockTolerance: Number.MAX_SAFE_INTEGER,
  };
  /** A player asks for many things at once with one token: it is checked once. */
  const pending = new Map<string, Promise<Grant | TokenFault>>();

  let complainedAt = Number.NEGATIVE_INFINITY;
  const complain = (error: unknown): void => {
    const now = performance.now();
    if (now - complainedAt < COMPLAINT_INTERVAL) return;
    complainedAt = now;
    const keys = typeof options.keys === "string" || options.keys instanceof URL ? String(options.keys) : undefined;
    logger.error({ err: error, keys }, "the keys of tokens cannot be had: requests that need one get a 503");
  };

  const check = async (token: string): Promise<Grant | TokenFault> => {
    try {
      const { payload } =
        typeof key === "function" ? await jwtVerify(token, key, expected) : await jwtVerify(token, key, expected);
      return grantOf(payload, grants);
    } catch (error) {
      if (!isOurs(error)) return "TOKEN_INVALID";
      complain(error);
      return "KEYS_UNREACHABLE";
    }
  };
  return (token) => {
    if (token.length > MAX_JWT_LENGTH) return "TOKEN_INVALID";
    const waiting = pending.get(token);
    if (waiting !== undefined) return waiting;
    if (pending.size >= MAX_VERIFICATIONS) return "GUARD_BUSY";
    const own = ownText(token);
    const checked = check(own).finally(() => pending.delete(own));
    pending.set(own, checked);
    return checked;
  };
}

function keyOf(keys: JwtOptions["keys"]): JWTVerifyGetKey | KeyObject {
  if (keys instanceof Uint8Array) {
    if (keys.byteLength < 32) throw tooShort(keys.byteLength);
    return createSecretKey(keys);
  }
  if (!(typeof keys === "string" || keys instanceof URL)) return localKeys(keys);
  const url = String(keys);
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    // It is not shown: it may be a secret.
    const message = "jwt: keys is text, and no http(s) URL: give a shared secret as bytes, Buffer.from(secret)";
    throw new CdnError("INVALID_OPTION", message);
  }
  return createRemoteJWKSet(new URL(url));
}

function tooShort(bytes: number): CdnError {
  const message = `jwt: the secret has ${bytes} bytes: give 32 or more, such as openssl rand -base64 32 makes`;
  return new CdnError("INVALID_OPTION", message);
}

function localKeys(keys: JSONWebKeySet): JWTVerifyGetKey {
  try {
    return createLocalJWKSet(keys);
  } catch (cause) {
    throw new CdnError("INVALID_OPTION", "keys is no JSON Web Key Set: give { keys: [ … ] }", { cause });
  }
}

/** Whether it is the keys that are at fault, not the token. */
function isOurs(error: unknown): boolean {
  if (!(error instanceof errors.JOSEError)) return true;
  return (
    error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid || error.code === "ERR_JOSE_GENERIC"
  );
}

function grantOf(claims: JWTPayload, grants: (claims: JWTPayload) => readonly string[]): Grant | TokenFault {
  const { exp, nbf = 0 } = claims;
  if (exp === undefined) return "TOKEN_INVALID";
  const paths = grants(claims).flatMap((scope) => normalizeScope(scope) ?? []);
  return { expires: exp, notBefore: nbf, paths };
}

function grantedByClaims({ paths, prefix }: JWTPayload): readonly string[] {
  const all: unknown[] = Array.isArray(paths) ? [...paths, prefix] : [prefix];
  return all.filter((path): path is string => typeof path === "string");
}
