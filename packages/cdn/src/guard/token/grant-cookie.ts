/** The cookie that carries a token from the first request to all below its path. */

import type { Grant } from "./grant.ts";

/** The name of the cookie, where no other is given. */
export const TOKEN_COOKIE = "ami-token";

/** Options of the cookie. */
export interface GrantCookieOptions {
  /** Default `ami-token`. */
  readonly name?: string;
  /**
   * `Secure; SameSite=None`, so that players on other sites can send it. Default: where the request came over TLS; otherwise it is
   * `SameSite=Lax`, as browsers take nothing else in cleartext. Say `true` where a proxy in front ends TLS.
   */
  readonly secure?: boolean;
  /** `Partitioned` (CHIPS): the cookie of each embedding site is one of its own. Only with `secure`. Default false. */
  readonly partitioned?: boolean;
}

/**
 * `Set-Cookie` for a token (RFC 6265).
 *
 * @param now - seconds since 1970.
 */
export function grantCookie(
  token: string,
  grant: Grant,
  isTls: boolean,
  now: number,
  options: GrantCookieOptions,
): string {
  const { name = TOKEN_COOKIE, secure = isTls, partitioned = false } = options;
  const path = cookiePath(grant.paths[0] ?? "/");
  const site = secure ? `; Secure; SameSite=None${partitioned ? "; Partitioned" : ""}` : "; SameSite=Lax";
  return `${name}=${token}; Path=${path}; Max-Age=${Math.max(0, Math.floor(grant.expires - now))}; HttpOnly${site}`;
}

/** A semicolon would end the attribute: the cookie is then for the folder above it. */
function cookiePath(path: string): string {
  const semicolon = path.indexOf(";");
  return semicolon === -1 ? path : path.slice(0, path.lastIndexOf("/", semicolon) + 1);
}
