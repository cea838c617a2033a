/** How long what belongs to a live stream is kept. */

import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { DEFAULT_LIVE_LIFETIME, type LiveRules, liveRulesFor, readPlaylist, underLiveRules } from "./live-rules.ts";
import { LiveStreams } from "./live-streams.ts";

const HLS = ["content-type", "application/vnd.apple.mpegurl"];
const DASH = ["content-type", "application/dash+xml"];
const path = "/live/demo/720p/index.m3u8";

function rules(target: string, headers: readonly string[], body: string, status = 200): LiveRules {
  return liveRulesFor({ target, status, headers, read: readPlaylist(target, headers, Buffer.from(body)) });
}

const parts = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-PART-INF:PART-TARGET=0.2\n#EXTINF:2,\n7.m4s\n";
const plain = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n7.ts\n";
const multivariant = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\na.m3u8\n";
const mpd = (attributes: string) => `<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" ${attributes}>`;

test.each<[string, string, readonly string[], string, LiveRules]>([
  ["a live playlist with parts", path, HLS, parts, { kind: "live-playlist", maxLifetime: 0.1 }],
  ["a live playlist without parts", path, HLS, plain, { kind: "live-playlist", maxLifetime: 0.5 }],
  ["one by its name alone", path, [], plain, { kind: "live-playlist", maxLifetime: 0.5 }],
  [
    "one that a store called text",
    path,
    ["content-type", "text/plain"],
    plain,
    { kind: "live-playlist", maxLifetime: 0.5 },
  ],
  [
    "one with a type and no name",
    "/live?id=1",
    ["content-type", "audio/mpegurl; charset=utf-8"],
    plain,
    { kind: "live-playlist", maxLifetime: 0.5 },
  ],
  ["a blocking reload", `${path}?_HLS_msn=7&_HLS_part=1`, HLS, parts, { kind: "reload" }],
  [
    "a blocking reload of a stream that has ended",
    `${path}?_HLS_msn=7`,
    HLS,
    `${parts}#EXT-X-ENDLIST\n`,
    { kind: "ended-playlist" },
  ],
  ["a recording", path, HLS, `${plain}#EXT-X-ENDLIST\n`, { kind: "ended-playlist" }],
  ["a Multivariant Playlist", path, HLS, multivariant, { kind: "multivariant" }],
  ["parts of an hour", path, HLS, parts.replace("0.2", "3600"), { kind: "live-playlist", maxLifetime: 5 }],
  ["parts of a millisecond", path, HLS, parts.replace("0.2", "0.001"), { kind: "live-playlist", maxLifetime: 0.05 }],
  [
    "a live MPD",
    "/live/index.mpd",
    DASH,
    mpd('type="dynamic" minimumUpdatePeriod="PT2S"'),
    { kind: "live-mpd", maxLifetime: 1 },
  ],
  [
    "a live MPD that may change any time",
    "/a.mpd",
    DASH,
    mpd("type='dynamic' minimumUpdatePeriod='PT0S'"),
    { kind: "live-mpd", maxLifetime: 0.05 },
  ],
  [
    "a live MPD that does not change",
    "/a.mpd",
    DASH,
    mpd('type="dynamic" maxSegmentDuration="PT4.004S"'),
    { kind: "live-mpd", maxLifetime: 4.004 },
  ],
  ["a static MPD", "/a.mpd", DASH, mpd('mediaPresentationDuration="PT1H"'), { kind: "static-mpd" }],
  ["a segment", "/live/demo/720p/7.m4s", ["content-type", "video/mp4"], "", { kind: "other" }],
  ["a page whose name ends so", "/a.m3u8", ["content-type", "text/html"], plain, { kind: "other" }],
])("%s", (_what, target, headers, body, expected) => {
  expect(rules(target, headers, body)).toEqual(expected);
});

test("a playlist that was compressed is read all the same", () => {
  const headers = [...HLS, "content-encoding", "gzip"];
  const read = readPlaylist(path, headers, gzipSync(plain));
  expect(liveRulesFor({ target: path, status: 200, headers, read })).toMatchObject({ maxLifetime: 0.5 });
  expect(readPlaylist(path, headers, Buffer.from("no gzip"))).toBeUndefined();
  expect(readPlaylist(path, headers, gzipSync(Buffer.alloc(8 * 1024 * 1024)))).toBeUndefined();
});

