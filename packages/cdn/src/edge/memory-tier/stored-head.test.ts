/** Heads that outlive the process. */

import { expect, test } from "vitest";
import { ageOf, ttlOf } from "../freshness/freshness.ts";
import { decodeStoredHead, encodeStoredHead } from "./stored-head.ts";
import { StoredResponse } from "./stored-response.ts";

const body = Buffer.from("body");
const stored = new StoredResponse(
  {
    ...{ key: "/a?x=1", status: 200, headers: ["etag", '"ü"', "content-length", "4"], cacheStatus: "outer; hit" },
    freshness: {
      ...{ lifetime: 60, initialAge: 5, receivedAt: 1_000, staleWhileRevalidate: 3, staleIfError: 2 },
      ...{ staleIfDisconnected: 1, mustRevalidate: false, immutable: true },
    },
    ...{ vary: ["origin"], tags: ["a", "b"], generation: 7, storedAt: 1_700_000_000_000, upstream: "origin-1", body },
  },
  "/a?x=1\n0\norigin:x",
);
const head = encodeStoredHead(stored);

test("a head comes back as it was, and as old as it is by then", () => {
  // Another process, whose steady clock began anew.
  const clocks = { now: 50, systemTime: stored.storedAt + 20_000 };
  const back = decodeStoredHead(head, body, "/a?x=1\n0\norigin:x", clocks)!;
  const { receivedAt: _, ...times } = stored.freshness;
  const { release: __, ...kept } = stored;
  expect(back).toMatchObject({ ...kept, freshness: times });
  expect(back.validators).toEqual(stored.validators);
  expect(ageOf(back.freshness, 50)).toBe(25);
  expect(ttlOf(back.freshness, 10_050)).toBe(25);
});

test("a clock that was put back makes nothing younger", () => {
  const clocks = { now: 50, systemTime: stored.storedAt - 20_000 };
  expect(ageOf(decodeStoredHead(head, body, "/a", clocks)!.freshness, 50)).toBe(25);
});

test.each(["", "null", "{}", '{"version":2}', "\u0000\u0001"])("%j is no head", (text) => {
  expect(decodeStoredHead(Buffer.from(text), body, "/a", { now: 0, systemTime: 0 })).toBeUndefined();
});
