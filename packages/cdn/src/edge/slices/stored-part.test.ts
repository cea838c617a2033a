/** Which ranges a part can answer. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { parseRange, resolveRange } from "../../http/range.ts";
import { contentRangeOf, versionOf } from "./content-range.ts";
import { isConsistent, selectPart } from "./stored-part.ts";

const part = (range: string, body: string) => ({ headers: ["content-range", range], body: Buffer.from(body) });

test.each([
  ["bytes 0-4/10", { first: 0, last: 4, total: 10 }],
  ["BYTES 5-9/*", { first: 5, last: 9, total: undefined }],
  ["bytes 5-4/10", undefined],
  ["bytes 5-10/10", undefined],
  ["bytes */10", undefined],
  ["lines 0-4/10", undefined],
  ["bytes 0-4", undefined],
])("Content-Range: %s", (field, range) => {
  expect(contentRangeOf(["content-range", field])).toEqual(range);
});

test("a version is a strong tag, or a date a second before the answer's own where there is no tag", () => {
  const changed = "Thu, 01 Jan 2026 00:00:00 GMT";
  const version = (date: string): string | undefined => versionOf(["last-modified", changed, "date", date]);
  expect(versionOf(["etag", '"a"', "last-modified", "x"])).toBe('"a"');
  expect(versionOf(["etag", 'W/"a"', "last-modified", "x"])).toBeUndefined();
  expect(version("Thu, 01 Jan 2026 00:00:01 GMT")).toBe(changed);
  // It may have been changed again within that second.
  expect(version(changed)).toBeUndefined();
  expect(version("x")).toBeUndefined();
  expect(versionOf(["last-modified", changed])).toBeUndefined();
  expect(versionOf([])).toBeUndefined();
});

test("a part may lack the byte that an exclusive end would have, and no more", () => {
  const range = { first: 4, last: 9, total: 10 };
  expect([6, 5, 4, 7].map((bytes) => isConsistent(range, bytes))).toEqual([true, true, false, false]);
  expect(isConsistent({ first: 4, last: 4, total: 10 }, 0)).toBe(false);
});

test("what such a server means is answered as it means it", () => {
  const short = part("bytes 4-9/10", "01234");
  const texts = ["bytes=-5", "bytes=6-8", "bytes=6-", "bytes=-1"].map((field) => {
    const selected = selectPart(short, parseRange(field));
    return selected && short.body.subarray(selected.start, selected.end).toString();
  });
  expect(texts).toEqual(["01234", "234", "234", "4"]);
});

test("a part answers a range exactly when it has all of its bytes, and with those", () => {
  const object = Buffer.from("abcdefghijklmnopqrstuvwxyz");
  const asked = fc.oneof(
    fc.tuple(fc.nat(30), fc.nat(30)).map(([a, b]) => `bytes=${Math.min(a, b)}-${Math.max(a, b)}`),
    fc.nat(30).map((start) => `bytes=${start}-`),
    fc.nat(30).map((length) => `bytes=-${length}`),
  );
  fc.assert(
    fc.property(fc.nat(25), fc.integer({ min: 1, max: 26 }), asked, (first, length, field) => {
      const last = Math.min(first + length, object.length) - 1;
      const body = object.subarray(first, last + 1);
      const held = { headers: ["content-range", `bytes ${first}-${last}/${object.length}`], body };
      const range = resolveRange(parseRange(field), object.length);
      const selected = selectPart(held, parseRange(field));
      const isHere = range !== null && range.start >= first && range.end <= last + 1;
      // A suffix that is longer than the part may still be the whole of a short object: asking again is right, too.
      if (selected === undefined) expect(isHere && !field.includes("=-")).toBe(false);
      else {
        expect(isHere).toBe(true);
        expect(body.subarray(selected.start, selected.end)).toEqual(object.subarray(range!.start, range!.end));
        expect(selected.first).toBe(range!.start);
      }
    }),
  );
});
