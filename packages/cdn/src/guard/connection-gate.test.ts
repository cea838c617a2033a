import fc from "fast-check";
import { expect, test } from "vitest";
import { createConnectionGate } from "./connection-gate.ts";

test("an address may have as many connections as it may, and again as many when they are closed", () => {
  const gate = createConnectionGate({ perAddress: 2 });
  expect([1, 2, 3].map(() => gate.open("192.0.2.1"))).toEqual([true, true, false]);
  expect(gate.open("192.0.2.2")).toBe(true);
  gate.close("192.0.2.1");
  expect(gate.open("192.0.2.1")).toBe(true);
  expect(gate.open("::ffff:192.0.2.1")).toBe(false);
});

test("IPv6 is counted by /64, and never taken for IPv4", () => {
  const gate = createConnectionGate({ perAddress: 1 });
  expect(gate.open("2001:db8:0:1::1")).toBe(true);
  expect(gate.open("2001:db8:0:1:ffff::2")).toBe(false);
  expect(gate.open("2001:db8:0:2::1")).toBe(true);
  expect(gate.open("0:0:c000:201::1")).toBe(true);
  expect(gate.open("192.0.2.1")).toBe(true);
});

test("proxies in front, and addresses that nobody can read, may have as many as they like", () => {
  const gate = createConnectionGate({ perAddress: 1, exempt: ["10.0.0.0/8"] });
  for (const address of ["10.0.0.1", "10.0.0.1", "", ""]) expect(gate.open(address)).toBe(true);
  for (const address of ["10.0.0.1", "10.0.0.1", "never seen"]) gate.close(address);
  expect(gate.size).toBe(0);
});

test("another cap counts what is open already, of those who were exempt, too", () => {
  const gate = createConnectionGate({ perAddress: Number.POSITIVE_INFINITY, exempt: ["10.0.0.1"] });
  for (const address of ["10.0.0.1", "192.0.2.1", "192.0.2.1"]) expect(gate.open(address)).toBe(true);
  gate.update({ perAddress: 2, exempt: [] });
  expect([gate.open("192.0.2.1"), gate.open("10.0.0.1"), gate.open("10.0.0.1")]).toEqual([false, true, false]);
  gate.close("192.0.2.1");
  expect(gate.open("192.0.2.1")).toBe(true);
  expect(() => gate.update({ perAddress: 0 })).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
  expect(gate.open("192.0.2.1")).toBe(false);
});

test("with more addresses than it counts, those beyond are let in", () => {
  const gate = createConnectionGate({ perAddress: 1, maxAddresses: 2 });
  for (const address of ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.3"]) expect(gate.open(address)).toBe(true);
  expect(gate.size).toBe(2);
  expect(gate.open("192.0.2.1")).toBe(false);
});

test("property: it counts as a list of open connections does, and remembers nobody who has none", () => {
  const address = fc.constantFrom("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2");
  const step = fc.tuple(fc.boolean(), address);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 3 }), (steps, perAddress) => {
      const gate = createConnectionGate({ perAddress });
      const open: string[] = [];
      const group = (text: string) => text.replace("::ffff:", "").replace(/^(2001:db8)::.*/, "$1");
      for (const [opens, text] of steps) {
        const mine = open.filter((other) => group(other) === group(text));
        if (opens) {
          expect(gate.open(text)).toBe(mine.length < perAddress);
          if (mine.length < perAddress) open.push(text);
        } else if (mine.length > 0) {
          open.splice(open.indexOf(mine[0]!), 1);
          gate.close(text);
        }
      }
      expect(gate.size).toBe(new Set(open.map(group)).size);
    }),
  );
});
