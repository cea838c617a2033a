import { expect, test } from "vitest";
import { readAvailability } from "./probe.ts";

const live = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n1.m4s\n";

test("a media playlist without an end is live, and its text is the fingerprint", () => {
  expect(readAvailability("hls", live)).toEqual({ kind: "live", fingerprint: live });
  expect(readAvailability("hls", `${live}#EXT-X-ENDLIST\n`)).toEqual({ kind: "complete" });
});

test("a multivariant playlist names the media playlist to ask", () => {
  const text = '#EXTM3U\r\n#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="a,b"\r\n720/index.m3u8\r\n';
  expect(readAvailability("hls", text)).toBe("720/index.m3u8");
});

test("an empty playlist, or another document, is nothing to play", () => {
  expect(readAvailability("hls", "#EXTM3U\n#EXT-X-TARGETDURATION:2\n")).toEqual({ kind: "absent" });
  expect(readAvailability("hls", "<!doctype html>")).toEqual({ kind: "absent" });
  expect(readAvailability("dash", "<!doctype html>")).toEqual({ kind: "absent" });
});

test("an MPD says by its type whether it goes on", () => {
  const mpd = '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"\n type="dynamic"></MPD>';
  expect(readAvailability("dash", mpd)).toEqual({ kind: "live", fingerprint: mpd });
  expect(readAvailability("dash", mpd.replace("dynamic", "static"))).toEqual({ kind: "complete" });
});
