/** One spelling per path, and nothing hidden in it. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { CdnError } from "../errors.ts";
import { decodeSegments, normalizePath } from "./path.ts";

test.each([
  ["/", "/"],
  ["/live/demo/index.m3u8", "/live/demo/index.m3u8"],
  ["/%6Cive/%7euser", "/live/~user"],
  ["/caf%c3%a9", "/caf%C3%A9"],
  ["/a..b/.hidden/...", "/a..b/.hidden/..."],
  ["/folder/", "/folder/"],
])("%s becomes %s", (path, normal) => {
  expect(normalizePath(path)).toBe(normal);
});

test.each([
  "relative",
  "",
  "/..",
  "/a/../b",
  "/a/./b",
  "/%2e%2e/etc/passwd",
  "/a/%2E%2e",
  "/a%2fb",
  "/a%5Cb",
  "/a\\b",
  "/a%00b",
  "/a\0b",
  "/a%0d%0ab",
  "/%252e%252e/etc",
  "//host/path",
  "/a//b",
  "/a%",
  "/a%zz",
  "/a%4",
  "/a b",
])("%j is refused", (path) => {
  expect(() => normalizePath(path)).toThrow(expect.objectContaining({ code: "INVALID_PATH" }));
});

test("normalising twice changes nothing, and nothing gets out of the root", () => {
  const piece = fc.constantFrom(
    "a",
    "..",
    ".",
    "/",
    "%2e",
    "%2F",
    "%",
    "%41",
    "%c3",
    "é",
    "\\",
    "%00",
    "%25",
    "~",
    "%7E",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      let normal: string;
      try {
        normal = normalizePath(`/${pieces.join("")}`);
      } catch (error) {
        expect(error).toBeInstanceOf(CdnError);
        return;
      }
      expect(normalizePath(normal)).toBe(normal);
      const before = new URL(`http://host${normal}`).pathname;
      expect(before.split("/").length).toBe(normal.split("/").length);
    }),
  );
});

test("segments are decoded one by one, and have to be UTF-8", () => {
  expect(decodeSegments("/vod/caf%C3%A9.mp4")).toEqual(["vod", "café.mp4"]);
  expect(() => decodeSegments("/%C3")).toThrow(expect.objectContaining({ code: "INVALID_PATH" }));
});
