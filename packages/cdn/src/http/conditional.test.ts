/** Preconditions in the order of RFC 9110 §13.2.2. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { evaluatePreconditions, formatHttpDate, ifRangeHolds, parseHttpDate } from "./conditional.ts";

const lastModified = Date.UTC(2026, 0, 2, 3, 4, 5);
const date = formatHttpDate(lastModified);
const later = formatHttpDate(lastModified + 1000);
const earlier = formatHttpDate(lastModified - 1000);

test.each([
  [{}, 200],
  [{ "if-none-match": '"a"' }, 304],
  [{ "if-none-match": 'W/"a"' }, 304],
  [{ "if-none-match": '"x", "a"' }, 304],
  [{ "if-none-match": "*" }, 304],
  [{ "if-none-match": '"x"' }, 200],
  [{ "if-none-match": '"x"', "if-modified-since": date }, 200],
  [{ "if-modified-since": date }, 304],
  [{ "if-modified-since": later }, 304],
  [{ "if-modified-since": earlier }, 200],
  [{ "if-modified-since": "yesterday" }, 200],
  [{ "if-match": '"a"' }, 200],
  [{ "if-match": 'W/"a"' }, 412],
  [{ "if-match": '"x"' }, 412],
  [{ "if-unmodified-since": earlier }, 412],
  [{ "if-unmodified-since": date }, 200],
])("%j gives %i", (headers, status) => {
  expect(evaluatePreconditions(headers, { etag: '"a"', lastModified })).toBe(status);
});

test("If-Range needs a strong match or the very date", () => {
  const validators = { etag: '"a"', lastModified };
  expect(ifRangeHolds({}, validators)).toBe(true);
  expect(ifRangeHolds({ "if-range": '"a"' }, validators)).toBe(true);
  expect(ifRangeHolds({ "if-range": 'W/"a"' }, validators)).toBe(false);
  expect(ifRangeHolds({ "if-range": '"b"' }, validators)).toBe(false);
  expect(ifRangeHolds({ "if-range": date }, validators)).toBe(true);
  expect(ifRangeHolds({ "if-range": later }, validators)).toBe(false);
  expect(ifRangeHolds({ "if-range": '"a"' }, { etag: 'W/"a"' })).toBe(false);
});

test("dates are read in all three forms, and nothing else is a date", () => {
  expect(parseHttpDate("Sun, 06 Nov 1994 08:49:37 GMT")).toBe(784111777000);
  expect(parseHttpDate("Sunday, 06-Nov-94 08:49:37 GMT")).toBe(784111777000);
  expect(parseHttpDate("Sun Nov  6 08:49:37 1994")).toBe(784111777000);
  expect(parseHttpDate("0")).toBeUndefined();
  expect(parseHttpDate("SUN, 06 nov 1994 08:49:37 gmt")).toBe(784111777000);
  for (const wrong of [
    "1994-11-06T08:49:37Z",
    "Sun, 06 Nov 1994 08:49:37 UTC",
    "Sun 06 Nov 1994 08:49:37 GMT",
    "Sun, 06  Nov 1994 08:49:37 GMT",
    "Sun, 06-Nov-1994 08:49:37 GMT",
    "Sun, 06 Nov 94 08:49:37 GMT",
    "Sun, 06 Nov 1994 8:49:37 GMT",
    "Sun, 06 Nov 1994 24:00:00 GMT",
    "Sun, 32 Nov 1994 08:49:37 GMT",
  ]) {
    expect(parseHttpDate(wrong), wrong).toBeUndefined();
  }
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4_102_444_800 }), (seconds) => {
      expect(parseHttpDate(formatHttpDate(seconds * 1000))).toBe(seconds * 1000);
    }),
  );
});
