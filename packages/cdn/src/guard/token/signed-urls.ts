/** Lets pass what a signed URL, or the cookie of one, grants. */

import type { KeyObject } from "node:crypto";
import { CdnError } from "../../errors.ts";
import {
  byName,
  bytesOrText,
  checkOptions,
  flag,
  object,
  type Rules,
  required,
  text,
} from "../../options/check-options.ts";
import type { Guard } from "../guard.ts";
import { TOKEN_COOKIE } from "./grant-cookie.ts";
import { TOKEN_PARAM } from "./sign-url.ts";
import { readToken, type SigningSecret, signingKey } from "./signing.ts";
import type { TokenPlaces } from "./token-carrier.ts";
import { createTokenGuard, TOKEN_RULES, type TokenGuardOptions } from "./token-guard.ts";

/** Options of {@link signedUrls}. */
export interface SignedUrlsOptions extends TokenGuardOptions {
  /**
   * Secrets by key id. To change a key: add the new one here, sign with it, and take the old one out when what it signed is over. A guard
   * made anew, without the old key, refuses what that has signed at once.
   */
  readonly keys: Readonly<Record<string, SigningSecret>>;
  /** Where tokens stand. Default: path, query parameter `token` and, with `setCookie`, the cookie. */
  readonly places?: Omit<TokenPlaces, "header">;
}

const RULES: Rules<SignedUrlsOptions> = {
  ...TOKEN_RULES,
  keys: required(byName(bytesOrText)),
  places: object<SignedUrlsOptions["places"] & object>({ path: flag, query: text, cookie: text }),
};

const FORBIDDEN = { status: 403 };

/**
 * Signed URLs and cookies, see {@link signUrl}. One token on the first URL covers all below its prefix.
 *
 * The token is taken out of the request before the handler sees it: caches know one URL for all viewers. Refusals are `403`, with a code
 * that says why.
 *
 * @throws {CdnError} `INVALID_OPTION`.
 */
export function signedUrls(options: SignedUrlsOptions): Guard {
  checkOptions("signedUrls", options, RULES);
  const { keys, setCookie = false } = options;
  const ready = new Map<string, KeyObject>();
  for (const [id, secret] of Object.entries(keys)) ready.set(id, signingKey(id, secret));
  if (ready.size === 0) throw new CdnError("INVALID_OPTION", "signedUrls needs at least one key");
  const cookie = setCookie === false ? undefined : ((setCookie === true ? undefined : setCookie.name) ?? TOKEN_COOKIE);
  const places: TokenPlaces = options.places ?? { path: true, query: TOKEN_PARAM };
  return createTokenGuard({
    ...options,
    places: cookie === undefined ? places : { cookie, ...places },
    verify: (token) => readToken(token, ready),
    refusals: {
      TOKEN_MISSING: FORBIDDEN,
      TOKEN_INVALID: FORBIDDEN,
      TOKEN_EXPIRED: FORBIDDEN,
      TOKEN_NOT_YET_VALID: FORBIDDEN,
      PATH_NOT_GRANTED: FORBIDDEN,
      ADDRESS_NOT_GRANTED: FORBIDDEN,
      KEYS_UNREACHABLE: { status: 503 },
      GUARD_BUSY: { status: 503 },
    },
  });
}
