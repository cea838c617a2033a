/** Which peer holds a key, who does when it is gone, and how many requests one may get. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { capacity, choose, MIN_LOAD, nextHop, PeerRing } from "./peer-ring.ts";

const nodes = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 24 });
const keys = fc.array(fc.string(), { minLength: 1, maxLength: 50 });
const everyone = (): boolean => true;

test("each of sixteen nodes holds its share, give or take a twentieth", () => {
  const ring = new PeerRing(Array.from({ length: 16 }, (_, index) => `edge-${index}`));
  const counts = new Array<number>(16).fill(0);
  for (let turn = 0; turn < 160_000; turn += 1) counts[ring.owner(`/live/s${turn % 50}/v0/s0-${turn}.m4s`)]! += 1;
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
});

test("property: a node that goes takes only its own keys along, and they go to the next in their order", () => {
  fc.assert(
    fc.property(nodes, fc.nat(), keys, (names, gone, targets) => {
      fc.pre(names.length > 1);
      const leaver = gone % names.length;
      const before = new PeerRing(names);
      const after = new PeerRing(names.filter((_, at) => at !== leaver));
      for (const target of targets) {
        const [first, second] = before.order(target);
        expect(before.owner(target)).toBe(first);
        expect(after.names[after.owner(target)]).toBe(names[first === leaver ? second! : first!]);
      }
    }),
  );
});

test("property: whatever others they know, and however they list them, all rank any two alike", () => {
  fc.assert(
    fc.property(nodes, fc.array(fc.boolean()), keys, (names, known, targets) => {
      const some = names.filter((_, at) => known[at] !== false).reverse();
      const [all, few] = [new PeerRing(names), new PeerRing(some)];
      for (const target of targets) {
        const ranked = all.order(target).map((at) => names[at]!);
        expect(few.order(target).map((at) => some[at])).toEqual(ranked.filter((name) => some.includes(name)));
      }
    }),
  );
});

test("property: nobody gets more than the factor times the average, or the few that anybody may have", () => {
  const event = fc.record({ key: fc.string(), ends: fc.nat() });
  fc.assert(
    fc.property(
      nodes,
      fc.array(event, { maxLength: 300 }),
      fc.double({ min: 1.01, max: 4, noNaN: true }),
      fc.constantFrom(0, MIN_LOAD),
      fc.array(fc.boolean()),
      (names, events, factor, minLoad, isOut) => {
        const ring = new PeerRing(names);
        const takesPart = (node: number): boolean => isOut[node] !== true;
        const members = names.filter((_, at) => takesPart(at)).length;
        const loads = names.map(() => 0);
        const inFlight: number[] = [];
        for (const { key, ends } of events) {
          const order = ring.order(key);
          const node = choose(order, loads, takesPart, factor, minLoad);
          if (node === undefined) {
            expect(members).toBe(0);
            continue;
          }
          expect(takesPart(node)).toBe(true);
          loads[node]! += 1;
          inFlight.push(node);
          const average = inFlight.length / members;
          expect(loads[node]!).toBeLessThanOrEqual(Math.max(minLoad, Math.ceil(factor * average)));
          // Who comes before in the order is full.
          for (const before of order.slice(0, order.indexOf(node)).filter(takesPart)) {
            expect(loads[before]!).toBeGreaterThanOrEqual(capacity(inFlight.length - 1, members, factor, minLoad));
          }
          if (ends % 3 === 0) loads[inFlight.splice(ends % inFlight.length, 1)[0]!]! -= 1;
        }
      },
    ),
  );
});

test("property: requests that are sent on never come back, whoever each thinks is out or busy", () => {
  fc.assert(
    fc.property(nodes, keys, fc.infiniteStream(fc.nat({ max: 40 })), fc.nat(), (names, targets, random, start) => {
      const ring = new PeerRing(names);
      for (const target of targets) {
        const order = ring.order(target);
        const seen = new Set<number>();
        let at: number | undefined = start % names.length;
        while (at !== undefined) {
          expect(seen.has(at)).toBe(false);
          seen.add(at);
          const loads = names.map(() => random.next().value!);
          const out = names.map(() => random.next().value! % 2 === 0);
          at = nextHop(order, at, loads, (node) => !out[node], 1.25);
        }
      }
    }),
  );
});

test("few requests stay where their keys are, however unevenly", () => {
  const ring = new PeerRing(["a", "b", "c", "d"]);
  const order = ring.order("/hot");
  const loads = [0, 0, 0, 0];
  for (let turn = 0; turn < MIN_LOAD; turn += 1) {
    expect(choose(order, loads, everyone, 1.25)).toBe(order[0]);
    loads[order[0]!]! += 1;
  }
  expect(choose(order, loads, everyone, 1.25)).toBe(order[1]);
});

test("two of the same name are refused", () => {
  expect(() => new PeerRing(["a", "a"])).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
});
