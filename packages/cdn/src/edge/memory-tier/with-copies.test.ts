/** Memory for what is held here, and for copies of what peers hold. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { createTinyLfuTier } from "./tiny-lfu.ts";
import { COPIES_SHARE, type Copyable, createTierWithCopies } from "./with-copies.ts";

const create = (maxBytes: number) => createTinyLfuTier<Copyable>(maxBytes);

test("copies have an eighth, however many there are, and push out nothing that is held here", () => {
  const tier = createTierWithCopies(8000, create);
  for (let at = 0; at < 70; at += 1) tier.set(`/held/${at}`, { size: 100, isCopy: false });
  for (let turn = 0; turn < 5000; turn += 1) {
    tier.set(`/copy/${turn % 500}`, { size: 100, isCopy: true });
    tier.get(`/copy/${turn % 500}`);
  }
  expect(tier.bytes).toBeLessThanOrEqual(8000);
  for (let at = 0; at < 70; at += 1) expect(tier.get(`/held/${at}`)).toBeDefined();
  expect(tier.entries).toBeLessThanOrEqual(80);
  // What is larger than their share is passed on.
  expect(tier.set("/large", { size: 8000 * COPIES_SHARE + 1, isCopy: true })).toBe(false);
});

test("property: a key is here once, as what it was set to last, and the bound holds", () => {
  const change = fc.record({
    key: fc.constantFrom(..."abcdef"),
    size: fc.integer({ min: 1, max: 300 }),
    isCopy: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(change), fc.integer({ min: 8, max: 4000 }), (changes, maxBytes) => {
      const tier = createTierWithCopies(2000, create);
      for (const { key, ...entry } of changes) {
        const isStored = tier.set(key, entry);
        if (!isStored) expect(tier.get(key)).toBeUndefined();
        else if (tier.get(key) !== undefined) expect(tier.get(key)).toBe(entry);
      }
      tier.resize(maxBytes);
      expect(tier.maxBytes).toBe(maxBytes);
      expect(tier.bytes).toBeLessThanOrEqual(maxBytes);
      for (const key of "abcdef") tier.delete(key);
      expect([tier.bytes, tier.entries]).toEqual([0, 0]);
    }),
  );
});
