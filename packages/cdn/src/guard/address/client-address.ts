/** Who asks, as numbers: what address rules compare and rate limits count by. */

import ipaddr from "ipaddr.js";
import type { Connection } from "../../handler/fetch-handler.ts";
import type { RawRequest } from "../../handler/raw.ts";

/** An IP address. IPv4-mapped IPv6 (RFC 4291 §2.5.5.2) is IPv4. */
export interface ClientAddress {
  readonly family: 4 | 6;
  /** The most significant first; of IPv4 there is one, in `word3`. */
  readonly word0: number;
  readonly word1: number;
  readonly word2: number;
  readonly word3: number;
}

/** The textual form that RFC 5952 recommends, and dotted decimal. */
export function formatAddress({ family, word0, word1, word2, word3 }: ClientAddress): string {
  const bytes = (family === 4 ? [word3] : [word0, word1, word2, word3]).flatMap((word) => [
    word >>> 24,
    (word >>> 16) & 255,
    (word >>> 8) & 255,
    word & 255,
  ]);
  const address = ipaddr.fromByteArray(bytes);
  return address instanceof ipaddr.IPv6 ? address.toRFC5952String() : address.toString();
}

/** An address as sockets and header fields write it: IPv4 only as four decimal numbers, IPv6 with or without a zone. */
export function parseAddress(text: string): ClientAddress | undefined {
  if (text.length > 64) return undefined;
  if (!text.includes(":"))
    return ipaddr.IPv4.isValidFourPartDecimal(text) ? numbersOf(ipaddr.IPv4.parse(text)) : undefined;
  return ipaddr.IPv6.isValid(text) ? numbersOf(ipaddr.IPv6.parse(text)) : undefined;
}

function numbersOf(address: ipaddr.IPv4 | ipaddr.IPv6): ClientAddress {
  if (address instanceof ipaddr.IPv4) return ipv4(address);
  if (address.isIPv4MappedAddress()) return ipv4(address.toIPv4Address());
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = address.parts;
  return { family: 6, word0: word(a, b), word1: word(c, d), word2: word(e, f), word3: word(g, h) };
}

function ipv4({ octets: [a = 0, b = 0, c = 0, d = 0] }: ipaddr.IPv4): ClientAddress {
  return { family: 4, word0: 0, word1: 0, word2: 0, word3: word((a << 8) | b, (c << 8) | d) };
}

function word(high: number, low: number): number {
  return ((high << 16) | low) >>> 0;
}

/** Parsed once per connection. */
const known = new WeakMap<Connection, ClientAddress | "none">();

/** Address of whoever asks; undefined where nobody says, as with a handler that is called in the process. */
export function addressOf({ connection }: Pick<RawRequest, "connection">): ClientAddress | undefined {
  if (connection === undefined) return undefined;
  let address = known.get(connection);
  if (address === undefined) {
    address = parseAddress(connection.remoteAddress) ?? "none";
    known.set(connection, address);
  }
  return address === "none" ? undefined : address;
}
