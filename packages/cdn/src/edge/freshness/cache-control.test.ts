/** `Cache-Control` and fields targeted at caches like this one. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { directivesOf, parseCacheControl, parseTargeted, requestDirectivesOf } from "./cache-control.ts";

test.each([
  ['private="Set-Cookie, X-Who", max-age=9', { private: false, privateFields: ["set-cookie", "x-who"], maxAge: 9 }],
  ['private="a", private', { private: true, privateFields: [] }],
  ["private", { private: true, privateFields: [] }],
  ['no-cache="a"', { noCache: false, noCacheFields: ["a"] }],
  ['no-cache=""', { noCache: true }],
  ["no-store, must-understand", { noStore: true, mustUnderstand: true }],
  ['extension="max-age=3600", max-age=1', { maxAge: 1 }],
])("Cache-Control: %s", (field, directives) => {
  expect(parseCacheControl(field)).toMatchObject(directives);
});

test.each([
  ["max-age=60, foobar", { maxAge: 60 }],
  ["max-age=99999999999", { maxAge: 2 ** 31 }],
  ["no-store", { noStore: true }],
  ["no-store=?0, max-age=5", { noStore: false, maxAge: 5 }],
  ['private="a, b";x, max-age=1 ,\tpublic', { private: false, privateFields: ["a", "b"], maxAge: 1, public: true }],
  // Another type than it should be makes no sense.
  ['max-age="10000"', { maxAge: 0 }],
  ["max-age=1.5", { maxAge: 0 }],
  ["max-age=-1", { maxAge: 0 }],
  ["max-age", { maxAge: 0 }],
])("CDN-Cache-Control: %s is a Dictionary", (field, directives) => {
  expect(parseTargeted(field)).toMatchObject({ ...directives, targeted: true });
});

test.each(["", " ", "max-age =60", "max-age= 60", "Max-Age=60", "max-age=60,", "max-age=60, &&&&&", "max-age=60;;"])(
  "CDN-Cache-Control: %j is none, and ignored",
  (field) => {
    expect(parseTargeted(field)).toBeUndefined();
  },
);

test("the first targeted field that can be read counts, and Cache-Control only where none can", () => {
  const headers = ["cache-control", "max-age=1", "cdn-cache-control", "max-age=2", "edge-cache-control", "max-age=3"];
  expect(directivesOf(headers).maxAge).toBe(2);
  expect(directivesOf(headers, ["edge-cache-control", "cdn-cache-control"]).maxAge).toBe(3);
  expect(directivesOf(["cdn-cache-control", "Max-Age=2", ...headers.slice(0, 2)]).maxAge).toBe(1);
  expect(directivesOf(headers, []).maxAge).toBe(1);
  const twoLines = ["cdn-cache-control", "max-age=2", "cdn-cache-control", "no-store"];
  expect(directivesOf(twoLines)).toMatchObject({ maxAge: 2, noStore: true });
});

test("what a request asks of caches", () => {
  expect(requestDirectivesOf({})).toBeUndefined();
  expect(requestDirectivesOf({ pragma: "No-Cache" })).toMatchObject({ noCache: true });
  expect(requestDirectivesOf({ pragma: "no-cache", "cache-control": "max-stale" })).toEqual({
    maxStale: Number.POSITIVE_INFINITY,
    ...{ noCache: false, noStore: false, onlyIfCached: false },
  });
  expect(requestDirectivesOf({ "cache-control": "max-stale=5, min-fresh=3, max-age=0, only-if-cached" })).toMatchObject(
    {
      ...{ maxStale: 5, minFresh: 3, maxAge: 0, onlyIfCached: true },
    },
  );
});

test("no field makes the parsers fail, or give a time that is not one", () => {
  const piece = fc.constantFrom("max-age", "=", '"', ",", " ", "5", "private", "s-maxage=3", "\\", ";", "?0", "(", ":");
  const field = fc.oneof(
    fc.string(),
    fc.array(piece).map((pieces) => pieces.join("")),
  );
  fc.assert(
    fc.property(field, (text) => {
      for (const directives of [parseCacheControl(text), parseTargeted(text)]) {
        for (const time of [directives?.maxAge, directives?.sMaxAge, directives?.staleIfError]) {
          if (time !== undefined) expect(Number.isInteger(time) && time >= 0 && time <= 2 ** 31).toBe(true);
        }
      }
      requestDirectivesOf({ "cache-control": text });
    }),
  );
});
