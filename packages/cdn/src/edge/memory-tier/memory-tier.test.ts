/** The memory tier: bounded in bytes, and not to be scanned empty. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { createLru, createOurs, type Policy } from "../../../bench/eviction/policies.ts";
import { liveTrace, type Trace, zipfTrace } from "../../../bench/eviction/traces.ts";
import type { Sized } from "./memory-tier.ts";
import { createTinyLfuTier } from "./tiny-lfu.ts";

/** Everything that can be done to a tier, with names and sizes that get into each other's way. */
const key = fc.nat(20).map(String);
const step = fc.oneof(
  fc.record({ do: fc.constant("set" as const), key, size: fc.integer({ min: 1, max: 60 }) }),
  fc.record({ do: fc.constant("get" as const), key }),
  fc.record({ do: fc.constant("delete" as const), key }),
  fc.record({ do: fc.constant("reserve" as const), size: fc.integer({ min: 1, max: 60 }) }),
  fc.record({ do: fc.constant("release" as const) }),
  fc.record({ do: fc.constant("resize" as const), size: fc.integer({ min: 1, max: 200 }) }),
);

interface Stored extends Sized {
  readonly key: string;
}

test("never holds more than its bytes, gives what was set, and tells of each entry that left once, whatever is done to it", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const held = new Map<string, Stored>();
      const tier = createTinyLfuTier<Stored>(100, {
        seed: 1,
        onEvict(name, entry, uses) {
          expect(held.get(name)).toBe(entry);
          expect(uses).toBeGreaterThan(0);
          held.delete(name);
        },
      });
      const reserved: number[] = [];
      let reservedBytes = 0;
      for (const each of steps) {
        if (each.do === "set") {
          // What it replaces is not evicted.
          held.delete(each.key);
          if (tier.set(each.key, each)) held.set(each.key, each);
          expect(tier.get(each.key)).toBe(held.get(each.key));
        } else if (each.do === "get") {
          expect(tier.get(each.key)).toBe(held.get(each.key));
        } else if (each.do === "delete") {
          expect(tier.delete(each.key)).toBe(held.delete(each.key));
          expect(tier.get(each.key)).toBeUndefined();
        } else if (each.do === "resize") {
          tier.resize(each.size);
          expect(tier.maxBytes).toBe(each.size);
        } else if (each.do === "release") {
          tier.release(reserved.pop() ?? 0);
        } else if (tier.reserve(each.size)) reserved.push(each.size);
        reservedBytes = reserved.reduce((sum, bytes) => sum + bytes, 0);
        let bytes = reservedBytes;
        for (const { size } of held.values()) bytes += size;
        expect(tier).toMatchObject({ bytes, entries: held.size });
        // What is reserved cannot leave when the tier shrinks.
        expect(bytes).toBeLessThanOrEqual(Math.max(tier.maxBytes, reservedBytes));
      }
      tier.clear();
      expect(tier).toMatchObject({ bytes: reservedBytes, entries: 0 });
    }),
  );
});

test("an entry that is set while another leaves is there: nothing evicts itself", () => {
  const evicted: string[] = [];
  const tier = createTinyLfuTier<Sized>(100, { seed: 1, onEvict: (name) => evicted.push(name) });
  for (let name = 0; name < 500; name += 1) {
    expect(tier.set(String(name), { size: 30 })).toBe(true);
    expect(tier.get(String(name))).toBeDefined();
  }
  expect(new Set(evicted).size).toBe(evicted.length);
  expect(evicted.length + tier.entries).toBe(500);
});

test("says of what it evicts about how often it was asked for", () => {
  const uses = new Map<string, number>();
  const tier = createTinyLfuTier<Sized>(1000, { seed: 1, onEvict: (name, _entry, count) => uses.set(name, count) });
  for (let name = 0; name < 10; name += 1) {
    tier.set(String(name), { size: 100 });
    for (let turn = 0; turn < name; turn += 1) tier.get(String(name));
  }
  tier.resize(1);
  expect([...uses].sort(([a], [b]) => Number(a) - Number(b))).toEqual(
    Array.from({ length: 10 }, (_, name) => [String(name), name + 1]),
  );
});

