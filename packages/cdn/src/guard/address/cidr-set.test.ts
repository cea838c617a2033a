import fc from "fast-check";
import ipaddr from "ipaddr.js";
import { expect, test } from "vitest";
import { createCidrSet } from "./cidr-set.ts";
import { formatAddress, parseAddress } from "./client-address.ts";

const word = fc.integer({ min: 0, max: 0xffff });
/** Few different bits, so that networks meet. */
const close = fc.tuple(
  fc.constantFrom(10, 11, 192),
  fc.constantFrom(0, 1, 128, 255),
  fc.constantFrom(0, 255),
  fc.nat(255),
);
const ipv4 = close.map((octets) => octets.join("."));
const ipv6 = fc
  .tuple(fc.constantFrom(0x2001, 0x2002, 0), fc.constantFrom(0, 0xdb8, 0xffff), word, fc.constantFrom(0, 0xffff), word)
  .map(
    ([a, b, c, d, e]) =>
      `${a.toString(16)}:${b.toString(16)}:0:0:0:${d.toString(16)}:${c.toString(16)}:${e.toString(16)}`,
  );
const cidr = fc.oneof(
  fc.tuple(ipv4, fc.integer({ min: 0, max: 32 })).map(([text, bits]) => `${text}/${bits}`),
  fc.tuple(ipv6, fc.integer({ min: 0, max: 128 })).map(([text, bits]) => `${text}/${bits}`),
  ipv4,
);

test("property: it has what any of its networks has, as ipaddr.js matches them one by one", () => {
  fc.assert(
    fc.property(fc.array(cidr, { maxLength: 20 }), fc.oneof(ipv4, ipv6), (cidrs, text) => {
      const naive = cidrs.filter((one) => !isMapped(one));
      const address = ipaddr.process(text);
      const expected = naive.some((one) => {
        const network = ipaddr.parseCIDR(one.includes("/") ? one : `${one}/32`);
        return network[0].kind() === address.kind() && address.match(network);
      });
      expect(createCidrSet(naive).has(parseAddress(text)!)).toBe(expected);
    }),
    { numRuns: 2000 },
  );
});

function isMapped(cidr: string): boolean {
  const address = ipaddr.parse(cidr.split("/")[0]!);
  return address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress();
}

test("IPv4 written as IPv6 is IPv4, in networks and in addresses", () => {
  const set = createCidrSet(["::ffff:10.0.0.0/104", "192.0.2.0/24"]);
  for (const text of [
    "10.1.2.3",
    "::ffff:10.1.2.3",
    "::ffff:a01:203",
    "192.0.2.255",
    "::FFFF:192.0.2.0",
    "::10.1.2.3",
  ]) {
    expect(set.has(parseAddress(text)!), text).toBe(true);
  }
  for (const text of ["11.0.0.0", "192.0.3.0", "64:ff9b::10.1.2.3"]) {
    expect(set.has(parseAddress(text)!), text).toBe(false);
  }
});

test("the ends of the address space belong to it", () => {
  for (const [cidr, inside] of [
    ["0.0.0.0/0", ["0.0.0.0", "255.255.255.255"]],
    ["255.255.255.255", ["255.255.255.255"]],
    ["::/0", ["::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]],
  ] as const) {
    for (const text of inside) expect(createCidrSet([cidr]).has(parseAddress(text)!), text).toBe(true);
  }
  expect(createCidrSet(["0.0.0.0/0"]).has(parseAddress("::1")!)).toBe(false);
  expect(createCidrSet([]).has(parseAddress("0.0.0.0")!)).toBe(false);
});

test("what is no network is refused, and what is no address is none", () => {
  for (const text of [
    "",
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0.0/-1",
    "10.0.0.0/8/8",
    "10.0.0",
    "010.0.0.1",
    "::/129",
    "a",
    "::ffff:0.0.0.0/95",
  ]) {
    expect(() => createCidrSet([text]), text).toThrow(/is no network|IPv4-mapped/);
  }
  for (const text of [
    "",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.256",
    "0x1.2.3.4",
    "1.2.3.4:80",
    "::g",
    "unknown",
    "1".repeat(100),
  ]) {
    expect(parseAddress(text), text).toBeUndefined();
  }
  expect(parseAddress("fe80::1%eth0")).toEqual(parseAddress("fe80::1"));
});

test("100,000 networks take less than a megabyte, and are asked by halving", () => {
  const cidrs = Array.from(
    { length: 100_000 },
    (_, at) => `${1 + (at >>> 14)}.${(at >>> 6) & 255}.${(at << 2) & 255}.0/25`,
  );
  const set = createCidrSet(cidrs);
  expect(set.bytes).toBeLessThanOrEqual(1_000_000);
  expect(set.has(parseAddress("3.7.4.127")!)).toBe(true);
  expect(set.has(parseAddress("3.7.4.128")!)).toBe(false);
  expect(set.has(parseAddress("3.7.5.0")!)).toBe(false);
});

test("addresses are written as RFC 5952 says", () => {
  for (const text of ["192.0.2.7", "2001:db8::1", "::", "fe80::1:0:0:1"]) {
    expect(formatAddress(parseAddress(text)!)).toBe(text);
  }
});

test("property: addresses are read as ipaddr.js reads them, but for IPv4 in anything else than four decimal numbers", () => {
  const piece = fc.constantFrom(
    "0",
    "1",
    "9",
    "25",
    "255",
    "256",
    ".",
    ":",
    "::",
    "ffff",
    "::ffff:",
    "a",
    "%1",
    "-",
    "01",
    " ",
  );
  const text = fc.oneof(
    fc.array(piece, { maxLength: 9 }).map((pieces) => pieces.join("")),
    fc.ipV4(),
    fc.ipV6(),
    fc.ipV4().map((ipv4) => `::ffff:${ipv4}`),
  );
  fc.assert(
    fc.property(text, (written) => {
      const isAddress = written.includes(":")
        ? ipaddr.IPv6.isValid(written)
        : ipaddr.IPv4.isValidFourPartDecimal(written) && !/(?:^|\.)0\d/.test(written);
      const read = parseAddress(written);
      expect(read !== undefined, written).toBe(isAddress);
      if (read === undefined) return;
      const expected = ipaddr.process(written);
      expect(formatAddress(read)).toBe(expected instanceof ipaddr.IPv6 ? rfc5952(expected) : expected.toString());
    }),
    { numRuns: 3000 },
  );
});

function rfc5952(address: ipaddr.IPv6): string {
  return new ipaddr.IPv6(address.parts).toRFC5952String();
}
