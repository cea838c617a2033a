/** The index against a Map. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { DiskIndex, type Place } from "./disk-index.ts";

// Few hashes, in few buckets, so that chains are long and entries replace each other.
const hash = fc.record({ a: fc.constantFrom(0, 1, 256, 0xffff_ff00), b: fc.nat(3).map((n) => n * 16) });
const place = fc
  .record({
    volume: fc.integer({ min: 5000, max: 5006 }),
    offset: fc.integer({ min: 0, max: 0xffff_ffff }),
    readBytes: fc.integer({ min: 0, max: 0xffff_ffff }),
    whole: fc.boolean(),
    span: fc.nat(3),
  })
  .map((each): Place => each);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("set" as const), hash, place }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("hit" as const), hash }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("remove" as const), hash }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("drop" as const), volume: fc.integer({ min: 5000, max: 5006 }) }),
  },
);

test("finds what was set last, until it is removed or the oldest volume that it needs is", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const index = new DiskIndex();
      const model = new Map<string, { place: Place; hits: number }>();
      for (const each of steps) {
        if (each.do === "drop") {
          const ids = index.idsOf(each.volume);
          const gone = [...model].filter(([, { place }]) => place.volume - place.span === each.volume);
          expect(ids.length).toBe(gone.length);
          for (const id of ids) index.remove(id);
          for (const [key] of gone) model.delete(key);
        } else {
          const key = `${each.hash.a} ${each.hash.b}`;
          const id = index.find(each.hash);
          expect(id !== 0).toBe(model.has(key));
          if (each.do === "set") {
            index.set(each.hash, each.place);
            model.set(key, { place: each.place, hits: 0 });
          } else if (id !== 0 && each.do === "hit") {
            expect(index.hit(id)).toBe(++model.get(key)!.hits);
          } else if (id !== 0) {
            index.remove(id);
            model.delete(key);
          }
        }
        expect(index.size).toBe(model.size);
      }
      for (const [key, { place, hits }] of model) {
        const [a, b] = key.split(" ").map(Number);
        const id = index.find({ a: a!, b: b! });
        expect(index.placeOf(id)).toEqual(place);
        expect(index.hitsOf(id)).toBe(hits);
        expect(index.findAt({ a: a!, b: b! }, place)).toBe(id);
        expect(index.findAt({ a: a!, b: b! }, { ...place, volume: place.volume + 1 })).toBe(0);
      }
    }),
  );
});

test("stops counting hits at 255, and spills none into the place", () => {
  const index = new DiskIndex();
  const at = { volume: 4095, offset: 1, readBytes: 2, whole: true, span: 1023 };
  index.set({ a: 1, b: 2 }, at);
  const id = index.find({ a: 1, b: 2 });
  for (let hit = 0; hit < 300; hit += 1) index.hit(id);
  expect(index.hitsOf(id)).toBe(255);
  expect(index.placeOf(id)).toEqual(at);
});

test("takes at most 44 bytes for an entry, however many there are", () => {
  const index = new DiskIndex();
  let state = 1;
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state;
  };
  for (let entry = 0; entry < 200_000; entry += 1) {
    const a = (next() ^ (next() >>> 16)) >>> 0;
    index.set(
      { a, b: (next() ^ (next() >>> 16)) >>> 0 },
      { volume: 1, offset: entry, readBytes: 1, whole: true, span: 0 },
    );
  }
  expect(index.bytes / index.size).toBeLessThan(44);
});
