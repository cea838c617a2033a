/** Ranges as RFC 9110 §14 has them, and as attackers write them. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { parseRange, resolveRange } from "./range.ts";

test.each([
  [undefined, 10, { start: 0, end: 10 }],
  ["bytes=0-0", 10, { start: 0, end: 1 }],
  ["bytes=2-5", 10, { start: 2, end: 6 }],
  ["bytes=2-", 10, { start: 2, end: 10 }],
  ["bytes=-3", 10, { start: 7, end: 10 }],
  ["bytes=-30", 10, { start: 0, end: 10 }],
  ["bytes=5-99999999999999999999", 10, { start: 5, end: 10 }],
  ["Bytes = 1-2", 10, { start: 1, end: 3 }],
  ["bytes=0-1,2-3", 10, { start: 0, end: 4 }],
  ["bytes=4-6, 0-5", 10, { start: 0, end: 7 }],
  ["bytes=0-1,8-9", 10, { start: 0, end: 10 }],
  ["seconds=1-2", 10, { start: 0, end: 10 }],
  ["bytes=10-", 10, null],
  ["bytes=-0", 10, null],
  ["bytes=0-", 0, null],
  ["bytes=5-2", 10, null],
  ["bytes=", 10, null],
  ["bytes=-", 10, null],
  ["bytes=a-b", 10, null],
  ["bytes=1-2-3", 10, null],
  ["bytes 1-2", 10, null],
  [`bytes=${Array.from({ length: 100 }, (_, at) => `${at * 2}-${at * 2}`).join(",")}`, 1000, null],
])("%s of %i bytes", (field, size, range) => {
  expect(resolveRange(parseRange(field), size)).toEqual(range);
});

test("whatever is asked, what is answered lies in the object", () => {
  const spec = fc.oneof(
    fc.tuple(fc.nat(), fc.nat()).map(([a, b]) => `${a}-${b}`),
    fc.nat().map((a) => `${a}-`),
    fc.nat().map((a) => `-${a}`),
    fc.string({ maxLength: 6 }),
  );
  fc.assert(
    fc.property(fc.array(spec, { minLength: 1, maxLength: 20 }), fc.nat(), (specs, size) => {
      const range = resolveRange(parseRange(`bytes=${specs.join(",")}`), size);
      if (range === null) return;
      expect(range.start).toBeGreaterThanOrEqual(0);
      expect(range.end).toBeLessThanOrEqual(size);
      if (size > 0) expect(range.end).toBeGreaterThan(range.start);
    }),
  );
});
