import { expect, test } from "vitest";
import { PlayerError } from "../error.ts";
import { formatOf, parseSources } from "./source.ts";

test("a src attribute is a list of addresses, in order, without repeats", () => {
  expect(
    parseSources(" https://a.example/x.m3u8\n\thttps://b.example/x.mpd?token=1  https://a.example/x.m3u8 "),
  ).toEqual([
    { url: "https://a.example/x.m3u8", format: "hls" },
    { url: "https://b.example/x.mpd?token=1", format: "dash" },
  ]);
  expect(parseSources(" \n ")).toEqual([]);
});

test("relative addresses are resolved where there is a base, and kept where there is none", () => {
  expect(parseSources("/live/a.m3u8", { base: "https://page.example/watch/" })[0]?.url).toBe(
    "https://page.example/live/a.m3u8",
  );
  expect(parseSources("live/a.m3u8")[0]?.url).toBe("live/a.m3u8");
});

test("the MIME type wins over the extension", () => {
  expect(formatOf("/stream", "Application/X-mpegURL; charset=utf-8")).toBe("hls");
  expect(formatOf("/stream.m3u8", "application/dash+xml")).toBe("dash");
  expect(formatOf("/clip.m3u8", "video/mp4")).toBe("file");
  expect(formatOf("/LIVE.M3U8#t=1", "")).toBe("hls");
  expect(formatOf("/clip.mp4?as=.mpd")).toBe("file");
});

for (const bad of ["javascript:alert(1)", "ftp://example.com/a.m3u8", "https://"]) {
  test(`${bad} is refused`, () => {
    expect(() => parseSources(bad)).toThrow(PlayerError);
  });
}
