/**
 * Writing and reading playlists and MPDs: CPU per document, beside hls-parser, m3u8-parser and mpd-parser.
 *
 * "live" is a window of 6 segments, "hour" one of 1,800, both with parts of 0.5 s at the edge. Writing counts the whole way to bytes, as a server goes
 * it: the same segments as in the playlist before, but for the newest.
 */

import * as hlsParser from "hls-parser";
import { Parser } from "m3u8-parser";
import { parse as mpdParser } from "mpd-parser";
import {
  type HlsSegment,
  type MediaPlaylist,
  type Mpd,
  parseMpd,
  parsePlaylist,
  writeMediaPlaylist,
  writeMpd,
} from "../src/index.ts";

const ROUNDS = 6;
const MILLISECONDS_PER_ROUND = 400;
const EPOCH = Date.UTC(2026, 0, 1);
const map = { uri: "7f3a/720p/init-1.mp4" };
const encoder = new TextEncoder();

function part(msn: number, index: number): { uri: string; duration: number; independent?: boolean } {
  const common = { uri: `7f3a/720p/s${msn}.${index}.m4s`, duration: 0.500_5 };
  return index === 0 ? { ...common, independent: true } : common;
}

function segment(msn: number, hasParts: boolean): HlsSegment {
  const common = { uri: `7f3a/720p/s${msn}.m4s`, duration: 2.002, map, programDateTime: EPOCH + msn * 2002 };
  return hasParts ? { ...common, parts: [0, 1, 2, 3].map((index) => part(msn, index)) } : common;
}

function playlist(count: number, remake: boolean): () => MediaPlaylist {
  const segments = Array.from({ length: count }, (_, index) => segment(index, index >= count - 2));
  let parts = 0;
  return () => {
    parts = (parts % 4) + 1;
    return {
      type: "media",
      targetDuration: 2,
      mediaSequence: 4711,
      discontinuitySequence: 0,
      independentSegments: true,
      partTarget: 0.500_5,
      serverControl: { canBlockReload: true, canSkipUntil: 12, holdBack: 6, partHoldBack: 1.501_5 },
      // The newest segment is new each time; all are when nothing is to be reused.
      segments: remake ? segments.map((item) => ({ ...item })) : [...segments.slice(0, -1), { ...segments.at(-1)! }],
      openSegment: { map, parts: [0, 1, 2, 3].slice(0, parts).map((index) => part(count, index)) },
      preloadHints: [{ type: "PART", uri: `7f3a/720p/s${count}.${parts}.m4s` }],
      renditionReports: ["480p", "360p", "audio"].map((name) => ({
        uri: `../${name}/index.m3u8`,
        lastMsn: 4711 + count,
        lastPart: parts - 1,
      })),
    };
  };
}

const mpd: Mpd = {
  profiles: ["urn:mpeg:dash:profile:isoff-live:2011"],
  type: "dynamic",
  availabilityStartTime: EPOCH,
  publishTime: EPOCH + 123_456,
  minimumUpdatePeriod: 2,
  minBufferTime: 1,
  timeShiftBufferDepth: 60,
  suggestedPresentationDelay: 2,
  serviceDescriptions: [
    { id: 0, latency: { target: 1500, min: 1000, max: 4000 }, playbackRate: { min: 0.96, max: 1.04 } },
  ],
  periods: [
    {
      id: "0",
      start: 0,
      adaptationSets: [3, 1].map((rungs, set) => ({
        id: set,
        contentType: set === 0 ? "video" : "audio",
        lang: "en",
        mimeType: set === 0 ? "video/mp4" : "audio/mp4",
        segmentAlignment: true,
        startWithSap: 1,
        segmentTemplate: {
          media: "7f3a/$RepresentationID$/s$Number$.m4s",
          initialization: "7f3a/$RepresentationID$/init-1.mp4",
          timescale: 48_000,
          availabilityTimeOffset: 1.5,
          availabilityTimeComplete: false,
          startNumber: 100,
          timeline: Array.from({ length: 30 }, (_, index) =>
            index === 0 ? { t: 9_600_000, d: 96_096 } : { d: 96_000 + (index % 3) * 64 },
          ),
        },
        representations: Array.from({ length: rungs }, (_, rung) => ({
          id: `${set}-${rung}`,
          bandwidth: 1_000_000 * (rung + 1),
          codecs: ["avc1.64001f"],
          width: 1280,
          height: 720,
        })),
      })),
    },
  ],
  utcTimings: [{ schemeIdUri: "urn:mpeg:dash:utc:http-iso:2014", value: "/time" }],
};

/** CPU microseconds of one call. */
function cost(run: () => number): number {
  globalThis.gc?.();
  const begin = performance.now();
  const start = process.cpuUsage();
  let calls = 0;
  let sum = 0;
  for (; performance.now() - begin < MILLISECONDS_PER_ROUND; calls += 1) sum += run();
  const { user, system } = process.cpuUsage(start);
  if (sum === 0) throw new Error("nothing was made");
  return (user + system) / calls;
}

const bytesOf = (text: string): number => encoder.encode(text).length;
const byM3u8Parser = (text: string): number => {
  const parser = new Parser();
  parser.push(text);
  parser.end();
  return parser.manifest.segments.length;
};

hlsParser.setOptions({ silent: true });
console.log("| document | bytes | who | CPU µs | × ours |");
console.log("| --- | --- | --- | --- | --- |");

function table(document: string, bytes: number, rows: readonly (readonly [who: string, run: () => number])[]): void {
  // Row after row in each round, the best of all rounds: the first warm up, and noise hits all alike.
  const best = rows.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [index, [, run]] of rows.entries()) best[index] = Math.min(best[index]!, cost(run));
  }
  for (const [index, [who]] of rows.entries()) {
    const microseconds = best[index]!;
    console.log(
      `| ${document} | ${bytes} | ${who} | ${microseconds.toFixed(1)} | ${(microseconds / best[0]!).toFixed(2)} |`,
    );
  }
}

for (const [name, count] of [
  ["live", 6],
  ["hour", 1800],
] as const) {
  const next = playlist(count, false);
  const remade = playlist(count, true);
  const text = writeMediaPlaylist(next());
  const theirs = hlsParser.parse(text);
  table(`write a media playlist, ${name}`, bytesOf(text), [
    ["ours", () => bytesOf(writeMediaPlaylist(next()))],
    ["ours, no segment seen before", () => bytesOf(writeMediaPlaylist(remade()))],
    ["hls-parser", () => bytesOf(hlsParser.stringify(theirs))],
  ]);
  table(`read a media playlist, ${name}`, bytesOf(text), [
    ["ours", () => (parsePlaylist(text) as MediaPlaylist).segments.length],
    ["hls-parser", () => (hlsParser.parse(text) as InstanceType<typeof hlsParser.types.MediaPlaylist>).segments.length],
    ["m3u8-parser", () => byM3u8Parser(text)],
  ]);
}
const xml = writeMpd(mpd);
table("write an MPD", bytesOf(xml), [["ours", () => bytesOf(writeMpd(mpd))]]);
table("read an MPD", bytesOf(xml), [
  ["ours", () => parseMpd(xml).periods.length],
  ["mpd-parser (and all segments)", () => mpdParser(xml, { manifestUri: "http://host/index.mpd" }).playlists.length],
]);
