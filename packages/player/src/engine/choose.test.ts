import { expect, test } from "vitest";
import { chooseEngine } from "./choose.ts";

const everything = { mediaSource: true, nativeHls: true };
const iphone = { mediaSource: false, nativeHls: true };
const nothing = { mediaSource: false, nativeHls: false };

test("hls.js plays HLS wherever it can run, the browser itself where it cannot", () => {
  const source = { url: "a.m3u8", format: "hls" } as const;
  expect(chooseEngine(source, "auto", everything)).toBe("hls");
  expect(chooseEngine(source, "auto", iphone)).toBe("native");
  expect(chooseEngine(source, "native", everything)).toBe("native");
});

test("a file is the browser's own business", () => {
  expect(chooseEngine({ url: "a.mp4", format: "file" }, "auto", nothing)).toBe("native");
});

test("what this browser cannot do is an error that says so", () => {
  expect(() => chooseEngine({ url: "a.mpd", format: "dash" }, "auto", iphone)).toThrow(
    /DASH needs Media Source Extensions/,
  );
  expect(() => chooseEngine({ url: "a.m3u8", format: "hls" }, "auto", nothing)).toThrow(/HLS needs Media Source/);
});
