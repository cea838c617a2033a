/** The log of purges: what holds, what is stale, what is gone. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { createCacheKeys } from "../cache-key/cache-key.ts";
import { canonicalPurge, MAX_PURGE_NAMES, type Purge, purgeOf } from "./purge.ts";
import { PurgeLog, type PurgeLogState, type Verdict } from "./purge-log.ts";

const keys = createCacheKeys({ ignoreParams: ["token"] });
const canonical = (purge: Purge): Purge => canonicalPurge(purge, keys.of);

/** What a log makes of something stored before one purge. */
function judgeAfter(purge: Purge, stored: { key: string; tags?: readonly string[] }): Verdict {
  const log = new PurgeLog();
  const { generation } = log;
  log.purge(canonical(purge));
  return log.judge({ tags: [], ...stored, generation });
}

test("a fill that started before a purge never becomes a hit", () => {
  const log = new PurgeLog();
  const startedBefore = log.generation;
  const generation = log.purge({ urls: ["/a"] });
  expect(log.judge({ key: "/a", tags: [], generation: startedBefore })).toBe("hard");
  expect(log.judge({ key: "/a", tags: [], generation })).toBe("kept");
  expect(log.generation).toBe(generation);
});

test.each<[Purge, string, Verdict]>([
  [{ urls: ["/a?x=1"] }, "/a?x=1", "hard"],
  [{ urls: ["/a"] }, "/a?x=1", "kept"],
  [{ urls: ["/a"] }, "/a/b", "kept"],
  [{ urls: ["https://cdn.example:8443/a?token=7&x=1#top"] }, "/a?x=1", "hard"],
  [{ urls: ["https://cdn.example"] }, "/", "hard"],
  [{ urls: ["/%61"], soft: true }, "/a", "soft"],
  [{ prefixes: ["/live/demo"] }, "/live/demo", "hard"],
  [{ prefixes: ["/live/demo"] }, "/live/demo?x=1", "hard"],
  [{ prefixes: ["/live/demo"] }, "/live/demo/v/1.m4s?x=/", "hard"],
  [{ prefixes: ["/live/demo"] }, "/live/demo2/1.m4s", "kept"],
  [{ prefixes: ["/live/demo"] }, "/other?x=/live/demo/", "kept"],
  [{ prefixes: ["/live/demo/"] }, "/live/demo/1.m4s", "hard"],
  [{ prefixes: ["/live/demo/"] }, "/live/demo", "kept"],
  [{ prefixes: ["/"] }, "/any/thing", "hard"],
  [{ prefixes: ["https://cdn.example"], soft: true }, "/any/thing", "soft"],
  [{ all: true }, "/any", "hard"],
  [{ all: true, soft: true }, "/any", "soft"],
])("%j makes of %s: %s", (purge, key, verdict) => {
  expect(judgeAfter(purge, { key })).toBe(verdict);
});

test("purging one tag leaves what carries others only, and what carries none", () => {
  const purge = { tags: ["film-1"] };
  expect(judgeAfter(purge, { key: "/a", tags: ["film-2", "film-1"] })).toBe("hard");
  expect(judgeAfter(purge, { key: "/a", tags: ["film-2", "Film-1", "film-10"] })).toBe("kept");
  expect(judgeAfter(purge, { key: "/a" })).toBe("kept");
});

test("a tag, a URL and a prefix of one spelling are three things", () => {
  expect(judgeAfter({ tags: ["/a"] }, { key: "/a" })).toBe("kept");
  expect(judgeAfter({ urls: ["/a"] }, { key: "/b", tags: ["/a"] })).toBe("kept");
});

test("a hard purge is not softened by a soft one after it", () => {
  const log = new PurgeLog();
  log.purge({ urls: ["/a"] });
  log.purge({ urls: ["/a"], soft: true });
  expect(log.judge({ key: "/a", tags: [], generation: 0 })).toBe("hard");
  expect(log.judge({ key: "/a", tags: [], generation: 1 })).toBe("soft");
});

