import type { Packet } from "@ami-streams/media";
import { footage, peer } from "@ami-streams/testing";
import { describe, expect, test } from "vitest";
import { createPackager, type Packager } from "./packager.ts";
import { type EncodedClip, encodeClip } from "./testing/encoded-packets.ts";
import { mp4boxSamples, parsedDurations, parsedSegments, probe, serve } from "./testing/foreign-judges.ts";
import { sourceOf } from "./testing/live-scene.ts";
import { PlaylistJudge } from "./testing/playlist-judge.ts";

const noFfmpeg = peer("ffmpeg") === null || peer("ffprobe") === null;
const testCard = (rate: string, seconds: number) => [
  "-f",
  "lavfi",
  "-i",
  `testsrc2=size=320x180:rate=${rate}:duration=${seconds}`,
];
const tone = (rate: number, seconds: number) => [
  "-f",
  "lavfi",
  "-i",
  `sine=frequency=440:sample_rate=${rate}:duration=${seconds}`,
];
const x264 = ["-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-pix_fmt", "yuv420p", "-sc_threshold", "0"];
const aac = ["-c:a", "aac", "-b:a", "96k"];

/** Packages a whole clip; afterwards the stream has ended. */
async function packaged(clip: EncodedClip, options: Parameters<typeof createPackager>[0] = {}): Promise<Packager> {
  const packager = createPackager({ window: 60, ...options });
  await packager.package([sourceOf("clip", clip.packets)]);
  return packager;
}

/** From the first keyframe of the video, and audio from its presentation on, as a packager writes it. */
function expectedCount(clip: EncodedClip, kind: string): number {
  const key = clip.packets.find((packet) => packet.track.kind === "video" && packet.keyframe);
  const start = key === undefined ? 0 : key.pts / key.track.timescale;
  const from = (packet: Packet) => packet.track.kind === "video" || packet.pts / packet.track.timescale >= start - 1e-6;
  return clip.packets.filter((packet) => packet.track.kind === kind && from(packet)).length;
}

