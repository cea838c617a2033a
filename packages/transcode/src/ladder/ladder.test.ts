import type { AudioTrack, VideoTrack } from "@ami-streams/media";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bitrateFor } from "./bitrates.ts";
import { createLadder, type LadderOptions } from "./ladder.ts";
import type { Rung, VideoSettings } from "./rung.ts";

function picture(width: number, height: number, more: Partial<VideoTrack> = {}): VideoTrack {
  const config = new Uint8Array();
  return {
    kind: "video",
    id: 1,
    codec: "avc1.64001f",
    timescale: 90_000,
    config,
    width,
    height,
    frameRate: 30,
    ...more,
  };
}

function sound(more: Partial<AudioTrack> = {}): AudioTrack {
  const config = new Uint8Array();
  return {
    kind: "audio",
    id: 2,
    codec: "mp4a.40.2",
    timescale: 48_000,
    config,
    sampleRate: 48_000,
    channels: 2,
    ...more,
  };
}

/** `name WxH@rate bitrate`, or `name copy`. */
function say(rungs: readonly Rung[]): string[] {
  return rungs.map(({ name, video, audio }) => {
    if (video === "copy" || audio === "copy") return `${name} copy`;
    if (video !== undefined)
      return `${name} ${video.width}x${video.height}@${video.frameRate} ${video.bitrate / 1000}k`;
    return `${name} ${audio?.codec} ${audio?.sampleRate}/${audio?.channels} ${(audio?.bitrate ?? 0) / 1000}k`;
  });
}

const encoded = (rungs: readonly Rung[]) =>
  rungs.flatMap(({ video }) => (video === undefined || video === "copy" ? [] : [video]));