test("what a log that was lost may have purged is gone", () => {
  const log = new PurgeLog({ generation: 1000 });
  expect(log.judge({ key: "/a", tags: [], generation: 999 })).toBe("hard");
  expect(log.judge({ key: "/a", tags: [], generation: 1001 })).toBe("hard");
  expect(log.judge({ key: "/a", tags: [], generation: 1000 })).toBe("kept");
});

test.each<[unknown, RegExp]>([
  [null, /no object/],
  [[], /no object|Invalid|names nothing/],
  [{}, /names nothing/],
  [{ urls: [] }, /names nothing/],
  [{ url: ["/a"] }, /^url is none of urls, prefixes, tags, all, soft: did you mean urls\?$/],
  [{ tag: ["k1"] }, /^tag is none of urls, prefixes, tags, all, soft: did you mean tags\?$/],
  [{ hosts: ["a"] }, /^hosts is none of urls, prefixes, tags, all, soft$/],
  [{ urls: ["/vod/*"] }, /^"\/vod\/\*" ends with a star, but .* give the prefix "\/vod\/"/],
  [{ prefixes: ["/vod/film*"] }, /give the prefix "\/vod\/"/],
  [{ urls: ["*"] }, /give the prefix "\/"/],
  [{ urls: "/a" }, /urls is no list/],
  [{ urls: ["/a", 1] }, /urls\.1 is no string/],
  [{ all: "yes" }, /all is neither/],
  [{ urls: ["/a/../b"] }, /dot segment/],
  [{ urls: ["a"] }, /slash/],
  [{ urls: ["ftp://host/a"] }, /slash/],
  [{ prefixes: ["/a?x"] }, /covers every query/],
  [{ prefixes: ["a"] }, /slash/],
  [{ tags: [""] }, /a tag is empty/],
  [{ tags: Array.from({ length: MAX_PURGE_NAMES + 1 }, String) }, /at most 1000/],
  [{ tags: ["x".repeat(9000)] }, /more than 8192/],
  [{ tags: Array.from({ length: 100 }, (_, at) => String(at).padEnd(8000, "x")) }, /characters together/],
])("%j is refused", (json, message) => {
  expect(() => canonical(purgeOf(json))).toThrow(expect.objectContaining({ code: "INVALID_PURGE" }));
  expect(() => canonical(purgeOf(json))).toThrow(message);
});

test("a log restored from its state judges as the log did", () => {
  fc.assert(
    fc.property(fc.array(purge), fc.array(purge), judged, (before, after, stored) => {
      const log = new PurgeLog();
      for (const each of before) log.purge(each);
      const restored = new PurgeLog({}, copyOf(log.state));
      for (const each of after) expect(restored.purge(each)).toBe(log.purge(each));
      expect(restored.judge(stored)).toBe(log.judge(stored));
    }),
  );
});

// The model keeps every purge and tries each: no generations by name, no fold.
const path = fc
  .array(fc.constantFrom("a", "b", "ab"), { maxLength: 3 })
  .chain((segments) => fc.constantFrom(`/${segments.join("/")}`, `/${[...segments, ""].join("/")}`))
  .map((text) => text.replaceAll("//", "/"));
const key = fc.tuple(path, fc.constantFrom("", "?a", "?a=/a/")).map(([text, query]) => text + query);
const tag = fc.constantFrom("x", "y", "z", "/a");
const purge: fc.Arbitrary<Purge> = fc.record(
  {
    urls: fc.array(key, { maxLength: 3 }),
    prefixes: fc.array(path, { maxLength: 2 }),
    tags: fc.array(tag, { maxLength: 2 }),
    all: fc.integer({ min: 0, max: 20 }).map((n) => n === 0),
    soft: fc.boolean(),
  },
  { requiredKeys: [] },
);
const judged = fc.record({ key, tags: fc.array(tag, { maxLength: 3 }), generation: fc.nat(40) });

