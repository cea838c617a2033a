import { describe, expect, test } from "vitest";
import { MediaError } from "../errors.ts";
import { live } from "./authoring/sound-presentation.ts";
import { createDelta } from "./delta.ts";
import type { InitSection, Key, MediaPlaylist, Segment } from "./media-playlist.ts";
import { writeMediaPlaylist } from "./write-media-playlist.ts";

const bare: MediaPlaylist = { type: "media", targetDuration: 4, mediaSequence: 0, segments: [] };
const write = (...segments: Segment[]): string => writeMediaPlaylist({ ...bare, segments });

describe("a whole document", () => {
  test("of low latency, in the middle of a segment", () => {
    const playlist = live(12, 2);
    expect(writeMediaPlaylist({ ...playlist, mediaSequence: 9, segments: playlist.segments.slice(7) })).toBe(`#EXTM3U
#EXT-X-VERSION:9
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12,HOLD-BACK=6,PART-HOLD-BACK=1.5
#EXT-X-PART-INF:PART-TARGET=0.5
#EXT-X-MEDIA-SEQUENCE:9
#EXT-X-DISCONTINUITY-SEQUENCE:0
#EXT-X-MAP:URI="init.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:18.000Z
#EXTINF:2,
s9.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:20.000Z
#EXT-X-PART:DURATION=0.5,URI="s10.p0.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.5,URI="s10.p1.m4s"
#EXT-X-PART:DURATION=0.5,URI="s10.p2.m4s"
#EXT-X-PART:DURATION=0.5,URI="s10.p3.m4s"
#EXTINF:2,
s10.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:22.000Z
#EXT-X-PART:DURATION=0.5,URI="s11.p0.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.5,URI="s11.p1.m4s"
#EXT-X-PART:DURATION=0.5,URI="s11.p2.m4s"
#EXT-X-PART:DURATION=0.5,URI="s11.p3.m4s"
#EXTINF:2,
s11.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:24.000Z
#EXT-X-PART:DURATION=0.5,URI="s12.p0.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.5,URI="s12.p1.m4s"
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="s12.p2.m4s"
#EXT-X-RENDITION-REPORT:URI="../audio/index.m3u8",LAST-MSN=12,LAST-PART=1
`);
  });

  test("of a delta update, which says again what map is in force", () => {
    const delta = createDelta({ ...live(110, 0), preloadHints: [], renditionReports: [] });
    expect(writeMediaPlaylist({ ...delta, segments: delta.segments.slice(0, 2) })).toBe(`#EXTM3U
#EXT-X-VERSION:9
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12,HOLD-BACK=6,PART-HOLD-BACK=1.5
#EXT-X-PART-INF:PART-TARGET=0.5
#EXT-X-MEDIA-SEQUENCE:100
#EXT-X-DISCONTINUITY-SEQUENCE:0
#EXT-X-SKIP:SKIPPED-SEGMENTS=4
#EXT-X-MAP:URI="init.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:03:28.000Z
#EXTINF:2,
s104.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:03:30.000Z
#EXTINF:2,
s105.m4s
`);
  });

  test("of a recording with everything a segment can have", () => {
    const map: InitSection = { uri: "init.mp4", byteRange: { length: 700, offset: 0 } };
    const keys: readonly Key[] = [
      {
        method: "SAMPLE-AES",
        uri: "skd://1",
        iv: new Uint8Array(16).fill(171),
        keyFormat: "com.apple.streamingkeydelivery",
        keyFormatVersions: [1, 2],
      },
    ];
    const playlist: MediaPlaylist = {
      ...bare,
      mediaSequence: 3,
      playlistType: "VOD",
      start: { timeOffset: -4.5, precise: true },
      defines: [{ name: "base", value: "https://x/" }, { import: "token" }],
      unknownTags: ["#EXT-X-IMAGES-ONLY"],
      dateRanges: [
        {
          id: "ad-1",
          class: "com.apple.hls.interstitial",
          startDate: Date.UTC(2026, 0, 1),
          cue: ["PRE", "ONCE"],
          duration: 15,
          clientAttributes: { "X-ASSET-URI": "ad.m3u8", "X-RESUME-OFFSET": 0, "X-ID": new Uint8Array([1, 255]) },
          scte35Out: new Uint8Array([252, 48]),
        },
      ],
      segments: [
        {
          uri: "{$base}all.mp4",
          duration: 4,
          title: "first",
          byteRange: { length: 1000, offset: 700 },
          map,
          keys,
          programDateTime: 0,
        },
        { uri: "b.mp4", duration: 3.9999999, map, keys, bitrate: 800, gap: true, unknownTags: ["#EXT-X-CUE-OUT:15"] },
        { uri: "c.mp4", duration: 1 / 3, map: { uri: "init2.mp4" }, bitrate: 800, discontinuity: true },
      ],
      endList: true,
    };
    expect(writeMediaPlaylist(playlist)).toBe(`#EXTM3U
#EXT-X-VERSION:8
#EXT-X-DEFINE:NAME="base",VALUE="https://x/"
#EXT-X-DEFINE:IMPORT="token"
#EXT-X-START:TIME-OFFSET=-4.5,PRECISE=YES
#EXT-X-TARGETDURATION:4
#EXT-X-MEDIA-SEQUENCE:3
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-IMAGES-ONLY
#EXT-X-DATERANGE:ID="ad-1",CLASS="com.apple.hls.interstitial",START-DATE="2026-01-01T00:00:00.000Z",CUE="PRE,ONCE",DURATION=15,X-ASSET-URI="ad.m3u8",X-RESUME-OFFSET=0,X-ID=0x01FF,SCTE35-OUT=0xFC30
#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://1",IV=0xABABABABABABABABABABABABABABABAB,KEYFORMAT="com.apple.streamingkeydelivery",KEYFORMATVERSIONS="1/2"
#EXT-X-MAP:URI="init.mp4",BYTERANGE="700@0"
#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:00.000Z
#EXTINF:4,first
#EXT-X-BYTERANGE:1000@700
{$base}all.mp4
#EXT-X-BITRATE:800
#EXT-X-GAP
#EXTINF:4,
#EXT-X-CUE-OUT:15
b.mp4
#EXT-X-DISCONTINUITY
#EXT-X-KEY:METHOD=NONE
#EXT-X-MAP:URI="init2.mp4"
#EXTINF:0.333333,
c.mp4
#EXT-X-ENDLIST
`);
  });
});

