/** Freshness as RFC 9111 §4.2 has it. */

import { expect, test } from "vitest";
import { formatHttpDate } from "../../http/conditional.ts";
import { ageOf, DEFAULT_HEURISTIC, freshnessOf, ttlOf } from "./freshness.ts";

const now = Date.UTC(2026, 0, 1);
const policy = {
  ...{ negativeTtl: 1, heuristic: DEFAULT_HEURISTIC, staleIfDisconnected: 30 },
  targetedFields: ["cdn-cache-control"],
};

function freshness(fields: Record<string, string>, status = 200) {
  const headers = Object.entries(fields).flat();
  const { age } = fields;
  return freshnessOf({ status, headers, age, requestedAt: now, receivedAt: now, systemTime: now, policy });
}

test.each([
  [{ "cache-control": "max-age=60" }, 60],
  [{ "cache-control": "max-age=60, s-maxage=10" }, 10],
  [{ "cache-control": "public, max-age=31536000, immutable" }, 31536000],
  [{ "cache-control": 'max-age="5"' }, 5],
  [{ "cache-control": "max-age=5, max-age=3" }, 3],
  [{ "cache-control": "max-age=1.5" }, 0],
  [{ "cache-control": "max-age=-1" }, 0],
  [{ "cache-control": "max-age" }, 0],
  [{ "cache-control": "no-cache, max-age=60" }, 0],
  [{ "cache-control": "MAX-AGE=60" }, 60],
  [{ "cache-control": "max-age=99999999999999" }, 2 ** 31],
  [{ expires: formatHttpDate(now + 30_000), date: formatHttpDate(now) }, 30],
  [{ expires: "0" }, 0],
  [{ "cache-control": "max-age=7", expires: formatHttpDate(now + 30_000) }, 7],
  [{}, 0],
])("%j is fresh for %i s", (fields, lifetime) => {
  expect(freshness(fields as Record<string, string>).lifetime).toBe(lifetime);
});

test("a 404 that says nothing is kept for the negative time, one that says something for that", () => {
  expect(freshness({}, 404).lifetime).toBe(1);
  expect(freshness({ "cache-control": "max-age=3" }, 404).lifetime).toBe(3);
  expect(freshness({}, 410).lifetime).toBe(1);
  expect(freshness({}, 500).lifetime).toBe(0);
});

test("age counts what a response was old on arrival, by Age and by Date", () => {
  const aged = freshness({ "cache-control": "max-age=60", age: "20" });
  expect(ageOf(aged, now + 5_000)).toBe(25);
  expect(ttlOf(aged, now + 5_000)).toBe(35);
  const dated = freshness({ "cache-control": "max-age=60", date: formatHttpDate(now - 30_000) });
  expect(ttlOf(dated, now)).toBe(30);
  expect(ttlOf(freshness({ "cache-control": "max-age=1", date: formatHttpDate(now - 1_000) }), now)).toBe(1);
});

test("a clock that jumps back makes nothing younger than it arrived", () => {
  const aged = freshness({ "cache-control": "max-age=60", age: "20" });
  expect(ageOf(aged, now - 3_600_000)).toBe(20);
});

test("stale use is only what the response allows", () => {
  const allowed = freshness({ "cache-control": "max-age=1, stale-while-revalidate=5, stale-if-error=60" });
  expect(allowed).toMatchObject({ staleWhileRevalidate: 5, staleIfError: 60, staleIfDisconnected: 60 });
  expect(freshness({ "cache-control": "max-age=1" })).toMatchObject({ staleIfError: 0, staleIfDisconnected: 30 });
  for (const forbidden of ["must-revalidate", "proxy-revalidate", "no-cache", "s-maxage=1"]) {
    const strict = freshness({
      "cache-control": `max-age=1, stale-while-revalidate=5, stale-if-error=60, ${forbidden}`,
    });
    expect(strict).toMatchObject({ staleWhileRevalidate: 0, staleIfError: 0, staleIfDisconnected: 0 });
  }
});
