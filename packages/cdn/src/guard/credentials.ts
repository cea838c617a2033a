/** Lets pages of named sites send cookies along: what `Access-Control-Allow-Origin: *` does not. */

import { CdnError } from "../errors.ts";
import type { RawRequest, RawResponse } from "../handler/raw.ts";
import { atLeast0, checkOptions, listOf, required, text } from "../options/check-options.ts";
import { createGuard, type Guard } from "./guard.ts";

/** Options of {@link allowCredentials}. */
export interface CredentialsOptions {
  /** Sites as browsers write them: `https://tv.example`, with a port where it is not the scheme's own. No wildcards: cookies are at stake. */
  readonly origins: readonly string[];
  /** Seconds that a browser keeps the answer to a preflight. Default 86,400. */
  readonly maxAge?: number;
}

const FIELD_NAMES = /^[\w!#$%&'*+.^`|~-]+(?:\s*,\s*[\w!#$%&'*+.^`|~-]+)*$/;

/**
 * Makes answers readable for scripts that ask with cookies (`fetch` with `credentials: "include"`, `xhr.withCredentials`), from the sites
 * given: it says their name where the handler says `*`, and answers their preflights. Put it in front of the other guards, so that their
 * refusals can be read, too.
 *
 * @throws {CdnError} `INVALID_OPTION`.
 */
export function allowCredentials(options: CredentialsOptions): Guard {
  checkOptions("allowCredentials", options, { origins: required(listOf(text)), maxAge: atLeast0("seconds") });
  const { origins, maxAge = 86_400 } = options;
  for (const origin of origins) {
    if (URL.canParse(origin) && new URL(origin).origin === origin) continue;
    throw new CdnError("INVALID_OPTION", `${JSON.stringify(origin)} is no origin such as https://tv.example`);
  }
  const sites = new Set(origins);
  /** What was made of the same array before: so that a cached hit stays the same array, which the server knows the bytes of. */
  const known = new WeakMap<readonly string[], Map<string, readonly string[]>>();

  const headersFor = (headers: readonly string[], site: string): readonly string[] => {
    let made = known.get(headers);
    if (made === undefined) {
      made = new Map();
      known.set(headers, made);
    }
    let own = made.get(site);
    if (own === undefined) {
      own = withCredentials(headers, site);
      made.set(site, own);
    }
    return own;
  };
  return createGuard((next) => (request) => {
    const site = request.headers.origin;
    if (site === undefined || !sites.has(site)) return next(request);
    if (isPreflight(request)) return preflight(request, site, maxAge);
    const change = (answer: RawResponse): RawResponse => ({ ...answer, headers: headersFor(answer.headers, site) });
    const answer = next(request);
    return answer instanceof Promise ? answer.then(change) : change(answer);
  });
}

function isPreflight({ method, headers }: RawRequest): boolean {
  return method === "OPTIONS" && headers["access-control-request-method"] !== undefined;
}

function preflight({ headers }: RawRequest, site: string, maxAge: number): RawResponse {
  const asked = headers["access-control-request-headers"];
  const fields = asked !== undefined && FIELD_NAMES.test(asked) ? ["access-control-allow-headers", asked] : [];
  return {
    status: 204,
    headers: [
      "access-control-allow-origin",
      site,
      "access-control-allow-credentials",
      "true",
      "access-control-allow-methods",
      "GET, HEAD, OPTIONS",
      ...fields,
      "access-control-max-age",
      String(maxAge),
      "vary",
      "Origin, Access-Control-Request-Headers",
    ],
    body: null,
  };
}

function withCredentials(headers: readonly string[], site: string): readonly string[] {
  const fields: string[] = [];
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]!;
    if (name !== "access-control-allow-origin" && name !== "access-control-allow-credentials") {
      fields.push(name, headers[at + 1]!);
    }
  }
  fields.push("access-control-allow-origin", site, "access-control-allow-credentials", "true", "vary", "Origin");
  return fields;
}
