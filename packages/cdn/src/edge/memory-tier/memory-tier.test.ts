/** The memory tier, with either eviction: bounded in bytes, and not to be scanned empty. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createLru, createOurs, type Policy } from "../../../bench/eviction/policies.ts";
import { liveTrace, type Trace, zipfTrace } from "../../../bench/eviction/traces.ts";
import type { MemoryTier, Sized } from "./memory-tier.ts";
import { createS3FifoTier } from "./s3-fifo.ts";
import { createTinyLfuTier } from "./tiny-lfu.ts";

type CreateTier = <Entry extends Sized>(maxBytes: number) => MemoryTier<Entry>;

const TIERS: [name: string, create: CreateTier][] = [
  ["W-TinyLFU", (maxBytes) => createTinyLfuTier(maxBytes, { seed: 1 })],
  ["S3-FIFO", createS3FifoTier],
];

describe.each(TIERS)("%s", (_name, create) => {
  test("never holds more than its bytes, and counts right, whatever is done to it", () => {
    const key = fc.nat(20).map(String);
    const step = fc.oneof(
      fc.record({ do: fc.constant("set" as const), key, size: fc.integer({ min: 1, max: 60 }) }),
      fc.record({ do: fc.constant("get" as const), key }),
      fc.record({ do: fc.constant("delete" as const), key }),
      fc.record({ do: fc.constant("reserve" as const), size: fc.integer({ min: 1, max: 60 }) }),
      fc.record({ do: fc.constant("resize" as const), size: fc.integer({ min: 1, max: 200 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const tier = create<{ size: number; key: string }>(100);
        let reserved = 0;
        for (const each of steps) {
          if (each.do === "set") {
            const stored = tier.set(each.key, each);
            expect(tier.get(each.key)).toBe(stored ? each : undefined);
          } else if (each.do === "get") {
            const found = tier.get(each.key);
            if (found !== undefined) expect(found.key).toBe(each.key);
          } else if (each.do === "delete") {
            tier.delete(each.key);
            expect(tier.get(each.key)).toBeUndefined();
          } else if (each.do === "resize") {
            tier.resize(each.size);
            expect(tier.maxBytes).toBe(each.size);
          } else if (tier.reserve(each.size)) reserved += each.size;
          // What is reserved cannot leave when the tier shrinks.
          expect(tier.bytes).toBeLessThanOrEqual(Math.max(tier.maxBytes, reserved));
        }
        tier.release(reserved);
        let bytes = 0;
        let entries = 0;
        for (let name = 0; name <= 20; name += 1) {
          const found = tier.get(String(name));
          if (found === undefined) continue;
          bytes += found.size;
          entries += 1;
        }
        expect(tier).toMatchObject({ bytes, entries });
      }),
    );
  });

  test("two hundred thousand objects leave within a moment, each as easily as the first", () => {
    const count = 200_000;
    const tier = create<{ size: number }>(count);
    for (let name = 0; name < count; name += 1) {
      tier.set(`object-${name}`, { size: 1 });
      tier.get(`object-${name}`);
      tier.get(`object-${name}`);
    }
    const started = performance.now();
    tier.resize(1);
    // It takes a quarter of a second. Where each had to pass over the gaps of all that left before, it took more than ten.
    expect(performance.now() - started).toBeLessThan(5_000);
    expect(tier.entries).toBeLessThanOrEqual(1);
  });

  test("a scan of objects asked for once does not push out what is asked for again and again", () => {
    const tier = create<{ size: number }>(1000);
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
    const tier = create<{ size: number }>(100);
    tier.set("small", { size: 10 });
    expect(tier.set("large", { size: 101 })).toBe(false);
    expect(tier.reserve(101)).toBe(false);
    expect(tier.get("small")).toBeDefined();
  });

  test("an entry that left while it was being sent counts until it is sent, and nothing takes its room before", () => {
    const tier = create<{ size: number; whenUnused?: (then: () => void) => boolean }>(100);
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
});

test("an object that was evicted and is asked for again goes straight to the main queue", () => {
  const tier = createS3FifoTier<{ size: number }>(100);
  for (let name = 0; name < 20; name += 1) tier.set(String(name), { size: 10 });
  expect(tier.get("0")).toBeUndefined();
  tier.set("0", { size: 10 });
  for (let name = 100; name < 120; name += 1) tier.set(String(name), { size: 10 });
  expect(tier.get("0")).toBeDefined();
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
  const catalog = zipfTrace();
  const ours = hitRatio(createOurs(catalog.cacheBytes), catalog, 100_000);
  expect(ours).toBeGreaterThan(hitRatio(createLru(catalog.cacheBytes), catalog, 100_000) + 0.1);
  const live = liveTrace();
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