test("judges as one who tries every purge since the fill began", () => {
  fc.assert(
    fc.property(fc.array(purge, { maxLength: 40 }), fc.array(judged), (purges, stored) => {
      const log = new PurgeLog();
      for (const each of purges) log.purge(each);
      for (const each of stored) {
        fc.pre(each.generation <= purges.length);
        expect(log.judge(each)).toBe(naive(purges.slice(each.generation), each));
      }
    }),
    { numRuns: 500 },
  );
});

test("a log over its bound takes too much for purged, never too little, and forgets no more than it must", () => {
  fc.assert(
    fc.property(fc.array(purge, { maxLength: 40 }), fc.array(judged), (purges, stored) => {
      const maxEntries = 8;
      const log = new PurgeLog({ maxEntries });
      const whole = new PurgeLog();
      let fits = true;
      for (const each of purges) {
        log.purge(each);
        whole.purge(each);
        fits &&= whole.entries <= maxEntries;
        expect(log.entries).toBeLessThanOrEqual(maxEntries);
      }
      const severity = { kept: 0, soft: 1, hard: 2 };
      for (const each of stored) {
        const verdict = log.judge(each);
        expect(severity[verdict]).toBeGreaterThanOrEqual(severity[whole.judge(each)]);
      }
      expect(log.judge({ key: "/new", tags: [], generation: log.generation })).toBe("kept");
      if (fits) for (const each of stored) expect(log.judge(each)).toBe(whole.judge(each));
    }),
    { numRuns: 500 },
  );
});

test("what is judged kept stays kept up to the generation noted for it", () => {
  fc.assert(
    fc.property(fc.array(purge), fc.array(purge), judged, (before, after, stored) => {
      const log = new PurgeLog();
      for (const each of before) log.purge(each);
      fc.pre(log.judge({ ...stored, generation: 0 }) === "kept");
      const noted = log.generation;
      for (const each of after) log.purge(each);
      expect(log.judge({ ...stored, generation: noted })).toBe(log.judge({ ...stored, generation: 0 }));
    }),
  );
});

test("a log that purges a million names keeps to its bound and to what it was told last", () => {
  const log = new PurgeLog({ maxEntries: 10_000 });
  for (let at = 0; at < 1_000_000; at += 1) log.purge({ urls: [`/${at}`] });
  expect(log.entries).toBeGreaterThan(9000);
  expect(log.entries).toBeLessThanOrEqual(10_000);
  expect(log.floor).toBeLessThan(1_000_000 - 9000);
  expect(log.judge({ key: "/999000", tags: [], generation: 998_000 })).toBe("hard");
  expect(log.judge({ key: "/3", tags: [], generation: 998_000 })).toBe("kept");
});

function naive(purges: readonly Purge[], { key, tags }: { key: string; tags: readonly string[] }): Verdict {
  const [path = ""] = key.split("?", 1);
  const hits = purges.filter(
    (purge) =>
      purge.all === true ||
      purge.urls?.includes(key) ||
      purge.tags?.some((tag) => tags.includes(tag)) ||
      purge.prefixes?.some(
        (prefix) => path === prefix || path.startsWith(prefix.endsWith("/") ? prefix : `${prefix}/`),
      ),
  );
  if (hits.some((purge) => purge.soft !== true)) return "hard";
  return hits.length > 0 ? "soft" : "kept";
}

/** As a journal would give it back. */
function copyOf({ generation, hard, soft }: PurgeLogState): PurgeLogState {
  const layer = ({ all, urls, prefixes, tags }: PurgeLogState["hard"]) => ({
    all,
    urls: [...urls],
    prefixes: [...prefixes],
    tags: [...tags],
  });
  return { generation, hard: layer(hard), soft: layer(soft) };
}
