/**
 * Signed tokens: `<key id>.<claims>.<MAC>`.
 *
 * ```
 * claims   base64url (RFC 4648 §5, without padding) of a JSON object:
 *            exp   seconds since 1970 from which it is over
 *            path  what it covers: a path that ends with a slash, and all below it; or one path
 *            nbf   seconds since 1970 before which it does not count (optional)
 *            ip    address or network it may be used from (optional)
 *            sub   whatever tells the viewers apart (optional)
 * MAC      base64url of HMAC-SHA256 over `<key id>.<claims>`
 * ```
 *
 * The MAC is over the text as it was sent, so nothing needs a canonical form, and it is compared as text: bits of base64 that decode to
 * nothing cannot be changed either. A claim that this version does not know is refused: it could be a restriction.
 */

import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from "node:crypto";
import { CdnError } from "../../errors.ts";
import { normalizeScope } from "../path-scope.ts";
import { addressesOf, type Grant, type TokenFault } from "./grant.ts";

/** Secret of a key: bytes, or text that stands for its UTF-8. At least 16 bytes. */
export type SigningSecret = string | Uint8Array;

/** 16 bytes: less than that can be guessed. 32 random ones are good. */
const MIN_SECRET_BYTES = 16;
/** Characters. Longer ones are refused unread. */
export const MAX_TOKEN_LENGTH = 1024;

const KEY_ID = /^[\w-]{1,32}$/;
const TOKEN = /^([\w-]{1,32})\.([\w-]+)\.([\w-]{43})$/;
const CLAIMS = new Set(["exp", "path", "nbf", "ip", "sub"]);

/** Claims of a token. */
export interface SignedClaims {
  readonly exp: number;
  readonly path: string;
  readonly nbf?: number;
  readonly ip?: string;
  readonly sub?: string;
}

/** A key, ready for use. @throws {CdnError} `INVALID_OPTION`. */
export function signingKey(id: string, secret: SigningSecret): KeyObject {
  if (!KEY_ID.test(id)) {
    throw new CdnError("INVALID_OPTION", `key id ${JSON.stringify(id)}: give 1 to 32 letters, digits, - or _`);
  }
  const bytes = typeof secret === "string" ? Buffer.from(secret) : Buffer.from(secret);
  if (bytes.byteLength < MIN_SECRET_BYTES) {
    const length = bytes.byteLength === 0 ? "is empty" : `has ${bytes.byteLength} bytes`;
    const message = `the secret of key ${id} ${length}: give ${MIN_SECRET_BYTES} bytes or more, such as openssl rand -base64 32 makes`;
    throw new CdnError("INVALID_OPTION", message);
  }
  return createSecretKey(bytes);
}

/** Writes a token. */
export function writeToken(keyId: string, key: KeyObject, claims: SignedClaims): string {
  const signed = `${keyId}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}`;
  return `${signed}.${macOf(signed, key)}`;
}

/** Reads a token: what it grants once it is found genuine, or why it is not. When and where it is used is not looked at. */
export function readToken(token: string, keys: ReadonlyMap<string, KeyObject>): Grant | TokenFault {
  if (token.length > MAX_TOKEN_LENGTH) return "TOKEN_INVALID";
  const parts = TOKEN.exec(token);
  const key = parts === null ? undefined : keys.get(parts[1]!);
  if (parts === null || key === undefined) return "TOKEN_INVALID";
  const [, keyId, payload, mac] = parts;
  const expected = macOf(`${keyId}.${payload}`, key);
  if (!timingSafeEqual(Buffer.from(expected, "latin1"), Buffer.from(mac!, "latin1"))) return "TOKEN_INVALID";
  return grantOf(parse(payload!)) ?? "TOKEN_INVALID";
}

function macOf(text: string, key: KeyObject): string {
  return createHmac("sha256", key).update(text, "latin1").digest("base64url");
}

function parse(payload: string): unknown {
  try {
    return JSON.parse(Buffer.from(payload, "base64url").toString());
  } catch {
    return undefined;
  }
}

function grantOf(claims: unknown): Grant | undefined {
  if (typeof claims !== "object" || claims === null) return undefined;
  if (Object.keys(claims).some((name) => !CLAIMS.has(name))) return undefined;
  const { exp, path, nbf = 0, ip } = claims as Record<string, unknown>;
  if (typeof exp !== "number" || typeof nbf !== "number" || typeof path !== "string") return undefined;
  const scope = normalizeScope(path);
  if (scope === undefined) return undefined;
  const grant: Grant = { expires: exp, notBefore: nbf, paths: [scope] };
  if (ip === undefined) return grant;
  const addresses = typeof ip === "string" ? addressesOf([ip]) : undefined;
  return addresses && { ...grant, addresses };
}
