/** A set of networks, asked by binary search. */

import { CdnError } from "../../errors.ts";
import { type ClientAddress, parseAddress } from "./client-address.ts";

/** Networks, as sorted ranges that do not touch: 8 bytes each of IPv4, 32 of IPv6. */
export interface CidrSet {
  has(address: ClientAddress): boolean;
  /** Bytes of the ranges. */
  readonly bytes: number;
}

interface Range {
  readonly first: bigint;
  readonly last: bigint;
}

/**
 * A set of networks in CIDR notation (RFC 4632, RFC 4291 §2.3) and single addresses: `10.0.0.0/8`, `2001:db8::/32`, `192.0.2.7`. A network
 * of IPv4-mapped IPv6 addresses, `::ffff:10.0.0.0/104`, is one of IPv4. Bits after the prefix do not count.
 *
 * @throws {CdnError} `INVALID_OPTION`.
 */
export function createCidrSet(cidrs: readonly string[]): CidrSet {
  const ipv4: Range[] = [];
  const ipv6: Range[] = [];
  for (const cidr of cidrs) {
    const { family, range } = parseCidr(cidr);
    (family === 4 ? ipv4 : ipv6).push(range);
  }
  const four = merge(ipv4);
  const six = merge(ipv6);
  const starts = Uint32Array.from(four, ({ first }) => Number(first));
  const ends = Uint32Array.from(four, ({ last }) => Number(last));
  const wideStarts = wordsOf(six.map(({ first }) => first));
  const wideEnds = wordsOf(six.map(({ last }) => last));
  return {
    bytes: starts.byteLength * 2 + wideStarts.byteLength * 2,
    has: (address) =>
      address.family === 4 ? hasNarrow(starts, ends, address.word3) : hasWide(wideStarts, wideEnds, address),
  };
}

function parseCidr(cidr: string): { family: 4 | 6; range: Range } {
  const slash = cidr.indexOf("/");
  const address = parseAddress(slash === -1 ? cidr : cidr.slice(0, slash));
  const digits = slash === -1 ? undefined : cidr.slice(slash + 1);
  const isWritten4 = !cidr.includes(":");
  const width = isWritten4 ? 32 : 128;
  if (address === undefined || (digits !== undefined && !(/^\d{1,3}$/.test(digits) && Number(digits) <= width))) {
    throw new CdnError("INVALID_OPTION", `${JSON.stringify(cidr)} is no network such as 192.0.2.0/24 or 2001:db8::/32`);
  }
  const prefix = digits === undefined ? width : Number(digits);
  if (address.family === 6 || isWritten4) return { family: address.family, range: rangeOf(address, prefix) };
  // Written as IPv6, of addresses that are IPv4.
  if (prefix >= 96) return { family: 4, range: rangeOf(address, prefix - 96) };
  throw new CdnError(
    "INVALID_OPTION",
    `${JSON.stringify(cidr)} has more than the IPv4-mapped addresses: name them apart`,
  );
}

function rangeOf(address: ClientAddress, prefix: number): Range {
  const width = address.family === 4 ? 32n : 128n;
  const value =
    (BigInt(address.word0) << 96n) |
    (BigInt(address.word1) << 64n) |
    (BigInt(address.word2) << 32n) |
    BigInt(address.word3);
  const rest = width - BigInt(prefix);
  const first = (value >> rest) << rest;
  return { first, last: first | ((1n << rest) - 1n) };
}

function merge(ranges: Range[]): Range[] {
  ranges.sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  const merged: Range[] = [];
  for (const range of ranges) {
    const before = merged.at(-1);
    if (before === undefined || range.first > before.last + 1n) merged.push(range);
    else if (range.last > before.last) merged[merged.length - 1] = { first: before.first, last: range.last };
  }
  return merged;
}

function wordsOf(values: readonly bigint[]): Uint32Array {
  const words = new Uint32Array(values.length * 4);
  for (const [at, value] of values.entries()) {
    for (let part = 0; part < 4; part += 1)
      words[at * 4 + part] = Number((value >> BigInt(96 - 32 * part)) & 0xffffffffn);
  }
  return words;
}

function hasNarrow(starts: Uint32Array, ends: Uint32Array, value: number): boolean {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (starts[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low > 0 && value <= ends[low - 1]!;
}

function hasWide(starts: Uint32Array, ends: Uint32Array, address: ClientAddress): boolean {
  let low = 0;
  let high = starts.length / 4;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(starts, middle, address) <= 0) low = middle + 1;
    else high = middle;
  }
  return low > 0 && compare(ends, low - 1, address) >= 0;
}

function compare(words: Uint32Array, index: number, { word0, word1, word2, word3 }: ClientAddress): number {
  const at = index * 4;
  return words[at]! - word0 || words[at + 1]! - word1 || words[at + 2]! - word2 || words[at + 3]! - word3;
}