describe("the version is the lowest that allows what is used", () => {
  const map: InitSection = { uri: "i" };
  const one: Segment = { uri: "a.ts", duration: 4 };
  const key: Key = { method: "AES-128", uri: "k" };
  test.each<[string, number, Partial<MediaPlaylist>]>([
    ["whole seconds", 1, { segments: [one] }],
    ["an IV", 2, { segments: [{ ...one, keys: [{ ...key, iv: new Uint8Array(16) }] }] }],
    ["fractions of seconds", 3, { segments: [{ ...one, duration: 3.5 }] }],
    ["byte ranges", 4, { segments: [{ ...one, byteRange: { length: 1, offset: 0 } }] }],
    ["I-frames only", 4, { iFramesOnly: true, segments: [one] }],
    ["a map of I-frames", 5, { iFramesOnly: true, segments: [{ ...one, map }] }],
    ["a key format", 5, { segments: [{ ...one, keys: [{ ...key, keyFormat: "x" }] }] }],
    ["SAMPLE-AES", 5, { segments: [{ ...one, keys: [{ ...key, method: "SAMPLE-AES" }] }] }],
    ["a map", 6, { segments: [{ ...one, map }] }],
    ["a map of a segment still being made", 6, { openSegment: { parts: [{ uri: "p", duration: 1 }], map } }],
    ["variables", 8, { defines: [{ name: "a", value: "b" }] }],
    ["a delta update", 9, { skip: { skippedSegments: 1 } }],
    ["an offer of delta updates, which are 9", 9, { serverControl: { canSkipUntil: 24 } }],
    ["a delta update without date ranges", 10, { skip: { skippedSegments: 1, recentlyRemovedDateRanges: [] } }],
    ["a variable from the query", 11, { defines: [{ queryParam: "a" }] }],
  ])("%s: %i", (_, version, changes) => {
    const text = writeMediaPlaylist({ ...bare, ...changes });
    expect(/^#EXT-X-VERSION:(\d+)$/m.exec(text)?.[1] ?? "1").toBe(String(version));
  });
});

describe("tags that apply to what follows are written where they change", () => {
  const one: Segment = { uri: "a", duration: 4 };
  const lines = (...segments: Segment[]): string[] =>
    write(...segments).match(/^(?:#EXT-X-(?:KEY|MAP|BITRATE)|[^#]).*$/gm) ?? [];
  const a: Key = { method: "AES-128", uri: "a" };
  const b: Key = { method: "SAMPLE-AES", uri: "b", keyFormat: "b" };

  test("equal values in different objects are no change", () => {
    expect(
      lines({ ...one, map: { uri: "i" }, keys: [{ ...a }] }, { ...one, map: { uri: "i" }, keys: [{ ...a }] }),
    ).toEqual(['#EXT-X-KEY:METHOD=AES-128,URI="a"', '#EXT-X-MAP:URI="i"', "a", "a"]);
  });

  test("a format that is no longer used is ended before the others go on", () => {
    expect(lines({ ...one, keys: [a, b] }, { ...one, keys: [a] })).toEqual([
      '#EXT-X-KEY:METHOD=AES-128,URI="a"',
      '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="b",KEYFORMAT="b"',
      "a",
      "#EXT-X-KEY:METHOD=NONE",
      '#EXT-X-KEY:METHOD=AES-128,URI="a"',
      "a",
    ]);
  });

  test("a map encrypted with an older key keeps it when that key's segments have left the window", () => {
    const map: InitSection = { uri: "i", keys: [a] };
    const rotated: Key = { method: "AES-128", uri: "rotated" };
    expect(lines({ ...one, map, keys: [rotated] })).toEqual([
      '#EXT-X-KEY:METHOD=AES-128,URI="a"',
      '#EXT-X-MAP:URI="i"',
      '#EXT-X-KEY:METHOD=AES-128,URI="rotated"',
      "a",
    ]);
  });

  test("a clear map before encrypted segments", () => {
    expect(lines({ ...one, map: { uri: "i", keys: [] }, keys: [a] })).toEqual([
      '#EXT-X-MAP:URI="i"',
      '#EXT-X-KEY:METHOD=AES-128,URI="a"',
      "a",
    ]);
  });
});

describe("what cannot be written is refused", () => {
  const one: Segment = { uri: "a", duration: 4 };
  test.each<[string, Partial<MediaPlaylist>]>([
    ["a line break in a URI", { segments: [{ ...one, uri: "a\nb" }] }],
    ["a URI that would be a tag", { segments: [{ ...one, uri: "#a" }] }],
    ["an empty URI", { segments: [{ ...one, uri: "" }] }],
    ["a line break in a title", { segments: [{ ...one, title: "a\r" }] }],
    ["a quotation mark in an attribute", { preloadHints: [{ type: "PART", uri: 'a",TYPE=MAP' }] }],
    ["a negative duration", { segments: [{ ...one, duration: -1 }] }],
    ["a duration that is no number", { segments: [{ ...one, duration: Number.NaN }] }],
    ["a fraction of a sequence number", { mediaSequence: 1.5 }],
    [
      "an IV of another length",
      { segments: [{ ...one, keys: [{ method: "AES-128", uri: "k", iv: new Uint8Array(8) }] }] },
    ],
    [
      "a fraction of a key format version",
      { segments: [{ ...one, keys: [{ method: "SAMPLE-AES", uri: "k", keyFormatVersions: [1.5] }] }] },
    ],
    ["a date of no time", { segments: [{ ...one, programDateTime: Number.NaN }] }],
    ["a segment without map after one with it", { segments: [{ ...one, map: { uri: "i" } }, one] }],
    ["a client attribute in lower case", { dateRanges: [{ id: "a", clientAttributes: { "X-a": 1 } }] }],
    ["a tag that is none", { unknownTags: ["EXT"] }],
  ])("%s", (_, changes) => {
    expect(() => writeMediaPlaylist({ ...bare, ...changes })).toThrow(MediaError);
  });
});