describe("ladder", () => {
  test.each<[string, VideoTrack, LadderOptions, string[]]>([
    [
      "1080p",
      picture(1920, 1080),
      {},
      ["1080p copy", "720p 1280x720@30 3000k", "480p 854x480@30 1400k", "360p 640x360@30 730k"],
    ],
    ["720p", picture(1280, 720), {}, ["720p copy", "480p 854x480@30 1400k", "360p 640x360@30 730k"]],
    ["480p", picture(854, 480), {}, ["480p copy", "360p 640x360@30 730k"]],
    ["smaller than any rung", picture(320, 180), {}, ["180p copy"]],
    [
      "portrait",
      picture(1080, 1920),
      {},
      ["1080p copy", "720p 720x1280@30 3000k", "480p 480x854@30 1400k", "360p 360x640@30 730k"],
    ],
    [
      "cinema",
      picture(1920, 804),
      {},
      ["804p copy", "536p 1280x536@30 2330k", "358p 854x358@30 1090k", "268p 640x268@30 570k"],
    ],
    ["odd sizes", picture(1279, 719), {}, ["719p copy", "480p 854x480@30 1400k", "360p 640x360@30 730k"]],
    [
      "4K",
      picture(3840, 2160),
      {},
      ["2160p copy", "1080p 1920x1080@30 6000k", "720p 1280x720@30 3000k", "360p 640x360@30 730k"],
    ],
    [
      "60 frames per second",
      picture(1280, 720, { frameRate: 60 }),
      { copyVideo: [] },
      ["720p 1280x720@60 4500k", "480p 854x480@30 1400k", "360p 640x360@30 730k"],
    ],
    [
      "59.94 frames per second",
      picture(854, 480, { frameRate: 60_000 / 1001 }),
      { copyVideo: [] },
      [`480p 854x480@${30_000 / 1001} 1400k`, `360p 640x360@${30_000 / 1001} 730k`],
    ],
    [
      "a codec few players know",
      picture(1280, 720, { codec: "hvc1.1.6.L93.B0" }),
      { maxRungs: 2 },
      ["720p 1280x720@30 3000k", "360p 640x360@30 730k"],
    ],
    [
      "that codec, where all do",
      picture(1280, 720, { codec: "hvc1.1.6.L93.B0" }),
      { copyVideo: ["hevc"], maxRungs: 1 },
      ["720p copy"],
    ],
    ["H.264 with 10 bits", picture(640, 360, { codec: "avc1.6e001f" }), {}, ["360p 640x360@30 730k"]],
    ["a lean source", picture(1280, 720, { bitrate: 900_000 }), { maxRungs: 2 }, ["720p copy", "360p 640x360@30 450k"]],
    ["lower rungs wanted", picture(640, 360), { minHeight: 180 }, ["360p copy", "240p 426x240@30 370k"]],
  ])("%s", (_name, track, options, expected) => {
    expect(say(createLadder([track], options))).toEqual(expected);
  });

  test("audio is one rung for each track, copied where players know it", () => {
    expect(say(createLadder([sound(), sound({ id: 3, codec: "opus" })]))).toEqual(["audio copy", "audio-2 copy"]);
    expect(say(createLadder([sound({ codec: "mp4a.6b", sampleRate: 44_100 })]))).toEqual(["audio aac 44100/2 128k"]);
    expect(say(createLadder([sound({ codec: "mp4a.40.34", sampleRate: 22_050, channels: 1 })]))).toEqual([
      "audio aac 48000/1 76.8k",
    ]);
    expect(say(createLadder([picture(1280, 720), sound()], { audioOnly: true }))).toEqual(["audio copy"]);
  });

  test("a list replaces the choice, a function changes it", () => {
    const own: Rung = { name: "mine", video: "copy", audio: "copy" };
    expect(createLadder([picture(640, 360), sound()], { rungs: [own] })).toEqual([own]);
    const without = createLadder([picture(640, 360), sound()], {
      rungs: (rungs) => rungs.filter(({ audio }) => audio === undefined),
    });
    expect(say(without)).toEqual(["360p copy"]);
  });

  test("a source without tracks has no ladder", () => {
    expect(() => createLadder([])).toThrow(expect.objectContaining({ code: "NO_TRACKS" }));
    expect(() => createLadder([sound()], { rungs: [] })).toThrow(expect.objectContaining({ code: "NO_TRACKS" }));
  });

  const good: VideoSettings = { codec: "h264", width: 640, height: 360, frameRate: 30, bitrate: 500_000 };
  test.each<[string, Rung[]]>([
    [
      "two of a name",
      [
        { name: "a", video: "copy" },
        { name: "a", video: good },
      ],
    ],
    ["a name that is no URL path", [{ name: "../a", video: "copy" }]],
    ["no media", [{ name: "a" }]],
    ["a track that is not there", [{ name: "a", video: "copy", videoTrack: 9 }]],
    ["media that is not there", [{ name: "a", audio: "copy" }]],
    ["an odd width", [{ name: "a", video: { ...good, width: 641 } }]],
    ["no frame rate", [{ name: "a", video: { ...good, frameRate: 0 } }]],
    ["no bitrate", [{ name: "a", video: { ...good, bitrate: 0 } }]],
  ])("own rungs with %s are refused", (_name, rungs) => {
    expect(() => createLadder([picture(1280, 720)], { rungs })).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION" }),
    );
  });

  test("maxRungs below 1 is refused", () => {
    expect(() => createLadder([picture(1280, 720)], { maxRungs: 0 })).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION" }),
    );
  });

  const anyPicture = fc
    .record({
      width: fc.integer({ min: 2, max: 7680 }),
      height: fc.integer({ min: 2, max: 4320 }),
      frameRate: fc.option(fc.constantFrom(15, 24, 25, 30_000 / 1001, 30, 50, 60_000 / 1001, 60, 120), {
        nil: undefined,
      }),
      codec: fc.constantFrom("avc1.42c01f", "avc1.640028", "hvc1.1.6.L93.B0", "av01.0.04M.08", "vp09.00.10.08"),
      bitrate: fc.option(fc.integer({ min: 20_000, max: 50_000_000 }), { nil: undefined }),
    })
    .map(({ width, height, frameRate, bitrate, codec }) =>
      picture(width, height, {
        codec,
        ...(frameRate === undefined ? {} : { frameRate }),
        ...(bitrate === undefined ? {} : { bitrate }),
      }),
    );

  test("no rung is larger than its source, all are even, keep the shape, and get smaller one by one", () => {
    fc.assert(
      fc.property(anyPicture, fc.integer({ min: 1, max: 7 }), (track, maxRungs) => {
        const rungs = createLadder([track], { maxRungs, minHeight: 180 });
        expect(rungs.length).toBeGreaterThanOrEqual(1);
        expect(rungs.length).toBeLessThanOrEqual(maxRungs);
        let area = Number.POSITIVE_INFINITY;
        for (const { width, height, frameRate, bitrate } of encoded(rungs)) {
          expect(width).toBeLessThanOrEqual(Math.max(2, track.width));
          expect(height).toBeLessThanOrEqual(Math.max(2, track.height));
          expect([width % 2, height % 2]).toEqual([0, 0]);
          // Each side is at most one even step from the shape's.
          const scale = Math.max(width / track.width, height / track.height);
          expect(Math.abs(track.width * scale - width)).toBeLessThanOrEqual(2 + 2 * (track.width / track.height));
          expect(Math.abs(track.height * scale - height)).toBeLessThanOrEqual(2 + 2 * (track.height / track.width));
          expect(frameRate).toBeLessThanOrEqual(track.frameRate ?? 30);
          expect(width * height).toBeLessThan(area);
          expect(bitrate).toBeGreaterThanOrEqual(50_000);
          area = width * height;
        }
        expect(new Set(rungs.map(({ name }) => name)).size).toBe(rungs.length);
      }),
    );
  });

  test("more pixels never get fewer bits, newer codecs never more", () => {
    const side = fc.integer({ min: 16, max: 4000 });
    fc.assert(
      fc.property(side, side, fc.constantFrom(25, 30, 60), (width, height, frameRate) => {
        const bits = bitrateFor({ width, height, frameRate, codec: "h264" });
        expect(bitrateFor({ width: width * 1.5, height, frameRate, codec: "h264" })).toBeGreaterThanOrEqual(bits);
        expect(bitrateFor({ width, height, frameRate, codec: "hevc" })).toBeLessThanOrEqual(bits);
      }),
    );
  });
});
