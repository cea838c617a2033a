/** One key for all spellings of one question. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { trimField } from "../../http/fields.ts";
import { createCacheKeys } from "./cache-key.ts";
import { normalizedField, VaryIndex, varyNames } from "./vary.ts";

const keys = createCacheKeys({ ignoreParams: ["token", "utm_*"] });

test.each([
  ["/live/demo/index.m3u8", "/live/demo/index.m3u8"],
  ["/live/%64emo/index.m3u8?", "/live/demo/index.m3u8"],
  ["/index.m3u8?_HLS_part=2&_HLS_msn=007", "/index.m3u8?_HLS_msn=7&_HLS_part=2"],
  ["/index.m3u8?_HLS_skip=YES&_HLS_part=0&_HLS_msn=3", "/index.m3u8?_HLS_msn=3&_HLS_part=0&_HLS_skip=YES"],
  ["/index.m3u8?_HLS_msn=0&z=1&a=2", "/index.m3u8?z=1&a=2&_HLS_msn=0"],
  ["/s.m4s?CMCD=br%3D3200%2Csid%3D%22a%22", "/s.m4s"],
  ["/s.m4s?token=abc&x=1&utm_source=tv&utm_medium=q", "/s.m4s?x=1"],
  ["/s.m4s?x=2&x=1", "/s.m4s?x=2&x=1"],
  ["/s.m4s?b=1&&a=2&a", "/s.m4s?b=1&&a=2&a"],
  ["/s.m4s?&token=1", "/s.m4s"],
  ["/s.m4s?x=%7e%2f&y=100%", "/s.m4s?x=%7e%2f&y=100%"],
  ["/s.m4s?%74oken=abc", "/s.m4s"],
])("%s is filed under %s", (target, key) => {
  expect(keys.of(target)).toBe(key);
  expect(keys.of(target)).toBe(key);
});

const sorted = createCacheKeys({ sortParams: true });

test.each([
  ["/s.m4s?b=1&&a=2&a", "/s.m4s?a=2&a&b=1"],
  ["/s.m4s?x=2&x=1", "/s.m4s?x=2&x=1"],
  ["/s.m4s?&&x", "/s.m4s?x"],
  ["/s.m4s?x=%7e%2f&y=100%", "/s.m4s?x=~%2F&y=100%"],
  ["/index.m3u8?_HLS_msn=0&z=1&a=2", "/index.m3u8?a=2&z=1&_HLS_msn=0"],
])("where parameters are sorted, %s is filed under %s", (target, key) => {
  expect(sorted.of(target)).toBe(key);
});

const only = createCacheKeys({ keepParams: ["lang", "v_*"] });

test.each([
  ["/s.m4s?r=1&lang=de&v_1=a&utm_source=tv", "/s.m4s?lang=de&v_1=a"],
  ["/s.m4s?r=1", "/s.m4s"],
  ["/s.m4s?langs=1&%6cang=de", "/s.m4s?lang=de"],
  ["/i.m3u8?r=7&_HLS_skip=YES&_HLS_part=02&_HLS_msn=9", "/i.m3u8?_HLS_msn=9&_HLS_part=2&_HLS_skip=YES"],
  ["/i.m3u8?_HLS_msn=9&_HLS_msn=10&_HLS_x=1", "/i.m3u8?_HLS_msn=9"],
])("where only some parameters are kept, %s is filed under %s", (target, key) => {
  expect(only.of(target)).toBe(key);
});

test("where no parameter is kept, no query makes another key but a blocking reload's", () => {
  const none = createCacheKeys({ keepParams: [] });
  fc.assert(
    fc.property(fc.string(), (query) => {
      fc.pre(!query.includes("_HLS_"));
      expect(none.of(`/p?${query}`)).toBe("/p");
      expect(none.of(`/p?_HLS_msn=1&${query}`)).toBe("/p?_HLS_msn=1");
    }),
  );
});

test("paths that hide something have no key", () => {
  expect(() => keys.of("/a/%2e%2e/b")).toThrow(expect.objectContaining({ code: "INVALID_PATH" }));
});

test("a key is its own key, and neither ignored parameters change it nor, where they are sorted, the order", () => {
  const param = fc.tuple(
    fc.constantFrom("_HLS_msn", "_HLS_part", "_HLS_skip", "CMCD", "token", "utm_x", "a", "b", "%41"),
    fc.constantFrom("", "=", "=1", "=007", "=%7E", "=YES"),
  );
  fc.assert(
    fc.property(fc.uniqueArray(param, { selector: ([name]) => name, maxLength: 8 }), fc.nat(7), (params, turn) => {
      const texts = params.map((pair) => pair.join(""));
      const key = keys.of(`/p?${texts.join("&")}`);
      expect(keys.of(key)).toBe(key);
      expect(keys.of(`/p?${[...texts, "CMCD=x", "utm_late=1"].join("&")}`)).toBe(key);
      const turned = [...texts.slice(turn), ...texts.slice(0, turn), "CMCD=x", "utm_late=1"];
      const ordered = createCacheKeys({ ignoreParams: ["token", "utm_*"], sortParams: true });
      expect(ordered.of(`/p?${turned.join("&")}`)).toBe(ordered.of(`/p?${texts.join("&")}`));
    }),
  );
});

test("what a client sends costs time in proportion to its length", () => {
  const blanks = (length: number): string => `a${" ".repeat(length)}b`;
  const zeros = (length: number): string => `/p?_HLS_msn=${"0".repeat(length)}x`;
  const long = 4_000_000;
  expect(normalizedField("origin", blanks(long))).toHaveLength(long + 2);
  expect(normalizedField("accept-encoding", `gzip${blanks(long)}`)).toBe("");
  expect(keys.of(zeros(long))).toHaveLength(zeros(long).length);
  expect(trimField(` \t${blanks(long)}\t `)).toHaveLength(long + 2);
});

test("Accept-Encoding counts only as far as encodings in use are taken", () => {
  expect(normalizedField("accept-encoding", "gzip, deflate, br;q=0.9")).toBe("br,gzip");
  expect(normalizedField("accept-encoding", "deflate, GZIP")).toBe("gzip");
  expect(normalizedField("accept-encoding", "br;q=0, gzip;q=0.000, zstd; q=0.1")).toBe("zstd");
  expect(normalizedField("accept-encoding", "xgzip, brotli")).toBe("");
  expect(normalizedField("accept-language", "de ,en")).toBe("de,en");
});

test("Accept-Language counts by what is preferred, not by how it is written", () => {
  expect(normalizedField("accept-language", "EN, de")).toBe("de,en");
  expect(normalizedField("accept-language", " de ,  en;q=1.0")).toBe("de,en");
  expect(normalizedField("accept-language", "fr;q=0.5, de , en;q=0.80")).toBe("de,en;q=0.8,fr;q=0.5");
  expect(normalizedField("accept-language", "de;q=x, ,en")).toBe("en,de;q=0");
});

test("answers that vary are filed by the fields they vary by, and all forgotten at once", () => {
  const vary = new VaryIndex();
  expect(vary.keyOf("/p", { origin: "a" })).toBe("/p");
  vary.learn("/p", varyNames("Origin, Accept-Encoding") ?? []);
  const first = vary.keyOf("/p", { origin: "a" });
  expect(vary.keyOf("/p", { origin: "b" })).not.toBe(first);
  expect(vary.keyOf("/p", { origin: "a", "user-agent": "x" })).toBe(first);
  vary.invalidate("/p");
  expect(vary.keyOf("/p", { origin: "a" })).not.toBe(first);
  expect(varyNames("a, *")).toBeNull();
});

test("a variant whose fields were forgotten is filed as one all the same, and never where others are looked for", () => {
  const vary = new VaryIndex();
  vary.learn("/p", ["origin"]);
  for (let name = 0; name < 20_000; name += 1) vary.learn(`/other-${name}`, ["origin"]);
  expect(vary.keyOf("/p", { origin: "a" })).toBe("/p");
  expect(vary.admits("/p", ["origin"])).toBe(true);
  expect(vary.keyOf("/p", { origin: "a" })).not.toBe(vary.keyOf("/p", { origin: "b" }));
  expect(vary.admits("/p", [])).toBe(false);
  expect(vary.admits("/p", ["accept-encoding"])).toBe(false);
  expect(vary.admits("/plain", [])).toBe(true);
});
