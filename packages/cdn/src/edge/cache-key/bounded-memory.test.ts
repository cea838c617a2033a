/** Bounded in entries and in the length of their keys, which clients choose. */

import { expect, test } from "vitest";
import { BoundedMemory } from "./bounded-memory.ts";

test("many keys push out the oldest, one that is set again is the newest", () => {
  const memory = new BoundedMemory<number>();
  for (let name = 0; name < 16_384; name += 1) memory.set(`${name}`, name);
  memory.set("0", -1);
  memory.set("new", 1);
  expect([memory.get("0"), memory.get("1"), memory.get("2"), memory.size]).toEqual([-1, undefined, 2, 16_384]);
});

test("long keys push out as many as they need room for", () => {
  const memory = new BoundedMemory<number>();
  const key = (name: number): string => `${name}`.padStart(8192, "x");
  for (let name = 0; name < 1000; name += 1) memory.set(key(name), name);
  expect(memory.size).toBe(512);
  expect([memory.get(key(487)), memory.get(key(488))]).toEqual([undefined, 488]);
  for (let name = 0; name < 1000; name += 1) memory.delete(key(name));
  memory.set("x".repeat(5 * 1024 * 1024), 1);
  expect(memory.size).toBe(0);
});
