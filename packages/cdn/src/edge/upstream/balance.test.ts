/** Who is asked first among equals. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { createOrder } from "./balance.ts";

const a = { name: "a", weight: 1, priority: 0 };
const b = { name: "b", weight: 1, priority: 0 };
const c = { name: "c", weight: 3, priority: 0 };
const backup = { name: "backup", weight: 1, priority: 1 };

const names = (members: { name: string }[]): string => members.map(({ name }) => name).join(" ");

test("by priority, as they are listed", () => {
  const order = createOrder([backup, a, b], "priority");
  expect([names(order("/1")), names(order("/2"))]).toEqual(["a b backup", "a b backup"]);
});

test("by weight, smoothly: no long runs of the heaviest", () => {
  const order = createOrder([a, b, c, backup], "weighted");
  const firsts = Array.from({ length: 10 }, () => order("/")[0]!.name).join("");
  expect(firsts).toBe("cacbccacbc");
  expect(order("/")).toHaveLength(4);
  expect(order("/").at(-1)).toBe(backup);
});

test("by hash, the same first for the same target, and each its share", () => {
  const order = createOrder([a, b, c], "hash");
  const counts = { a: 0, b: 0, c: 0 };
  for (let turn = 0; turn < 10_000; turn += 1) counts[order(`/vod/${turn}.m4s`)[0]!.name as "a"] += 1;
  for (const [name, share] of Object.entries({ a: 2_000, b: 2_000, c: 6_000 })) {
    expect(Math.abs(counts[name as "a"] - share)).toBeLessThan(200);
  }
  expect(names(order("/x"))).toBe(names(order("/x")));
});

test("property: however they are balanced, all are there once, and none before one of a better priority", () => {
  const member = fc.record({
    name: fc.string({ minLength: 1 }),
    weight: fc.integer({ min: 1, max: 10 }),
    priority: fc.integer({ min: 0, max: 3 }),
  });
  fc.assert(
    fc.property(
      fc.array(member, { minLength: 1, maxLength: 8 }),
      fc.constantFrom("priority" as const, "weighted" as const, "hash" as const),
      fc.array(fc.string()),
      (members, balance, targets) => {
        const order = createOrder(members, balance);
        for (const target of targets) {
          const ordered = order(target);
          expect(new Set(ordered)).toEqual(new Set(members));
          expect(ordered).toHaveLength(members.length);
          const priorities = ordered.map(({ priority }) => priority);
          expect(priorities).toEqual([...priorities].sort((one, other) => one - other));
        }
      },
    ),
  );
});

test("property: whoever leaves takes only its own keys along", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 10 }),
      fc.nat(),
      fc.array(fc.string(), { minLength: 1 }),
      (size, gone, keys) => {
        const members = Array.from({ length: size }, (_, index) => ({
          name: `cache-${index}`,
          weight: 1,
          priority: 0,
        }));
        const leaver = members[gone % size]!;
        const [before, after] = [
          createOrder(members, "hash"),
          createOrder(
            members.filter((m) => m !== leaver),
            "hash",
          ),
        ];
        for (const key of keys) {
          const [first, second] = before(key);
          expect(after(key)[0]).toBe(first === leaver ? second : first);
        }
      },
    ),
  );
});
