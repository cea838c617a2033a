/** Whether a response may be stored, and why not. */

import { expect, test } from "vitest";
import { storagePolicyOf } from "../options.ts";
import { decideStorage, type NotStoredReason, type StoragePolicy } from "./storage.ts";

const now = Date.UTC(2026, 0, 1);
const date = "Thu, 01 Jan 2026 00:00:00 GMT";

function decide(status: number, fields: Record<string, string>, options: Partial<StoragePolicy> = {}, request = {}) {
  return decideStorage({
    request: { headers: request },
    status,
    headers: Object.entries({ date, ...fields }).flat(),
    age: undefined,
    closeDelimited: false,
    ...{ requestedAt: now, receivedAt: now, systemTime: now },
    policy: { ...storagePolicyOf({}), ...options },
  });
}

const fresh = { "cache-control": "max-age=60" };
const changed = { "last-modified": "Wed, 31 Dec 2025 23:00:00 GMT" };

test.each([200, 203, 204, 299, 300, 301, 302, 303, 307, 308, 400, 404, 410, 418, 499, 500, 502, 503, 504, 599])(
  "a %i that names its lifetime is stored for that",
  (status) => {
    expect(decide(status, fresh)).toMatchObject({ store: true, freshness: { lifetime: 60 } });
  },
);

test.each([
  [200, 300],
  [203, 300],
  [204, 300],
  [300, 300],
  [301, 300],
  [308, 300],
  [405, 300],
  [414, 300],
  [501, 300],
  [404, 1],
  [410, 1],
])("a %i that names none and was last changed an hour ago is kept for %i s", (status, lifetime) => {
  expect(decide(status, changed)).toMatchObject({ store: true, freshness: { lifetime } });
});

test.each([201, 202, 302, 303, 307, 400, 403, 418, 500, 502, 503, 504, 599])(
  "a %i that names none is not stored, unless it is public",
  (status) => {
    expect(decide(status, changed)).toEqual({ store: false, reason: "status" });
    const open = { ...changed, "cache-control": "public" };
    expect(decide(status, open)).toMatchObject({ store: true, freshness: { lifetime: 300 } });
  },
);

test("a guess is a share of the time since the last change, within its bound, and can be turned off", () => {
  const heuristic = { fraction: 0.1, max: 1000 };
  expect(decide(200, changed, { heuristic })).toMatchObject({ freshness: { lifetime: 360 } });
  expect(decide(200, changed, { heuristic: false })).toMatchObject({ freshness: { lifetime: 0 } });
  expect(decide(200, { ...changed, pragma: "no-cache" }, { heuristic })).toMatchObject({ freshness: { lifetime: 0 } });
  const tomorrow = { "last-modified": "Fri, 02 Jan 2026 00:00:00 GMT" };
  expect(decide(200, tomorrow, { heuristic })).toMatchObject({ freshness: { lifetime: 0 } });
});

const refused: [number, Record<string, string>, NotStoredReason][] = [
  [200, { "cache-control": "no-store, max-age=60" }, "no-store"],
  [200, { ...fresh, "cdn-cache-control": "no-store" }, "no-store"],
  [200, { "cache-control": "private" }, "private"],
  [200, { ...fresh, "set-cookie": "a=b" }, "set-cookie"],
  [200, { ...fresh, vary: "accept, *" }, "vary-star"],
  [200, { ...fresh, "content-length": "99999999999" }, "too-large"],
  [200, {}, "no-lifetime"],
  [200, { "cache-control": "max-age=0" }, "no-lifetime"],
  [200, { "cache-control": "no-cache" }, "no-cache"],
  [206, fresh, "content-range"],
  [304, fresh, "status"],
  [599, { "cache-control": "max-age=60, no-store, must-understand" }, "status"],
];

test.each(refused)("a %i with %j is not stored: %s", (status, fields, reason) => {
  expect(decide(status, fields)).toEqual({ store: false, reason });
});

test("no-store does not count where the status is understood and has to be (RFC 9111 §5.2.2.3)", () => {
  expect(decide(200, { "cache-control": "max-age=60, no-store, must-understand" })).toMatchObject({ store: true });
});

test("fields for one client alone are withheld from the others, and a cookie among them forbids nothing", () => {
  const decision = decide(200, {
    "cache-control": 'private="set-cookie", no-cache="x", max-age=60',
    "set-cookie": "a=b",
  });
  expect(decision).toMatchObject({ store: true, withheld: ["set-cookie", "x"] });
  expect(decide(200, { ...fresh, "set-cookie": "a=b" }, { storeSetCookie: true })).toMatchObject({ store: true });
});

test.each([
  ["max-age=60", false],
  ["max-age=60, public", true],
  ["max-age=60, must-revalidate", true],
  ["s-maxage=60", true],
])("an answer to credentials with %s: stored %s", (cacheControl, store) => {
  expect(decide(200, { "cache-control": cacheControl }, {}, { authorization: "Bearer x" }).store).toBe(store);
});

test("a targeted field makes Expires and Cache-Control say nothing", () => {
  const fields = { ...fresh, expires: "Thu, 01 Jan 2026 01:00:00 GMT", "cdn-cache-control": "max-age=5" };
  expect(decide(200, fields)).toMatchObject({ freshness: { lifetime: 5 } });
  expect(decide(200, { ...fields, "cdn-cache-control": "foo" })).toEqual({ store: false, reason: "no-lifetime" });
});
