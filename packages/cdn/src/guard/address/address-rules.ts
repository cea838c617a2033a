/** Lets addresses in, or keeps them out. */

import type { Connection } from "../../handler/fetch-handler.ts";
import { checkOptions, listOf, text } from "../../options/check-options.ts";
import { createGuard, type Guard } from "../guard.ts";
import { createRefusal } from "../refusal.ts";
import { createCidrSet } from "./cidr-set.ts";
import { addressOf, type ClientAddress } from "./client-address.ts";

/** Options of {@link addressRules}. */
export interface AddressRulesOptions {
  /** Networks and addresses that may ask; all others may not. Default: everybody. */
  readonly allow?: readonly string[];
  /** Networks and addresses that may not, even where `allow` has them. */
  readonly deny?: readonly string[];
}

/**
 * Allow and deny lists in CIDR notation. Each connection is looked up once. Refusals are `403` `ADDRESS_DENIED`. A request whose address
 * nobody knows passes unless there is an `allow` list.
 *
 * @throws {CdnError} `INVALID_OPTION`.
 */
export function addressRules(options: AddressRulesOptions): Guard {
  checkOptions("addressRules", options, { allow: listOf(text), deny: listOf(text) });
  const { allow, deny = [] } = options;
  const allowed = allow && createCidrSet(allow);
  const denied = createCidrSet(deny);
  const refuse = createRefusal({ status: 403, code: "ADDRESS_DENIED", message: "this address may not ask here" });
  const known = new WeakMap<Connection, boolean>();
  const judge = (address: ClientAddress | undefined): boolean => {
    if (address === undefined) return allowed === undefined;
    return !denied.has(address) && allowed?.has(address) !== false;
  };
  return createGuard((next) => (request) => {
    const { connection } = request;
    let passes = connection && known.get(connection);
    if (passes === undefined) {
      passes = judge(addressOf(request));
      if (connection !== undefined) known.set(connection, passes);
    }
    return passes ? next(request) : refuse();
  });
}
