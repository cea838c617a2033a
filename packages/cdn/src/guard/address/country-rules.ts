/** Lets countries in, or keeps them out. */

import { CdnError } from "../../errors.ts";
import type { Connection } from "../../handler/fetch-handler.ts";
import type { RawRequest } from "../../handler/raw.ts";
import { checkOptions, listOf, madeBy, oneOf, required, text } from "../../options/check-options.ts";
import { createGuard, type Guard } from "../guard.ts";
import { createRefusal } from "../refusal.ts";
import { addressOf } from "./client-address.ts";
import type { Countries } from "./countries.ts";

/** Options of {@link countryRules}. */
export interface CountryRulesOptions {
  /** See {@link openCountries}. */
  readonly countries: Countries;
  /** ISO 3166-1 codes of those that may ask; others may not. Default: all. */
  readonly allow?: readonly string[];
  /** Codes of those that may not. */
  readonly deny?: readonly string[];
  /** Addresses whose country nobody knows, private ones among them. Default `allow`. */
  readonly unknown?: "allow" | "deny";
}

/**
 * Allow and deny lists of countries. Each connection is looked up once. Refusals are `403` `COUNTRY_DENIED`: a `451` (RFC 7725) would have
 * to say whose demand it follows.
 *
 * @throws {CdnError} `INVALID_OPTION`.
 */
export function countryRules(options: CountryRulesOptions): Guard {
  checkOptions("countryRules", options, {
    countries: required(madeBy("openCountries", "of")),
    allow: listOf(text),
    deny: listOf(text),
    unknown: oneOf("allow", "deny"),
  });
  const { countries, allow, deny = [], unknown = "allow" } = options;
  const allowed = allow && codes(allow);
  const denied = codes(deny);
  const refuse = createRefusal({ status: 403, code: "COUNTRY_DENIED", message: "this is not shown in your country" });
  let known = new WeakMap<Connection, boolean>();
  let edition = countries.edition;

  const judge = (request: RawRequest): boolean => {
    const address = addressOf(request);
    const country = address && countries.of(address);
    if (country === undefined) return unknown === "allow";
    return !denied.has(country) && allowed?.has(country) !== false;
  };
  return createGuard((next) => (request) => {
    if (edition !== countries.edition) {
      edition = countries.edition;
      known = new WeakMap();
    }
    const { connection } = request;
    let passes = connection && known.get(connection);
    if (passes === undefined) {
      passes = judge(request);
      if (connection !== undefined) known.set(connection, passes);
    }
    return passes ? next(request) : refuse();
  });
}

function codes(list: readonly string[]): ReadonlySet<string> {
  return new Set(
    list.map((code) => {
      if (/^[a-z]{2}$/i.test(code)) return code.toUpperCase();
      throw new CdnError("INVALID_OPTION", `${JSON.stringify(code)} is no country code such as DE`);
    }),
  );
}
