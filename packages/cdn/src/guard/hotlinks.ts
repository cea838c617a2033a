/** Lets only pages of certain sites show what is here. */

import { CdnError } from "../errors.ts";
import type { RawRequest } from "../handler/raw.ts";
import { checkOptions, flag, listOf, required, text } from "../options/check-options.ts";
import { createGuard, type Guard } from "./guard.ts";
import { createRefusal } from "./refusal.ts";
import { Remembered } from "./remembered.ts";

/** Options of {@link hotlinks}. */
export interface HotlinksOptions {
  /**
   * Sites whose pages may show it: `tv.example`, `*.tv.example` (all below, not itself), `https://tv.example` (only that scheme),
   * `localhost:*` (any port). Without a port: the scheme's own.
   */
  readonly allow: readonly string[];
  /**
   * Requests that say no site: apps, downloads, an address that was typed, pages that keep their referrer to themselves. A browser that says
   * it asks for a page of another site (`Sec-Fetch-Site: cross-site`) is refused even so. Default true.
   */
  readonly allowEmpty?: boolean;
}

/** Characters. Longer ones are no site's. */
const MAX_ORIGIN_LENGTH = 300;
/** Sites that are remembered, in each of two generations. */
const MAX_SITES = 4096;

/**
 * Hotlink protection by `Origin`, else `Referer`, else `Sec-Fetch-Site` (what a page cannot make up, though any program can: signed URLs are
 * stronger). Pages of the edge's own site always pass. Refusals are `403` `HOTLINK_DENIED`.
 *
 * @throws {CdnError} `INVALID_OPTION`.
 */
export function hotlinks(options: HotlinksOptions): Guard {
  checkOptions("hotlinks", options, { allow: required(listOf(text)), allowEmpty: flag });
  const { allow, allowEmpty = true } = options;
  const patterns = allow.map(patternOf);
  const refuse = createRefusal({ status: 403, code: "HOTLINK_DENIED", message: "this site may not show this" });
  const known = new Remembered<boolean>(MAX_SITES);

  const isAllowed = (site: string): boolean => {
    let allowed = known.get(site);
    if (allowed === undefined) {
      allowed = site.length <= MAX_ORIGIN_LENGTH && matches(patterns, site);
      if (site.length <= MAX_ORIGIN_LENGTH) known.set(site, allowed);
    }
    return allowed;
  };
  const passes = ({ headers, origin }: RawRequest): boolean => {
    const relation = headers["sec-fetch-site"];
    if (relation === "same-origin") return true;
    const site = headers.origin ?? siteOf(headers.referer);
    // `null` is a page without a site: in a sandbox, or redirected to another.
    if (site !== undefined && site !== "null") return site === origin || isAllowed(site);
    return allowEmpty && relation !== "cross-site";
  };
  return createGuard((next) => (request) => (passes(request) ? next(request) : refuse()));
}

/** The site of a URL, as text; what cannot be one is given as it is, and matches nothing. */
function siteOf(referer: string | undefined): string | undefined {
  if (referer === undefined || referer === "") return undefined;
  const start = referer.indexOf("://");
  if (start === -1) return referer;
  for (let at = start + 3; at < referer.length; at += 1) {
    const code = referer.charCodeAt(at);
    if (code === 0x2f || code === 0x3f || code === 0x23 || code === 0x5c) return referer.slice(0, at);
  }
  return referer;
}

interface Pattern {
  /** With its colon; undefined: http and https. */
  readonly protocol: string | undefined;
  /** `tv.example`, or `.tv.example` for all below. */
  readonly host: string;
  /** Empty: the scheme's own; `*`: any. */
  readonly port: string;
}

const PATTERN = /^(?:(https?):\/\/)?(\*\.)?([\w.-]+|\[[\da-f:.]+\])(?::(\d{1,5}|\*))?$/i;

function patternOf(site: string): Pattern {
  const match = PATTERN.exec(site);
  if (match === null) {
    throw new CdnError(
      "INVALID_OPTION",
      `${JSON.stringify(site)} is no site such as tv.example or https://*.tv.example`,
    );
  }
  const [, scheme, wildcard, host = "", port = ""] = match;
  const protocol = scheme && `${scheme.toLowerCase()}:`;
  const isDefault = (protocol === "https:" && port === "443") || (protocol === "http:" && port === "80");
  return { protocol, host: `${wildcard === undefined ? "" : "."}${host.toLowerCase()}`, port: isDefault ? "" : port };
}

function matches(patterns: readonly Pattern[], site: string): boolean {
  if (!URL.canParse(site)) return false;
  const { protocol, hostname, port, username, password } = new URL(site);
  if ((protocol !== "http:" && protocol !== "https:") || username !== "" || password !== "") return false;
  return patterns.some(
    (pattern) =>
      (pattern.protocol === undefined || pattern.protocol === protocol) &&
      (pattern.port === "*" || pattern.port === port) &&
      (pattern.host.startsWith(".") ? hostname.endsWith(pattern.host) : hostname === pattern.host),
  );
}
