/** What a request comes to, by what is stored and the time. */

import { expect, test } from "vitest";
import type { Freshness } from "../freshness/freshness.ts";
import { decideLookup, type Lookup, type RequestDirectivesMode } from "./lookup.ts";

const base: Freshness = {
  ...{ lifetime: 60, initialAge: 0, receivedAt: 0, staleWhileRevalidate: 0, staleIfError: 0 },
  ...{ staleIfDisconnected: 0, mustRevalidate: false, immutable: false },
};
const validators = { etag: '"a"', lastModified: Date.UTC(2026, 0, 1) };
const later = "Thu, 01 Jan 2026 00:00:10 GMT";
const before = "Wed, 31 Dec 2025 23:59:59 GMT";

interface Case {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly freshness?: Partial<Freshness>;
  /** Seconds. */
  readonly at?: number;
  readonly mode?: RequestDirectivesMode;
  readonly purged?: boolean;
  readonly nothing?: boolean;
}

const cases: [string, Case, Lookup][] = [
  ["fresh", {}, "hit"],
  ["HEAD", { method: "HEAD" }, "hit"],
  ["stale", { at: 60 }, "revalidate"],
  ["stale with time to revalidate", { at: 69, freshness: { staleWhileRevalidate: 10 } }, "stale-while-revalidate"],
  ["stale beyond it", { at: 70, freshness: { staleWhileRevalidate: 10 } }, "revalidate"],
  ["nothing stored", { nothing: true }, "miss"],
  ["POST", { method: "POST" }, "method"],
  ["softly purged", { purged: true }, "revalidate"],
  ["softly purged, with time", { purged: true, freshness: { staleWhileRevalidate: 10 } }, "stale-while-revalidate"],
  ["only-if-cached, fresh", { headers: { "cache-control": "only-if-cached" } }, "hit"],
  ["only-if-cached, nothing", { nothing: true, headers: { "cache-control": "only-if-cached" } }, "only-if-cached"],
  ["only-if-cached, stale", { at: 99, headers: { "cache-control": "only-if-cached" } }, "only-if-cached"],
  [
    "only-if-cached, ignored",
    { nothing: true, mode: "ignore", headers: { "cache-control": "only-if-cached" } },
    "miss",
  ],
  ["max-stale", { at: 69, headers: { "cache-control": "max-stale=10" } }, "max-stale"],
  ["max-stale, too old", { at: 70, headers: { "cache-control": "max-stale=10" } }, "revalidate"],
  ["max-stale, any", { at: 1e6, headers: { "cache-control": "max-stale" } }, "max-stale"],
  [
    "max-stale, forbidden",
    { at: 61, freshness: { mustRevalidate: true }, headers: { "cache-control": "max-stale" } },
    "revalidate",
  ],
  ["max-stale, purged", { purged: true, headers: { "cache-control": "max-stale" } }, "revalidate"],
  ["no-cache by default", { headers: { "cache-control": "no-cache" } }, "hit"],
  ["no-cache", { mode: "all", headers: { "cache-control": "no-cache" } }, "reload"],
  ["Pragma", { mode: "all", headers: { pragma: "no-cache" } }, "reload"],
  ["no-cache, immutable", { mode: "all", freshness: { immutable: true }, headers: { pragma: "no-cache" } }, "hit"],
  ["max-age=0", { mode: "all", headers: { "cache-control": "max-age=0" } }, "reload"],
  ["max-age, old enough", { mode: "all", at: 10, headers: { "cache-control": "max-age=10" } }, "hit"],
  ["max-age, too old", { mode: "all", at: 11, headers: { "cache-control": "max-age=10" } }, "reload"],
  ["min-fresh", { mode: "all", at: 30, headers: { "cache-control": "min-fresh=30" } }, "hit"],
  ["min-fresh, too late", { mode: "all", at: 31, headers: { "cache-control": "min-fresh=30" } }, "reload"],
  ["no-store", { mode: "all", headers: { "cache-control": "no-store" } }, "request-no-store"],
  ["If-Match that holds", { headers: { "if-match": '"a"' } }, "hit"],
  ["If-Match that does not", { headers: { "if-match": '"b"' } }, "precondition"],
  ["If-Match with nothing stored", { nothing: true, headers: { "if-match": '"a"' } }, "precondition"],
  ["If-Unmodified-Since that holds", { headers: { "if-unmodified-since": later } }, "hit"],
  ["If-Unmodified-Since that does not", { headers: { "if-unmodified-since": before } }, "precondition"],
];

test.each(cases)("%s", (_name, { method = "GET", headers = {}, freshness, at = 0, mode, purged, nothing }, outcome) => {
  const stored = nothing ? undefined : { freshness: { ...base, ...freshness }, validators };
  expect(decideLookup({ method, headers }, stored, at * 1000, mode, purged)).toBe(outcome);
});