test("before its body is here a playlist is kept as its stream's last one, or half of a short part", () => {
  const unread = { target: path, status: 200, headers: HLS };
  expect(liveRulesFor(unread)).toEqual({ kind: "unread", maxLifetime: DEFAULT_LIVE_LIFETIME });
  const streams = new LiveStreams();
  streams.learn(path, readPlaylist(path, HLS, Buffer.from(plain))!, 0);
  expect(liveRulesFor({ ...unread, stream: streams.of(path, 0) })).toEqual({ kind: "unread", maxLifetime: 0.5 });
  expect(liveRulesFor({ ...unread, target: `${path}?_HLS_msn=8` })).toEqual({ kind: "reload" });
});

test("an error that came as a playlist is none", () => {
  expect(rules(path, HLS, plain, 503)).toEqual({ kind: "other" });
});

const freshness = { lifetime: 0, initialAge: 0, receivedAt: 0 };

test.each([
  ["without a lifetime gets the rules'", 0, false, 0.1],
  ["with a longer one is cut", 2, true, 0.1],
  ["with a shorter one keeps it", 0.05, true, 0.05],
  ["that must not be kept is not", 0, true, 0],
])("a live playlist %s", (_what, lifetime, named, expected) => {
  const live = underLiveRules({ ...freshness, lifetime }, { kind: "live-playlist", maxLifetime: 0.1 }, named);
  expect(live).toEqual({ ...freshness, lifetime: expected });
});

test("what has no rules keeps what its fields say", () => {
  expect(underLiveRules({ ...freshness, lifetime: 60 }, { kind: "other" }, true).lifetime).toBe(60);
});

const edge =
  "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-PART-INF:PART-TARGET=0.2\n#EXTINF:2,\ns1-7.m4s\n" +
  '#EXT-X-PART:DURATION=0.2,URI="s1-p70.m4s"\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI="s1-p71.m4s"\n';

test.each([
  ["the hinted part", "s1-p71.m4s", true],
  ["the newest part, which another upstream has", "s1-p70.m4s", true],
  ["the segment being made", "s1-8.m4s", true],
  ["a part that is gone", "s1-p12.m4s", false],
  ["a segment that is gone", "s1-1.m4s", false],
  ["a part of next week", "s1-p999999.m4s", false],
  ["what was never there", "favicon.ico", false],
  ["another session", "s2-8.m4s", false],
])("at the live edge, %s (%s) is missing for a moment only: %s", (_what, name, ahead) => {
  const streams = new LiveStreams();
  streams.learn(path, readPlaylist(path, HLS, Buffer.from(edge))!, 0);
  const target = `/live/demo/720p/${name}`;
  const rule = liveRulesFor({ target, status: 404, headers: [], stream: streams.of(target, 1000) });
  expect(rule).toEqual(ahead ? { kind: "ahead", negativeTtl: 0.1 } : { kind: "other" });
});

test("renditions that share a folder have an edge each", () => {
  const streams = new LiveStreams();
  for (const [name, number] of [
    ["low", 7],
    ["high", 5],
  ] as const) {
    const body = `#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n${name}-${number}.ts\n`;
    streams.learn(`/live/${name}.m3u8`, readPlaylist("/live/a.m3u8", HLS, Buffer.from(body))!, 0);
  }
  const isAhead = (target: string) => streams.of(target, 0)?.isAhead(target);
  expect(["/live/low-8.ts", "/live/high-6.ts", "/live/low-6.ts"].map(isAhead)).toEqual([true, true, false]);
});

test("segments below an MPD belong to it, those of another stream do not", () => {
  const streams = new LiveStreams();
  const read = readPlaylist(
    "/live/demo/index.mpd",
    DASH,
    Buffer.from(mpd('type="dynamic" minimumUpdatePeriod="PT1S"')),
  )!;
  streams.learn("/live/demo/index.mpd", read, 0);
  expect(streams.of("/live/demo/video/chunk-7.m4s", 0)?.isAhead("/live/demo/video/chunk-7.m4s")).toBe(true);
  expect(streams.of("/live/other/video/chunk-7.m4s", 0)).toBeUndefined();
});

test("a stream that ended, or that nobody reloads any more, is not live", () => {
  const streams = new LiveStreams();
  streams.learn(path, readPlaylist(path, HLS, Buffer.from(edge))!, 0);
  expect(streams.of(path, 29_000)).toBeDefined();
  expect(streams.of(path, 31_000)).toBeUndefined();
  streams.learn(path, readPlaylist(path, HLS, Buffer.from(`${edge}#EXT-X-ENDLIST\n`))!, 0);
  expect(streams.of(path, 0)).toBeUndefined();
});
