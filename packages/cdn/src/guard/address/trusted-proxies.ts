/** Clients behind proxies: who they are is what the proxies say, where those are ours. */

import type { Connection } from "../../handler/fetch-handler.ts";
import type { RawRequest } from "../../handler/raw.ts";
import { trimField } from "../../http/fields.ts";
import { checkOptions, listOf, oneOf, required, text } from "../../options/check-options.ts";
import { createGuard, type Guard } from "../guard.ts";
import { PassedRequest } from "../passed-request.ts";
import { type CidrSet, createCidrSet } from "./cidr-set.ts";
import { addressOf, type ClientAddress, formatAddress, parseAddress } from "./client-address.ts";

/** Proxies in a row that are looked through. */
const MAX_PROXIES = 16;

/** Options of {@link trustProxies}. */
export interface TrustProxiesOptions {
  /** Addresses and networks of the proxies: `["10.0.0.0/8", "2001:db8::/32"]`. From anybody else the field means nothing. */
  readonly proxies: readonly string[];
  /** The field in which they say who asked. Only one: the other could come from the client. Default `x-forwarded-for`. */
  readonly header?: "x-forwarded-for" | "forwarded";
}

/**
 * Puts the client's address in the place of the proxy's, for everything behind it: so it goes in front of other guards.
 *
 * The field is read from its end, where the nearest proxy writes, for as long as it names proxies of ours; what is before that a client may
 * have made up.
 *
 * @throws {CdnError} `INVALID_OPTION`.
 */
export function trustProxies(options: TrustProxiesOptions): Guard {
  checkOptions("trustProxies", options, {
    proxies: required(listOf(text)),
    header: oneOf("x-forwarded-for", "forwarded"),
  });
  const { proxies, header = "x-forwarded-for" } = options;
  const trusted = createCidrSet(proxies);
  const hopsOf = header === "forwarded" ? forwardedHops : listedHops;
  /** The last field of each connection: a proxy uses one for many clients, but mostly for one after the other. */
  const known = new WeakMap<Connection, { readonly field: string; readonly client: Connection }>();

  const connectionOf = (request: RawRequest): Connection | undefined => {
    const { connection } = request;
    const field = request.headers[header];
    if (connection === undefined || field === undefined) return connection;
    const last = known.get(connection);
    if (last?.field === field) return last.client;
    const peer = addressOf(request);
    if (peer === undefined || !trusted.has(peer)) return connection;
    const address = clientOf(hopsOf(field), trusted);
    const client = address === undefined ? connection : { ...connection, remoteAddress: formatAddress(address) };
    known.set(connection, { field, client });
    return client;
  };
  return createGuard((next) => (request) => {
    const connection = connectionOf(request);
    return next(
      connection === undefined || connection === request.connection
        ? request
        : new PassedRequest(request, { connection }),
    );
  });
}

/** The last address that is no proxy of ours; where all are, the first. */
function clientOf(hops: readonly string[], trusted: CidrSet): ClientAddress | undefined {
  let client: ClientAddress | undefined;
  for (let at = hops.length - 1; at >= 0 && hops.length - at <= MAX_PROXIES; at -= 1) {
    const address = parseAddress(withoutPort(hops[at]!));
    // `unknown`, or something made up (RFC 7239 §6.2, §6.3): nobody knows who was before it.
    if (address === undefined) return client;
    client = address;
    if (!trusted.has(address)) return client;
  }
  return client;
}

function listedHops(field: string): readonly string[] {
  return field.split(",").map(trimField);
}

const FOR = /^for$/i;

/** Values of `for` (RFC 7239 §4); an element without one is a hop that nobody knows. */
function forwardedHops(field: string): readonly string[] {
  return splitOutsideQuotes(field, ",").map((element) => {
    for (const pair of splitOutsideQuotes(element, ";")) {
      const equals = pair.indexOf("=");
      if (equals !== -1 && FOR.test(trimField(pair.slice(0, equals))))
        return unquoted(trimField(pair.slice(equals + 1)));
    }
    return "";
  });
}

function splitOutsideQuotes(text: string, separator: string): string[] {
  const pieces: string[] = [];
  let start = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === "\\" && quoted) at += 1;
    else if (character === '"') quoted = !quoted;
    else if (character === separator && !quoted) {
      pieces.push(text.slice(start, at));
      start = at + 1;
    }
  }
  pieces.push(text.slice(start));
  return pieces;
}

function unquoted(value: string): string {
  return value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, "$1") : value;
}

/** `192.0.2.1:4711` and `[2001:db8::1]:4711` without the port. */
function withoutPort(hop: string): string {
  const bracketed = /^\[([^\]]*)\](?::\w+)?$/.exec(hop);
  if (bracketed !== null) return bracketed[1]!;
  return /^[\d.]+:\d+$/.test(hop) ? hop.slice(0, hop.indexOf(":")) : hop;
}
