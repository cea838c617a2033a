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
  if (!text.includes(":")) return parseIpv4(text, 0);
  // What a socket for both families says of an IPv4 client.
  const mapped = text.startsWith("::ffff:") ? parseIpv4(text, 7) : undefined;
  return mapped ?? parseIpv6(text);
}

/** By hand, as it is done for every connection: a hundredth of what the library takes. */
function parseIpv4(text: string, start: number): ClientAddress | undefined {
  let value = 0;
  let octet = 0;
  let digits = 0;
  let dots = 0;
  for (let at = start; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0x2e) {
      if (digits === 0) return undefined;
      value = value * 256 + octet;
      octet = 0;
      digits = 0;
      dots += 1;
      continue;
    }
    // A zero in front would be octal to some.
    if (code < 0x30 || code > 0x39 || (digits > 0 && octet === 0)) return undefined;
    octet = octet * 10 + code - 0x30;
    digits += 1;
    if (octet > 255) return undefined;
  }
  if (dots !== 3 || digits === 0) return undefined;
  return { family: 4, word0: 0, word1: 0, word2: 0, word3: value * 256 + octet };
}

function parseIpv6(text: string): ClientAddress | undefined {
  let address: ipaddr.IPv6;
  try {
    address = ipaddr.IPv6.parse(text);
  } catch {
    return undefined;
  }
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = address.parts;
  if (address.isIPv4MappedAddress()) return { family: 4, word0: 0, word1: 0, word2: 0, word3: word(g, h) };
  return { family: 6, word0: word(a, b), word1: word(c, d), word2: word(e, f), word3: word(g, h) };
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