async function judge(clip: EncodedClip, codecs: readonly string[], options: Parameters<typeof createPackager>[0] = {}) {
  await using packager = await packaged(clip, options);
  const rules = new PlaylistJudge();
  const fetch = (path: string) => packager.handle(new Request(`http://stream${path}`));
  await rules.seeAll(fetch, "index.m3u8");
  await rules.seeAll(fetch, "hls.m3u8");
  rules.see("/index.mpd", await (await fetch("/index.mpd")).text());
  rules.verdict();
  await packager.close();
  await using server = await serve(packager.handle);
  const text = async (path: string) => (await fetch(path)).text();
  const kinds = [...new Set(clip.tracks.map((track) => track.kind))];
  for (const file of ["index.m3u8", "hls.m3u8", "index.mpd"]) {
    const streams = await probe(`${server.url}/${file}`);
    expect(streams.map((stream) => stream.codec).sort()).toEqual([...codecs].sort());
    for (const stream of streams) {
      const kind = ["aac", "opus"].includes(stream.codec) ? "audio" : "video";
      // FFmpeg's DASH demuxer ends with the first of its streams, and leaves what the others still have.
      const lost = expectedCount(clip, kind) - stream.packets;
      expect([file, kind, lost >= 0 && lost <= (file === "index.mpd" ? 4 : 0)]).toEqual([file, kind, true]);
      expect(stream.largestStep).toBeLessThan(0.1);
    }
  }
  const segments = parsedSegments(await text("/index.mpd"), `${server.url}/index.mpd`);
  for (const kind of kinds) {
    const id = kind === "video" || kinds.length === 1 ? "clip" : "audio";
    const playlist = await text(`/${id}/index.m3u8`);
    const names = [...playlist.matchAll(/^[^#\n].*m4s$/gm)].map(([name]) => name);
    expect(parsedDurations(playlist)).toHaveLength(names.length);
    expect(parsedDurations(await text(`/${id}/hls.m3u8`))).toHaveLength(names.length);
    const init = /MAP:URI="([^"]+)"/.exec(playlist)![1]!;
    const files = await Promise.all(
      [init, ...names].map(async (name) => new Uint8Array(await (await fetch(`/${id}/${name}`)).arrayBuffer())),
    );
    expect(mp4boxSamples(files).samples).toBe(expectedCount(clip, kind));
    if (kind === "video")
      expect(segments.flat()).toEqual(expect.arrayContaining(names.map((name) => `${server.url}/${id}/${name}`)));
  }
}

describe.skipIf(noFfmpeg)("players and parsers that others wrote take", () => {
  test.each([
    ["25", 50, 48_000],
    ["30000/1001", 60, 44_100],
    ["60", 120, 48_000],
    ["24", 33, 44_100],
  ])(
    "H.264 with B-frames at %s frames per second, keyframes every %d, and AAC at %d Hz",
    async (rate, gop, sampleRate) => {
      const clip = await encodeClip([
        ...testCard(rate, 8),
        ...tone(sampleRate, 8),
        ...x264,
        "-g",
        String(gop),
        ...aac,
        "-ar",
        String(sampleRate),
      ]);
      await judge(clip, ["h264", "aac"]);
    },
  );

  test("HEVC and Opus", async () => {
    const hevc = [
      "-c:v",
      "libx265",
      "-preset",
      "ultrafast",
      "-x265-params",
      "log-level=none:keyint=50:min-keyint=50:bframes=2",
      "-tag:v",
      "hvc1",
    ];
    const clip = await encodeClip([
      ...testCard("25", 6),
      ...tone(48_000, 6),
      ...hevc,
      "-pix_fmt",
      "yuv420p",
      "-c:a",
      "libopus",
      "-b:a",
      "64k",
    ]);
    await judge(clip, ["hevc", "opus"]);
  });

  test("AV1", async () => {
    const av1 = [
      "-c:v",
      "libaom-av1",
      "-cpu-used",
      "8",
      "-usage",
      "realtime",
      "-g",
      "50",
      "-b:v",
      "200k",
      "-pix_fmt",
      "yuv420p",
    ];
    await judge(await encodeClip([...testCard("25", 5), ...av1]), ["av1"]);
  });

  test("audio alone", async () => {
    await judge(await encodeClip([...tone(44_100, 9), ...aac]), ["aac"]);
  });

  test("video alone", async () => {
    await judge(await encodeClip([...testCard("30", 9), ...x264, "-g", "60"]), ["h264"]);
  });

  test("a group of pictures of five seconds", async () => {
    await judge(await encodeClip([...testCard("25", 12), ...tone(48_000, 12), ...x264, "-g", "125", ...aac]), [
      "h264",
      "aac",
    ]);
  });

  test.skipIf(footage("h264-1080p25-bframes-aac48.mp4") === null)("what a camera took, H.264", async () => {
    const clip = await encodeClip(["-t", "12", "-i", footage("h264-1080p25-bframes-aac48.mp4")!, "-c", "copy"]);
    await judge(clip, ["h264", "aac"]);
  });

  test.skipIf(footage("hevc-1080p30-aac48.mp4") === null)("what a camera took, HEVC", async () => {
    const clip = await encodeClip([
      "-t",
      "12",
      "-i",
      footage("hevc-1080p30-aac48.mp4")!,
      "-c",
      "copy",
      "-tag:v",
      "hvc1",
    ]);
    await judge(clip, ["hevc", "aac"]);
  });
});

describe.skipIf(noFfmpeg)("a live stream", () => {
  test("is one stream for ffprobe over a publisher's reconnect", async () => {
    const clip = await encodeClip([...testCard("25", 8), ...tone(48_000, 8), ...x264, "-g", "50", ...aac]);
    await using packager = await packaged(clip);
    const again = clip.tracks.map((track) => ({ ...track }));
    const renewed = clip.packets.map((packet) => ({ ...packet, track: again[clip.tracks.indexOf(packet.track)]! }));
    await packager.package([sourceOf("clip", renewed)]);
    const rules = new PlaylistJudge();
    const fetch = (path: string) => packager.handle(new Request(`http://stream${path}`));
    await rules.seeAll(fetch, "index.m3u8");
    rules.verdict();
    await packager.close();
    await using server = await serve(packager.handle);
    const streams = await probe(`${server.url}/clip/hls.m3u8`);
    expect(streams.map((stream) => stream.packets)).toEqual([2 * expectedCount(clip, "video")]);
  });
});
