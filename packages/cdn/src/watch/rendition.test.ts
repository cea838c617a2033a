import { expect, test } from "vitest";
import { foldersOf } from "./rendition.ts";

test.each([
  [3, "/live/demo/720p/1.m4s", "live/demo/720p"],
  [3, "/live/demo/720p/a/b/1.m4s", "live/demo/720p"],
  [3, "/live/demo/index.m3u8", "live/demo"],
  [3, "/live/demo/index.m3u8?next=/a/b/c", "live/demo"],
  [3, "/live/demo/", "live/demo"],
  [1, "/live/demo/720p/1.m4s", "live"],
  [0, "/live/demo/720p/1.m4s", "/"],
  [3, "/index.html", "/"],
  [3, "/", "/"],
  [3, "/?a/b", "/"],
  [2, "//x//y", "/x"],
])("by %d folders, %s counts for %j", (segments, target, rendition) => {
  expect(foldersOf(segments)(target)).toBe(rendition);
});
