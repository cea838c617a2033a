import { expect, test } from "vitest";
import { folderOf, resolveTarget } from "./relative-target.ts";

const from = "/live/demo/720p/index.m3u8?_HLS_msn=7&a=/b";

test.each([
  ["p1.m4s", "/live/demo/720p/p1.m4s"],
  ["../480p/index.m3u8", "/live/demo/480p/index.m3u8"],
  ["/vod/a.mp4?b=c", "/vod/a.mp4?b=c"],
  ["?a=b", "/live/demo/720p/index.m3u8?a=b"],
  ["../../../../../etc", "/etc"],
  ["a b.m4s", "/live/demo/720p/a%20b.m4s"],
  ["a#b", "/live/demo/720p/a"],
  ["..", "/live/demo/"],
])("%s leads to %s", (reference, expected) => {
  expect(resolveTarget(reference, from)).toBe(expected);
});

test.each([
  "",
  "https://other/a",
  "http://edge.invalid/a",
  "//other/a",
  "\\\\other\\a",
  "/\\other/a",
  "data:,a",
  "javascript:a",
  `${"a".repeat(2049)}`,
])("%s leads elsewhere", (reference) => {
  expect(resolveTarget(reference, from)).toBeUndefined();
});

test("a slash in the query is in no folder", () => {
  expect(folderOf(from)).toBe("/live/demo/720p/");
  expect(folderOf("/")).toBe("/");
});