test("two hundred thousand objects leave within a moment, each as easily as the first", () => {
  const count = 200_000;
  const tier = createTinyLfuTier<Sized>(count, { seed: 1 });
  for (let name = 0; name < count; name += 1) {
    tier.set(`object-${name}`, { size: 1 });
    tier.get(`object-${name}`);
    tier.get(`object-${name}`);
  }
  const started = performance.now();
  tier.resize(1);
  // It takes a fraction of a second. Where each had to pass over the gaps of all that left before, it took more than ten.
  expect(performance.now() - started).toBeLessThan(5_000);
  expect(tier.entries).toBeLessThanOrEqual(1);
});

test("a scan of objects asked for once does not push out what is asked for again and again", () => {
  const tier = createTinyLfuTier<{ size: number }>(1000, { seed: 1 });
  for (let name = 0; name < 50; name += 1) {
    tier.set(`hot-${name}`, { size: 10 });
    tier.get(`hot-${name}`);
    tier.get(`hot-${name}`);
  }
  for (let name = 0; name < 10_000; name += 1) {
    tier.set(`once-${name}`, { size: 10 });
    if (name % 10 === 0) tier.get(`hot-${(name / 10) % 50}`);
  }
  let kept = 0;
  for (let name = 0; name < 50; name += 1) if (tier.get(`hot-${name}`) !== undefined) kept += 1;
  expect(kept).toBe(50);
});

test("an object that can never fit is refused, and nothing is evicted for it", () => {
  const tier = createTinyLfuTier<{ size: number }>(100, { seed: 1 });
  tier.set("small", { size: 10 });
  expect(tier.set("large", { size: 101 })).toBe(false);
  expect(tier.reserve(101)).toBe(false);
  expect(tier.get("small")).toBeDefined();
});

test("an entry that left while it was being sent counts until it is sent, and nothing takes its room before", () => {
  const tier = createTinyLfuTier<{ size: number; whenUnused?: (then: () => void) => boolean }>(100, { seed: 1 });
  const sent: (() => void)[] = [];
  tier.set("sending", { size: 60, whenUnused: (then) => sent.push(then) > 0 });
  expect(tier.set("large", { size: 90 })).toBe(false);
  expect(tier.get("sending")).toBeUndefined();
  expect(tier.bytes).toBe(60);
  expect(tier.reserve(41)).toBe(false);
  expect(tier.set("small", { size: 40 })).toBe(true);
  for (const each of sent) each();
  expect(tier.bytes).toBe(40);
  expect(tier.reserve(60)).toBe(true);
});

function hitRatio(policy: Policy, trace: Trace, requests: number): number {
  let hits = 0;
  let at = 0;
  for (const { key, size } of trace.requests()) {
    if (at === requests) break;
    at += 1;
    if (!policy.get(key)) policy.set(key, size);
    else if (at > requests / 2) hits += 1;
  }
  return hits / (requests / 2);
}

test("answers far more of a catalog than least recently used, and no less of live streams", () => {
  const catalog = zipfTrace({ seed: 31 });
  const ours = hitRatio(createOurs(catalog.cacheBytes), catalog, 100_000);
  expect(ours).toBeGreaterThan(hitRatio(createLru(catalog.cacheBytes), catalog, 100_000) + 0.1);
  const live = liveTrace({ seed: 31 });
  const lru = hitRatio(createLru(live.cacheBytes), live, 100_000);
  expect(hitRatio(createOurs(live.cacheBytes), live, 100_000)).toBeGreaterThan(lru - 0.01);
});

test("what arrives all the time does not push out what is asked for: room for it is kept", () => {
  const tier = createTinyLfuTier<Sized>(1000, { seed: 1 });
  for (let turn = 0; turn < 3; turn += 1) {
    for (let name = 0; name < 40; name += 1) {
      if (tier.get(`hot-${name}`) === undefined) tier.set(`hot-${name}`, { size: 10 });
    }
  }
  for (let name = 0; name < 5000; name += 1) {
    expect(tier.reserve(200)).toBe(true);
    tier.release(200);
    tier.set(`once-${name}`, { size: 200 });
    if (name % 10 === 0) tier.get(`hot-${(name / 10) % 40}`);
  }
  let kept = 0;
  for (let name = 0; name < 40; name += 1) if (tier.get(`hot-${name}`) !== undefined) kept += 1;
  expect(kept).toBe(40);
});
