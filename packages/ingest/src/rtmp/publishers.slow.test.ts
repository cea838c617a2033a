/** Real encoders publish to the server: every packet's time and duration is checked. */

import type { Packet } from "@ami-streams/media";
import { libavPublisher, peer } from "@ami-streams/testing";
import { describe, expect, test } from "vitest";
import { createRtmpServer, type Publication, type PublicationEnd } from "../index.ts";
import { runProgram } from "../testing/program.ts";

interface Recording {
  readonly publication: Publication;
  readonly packets: readonly Packet[];
  readonly end: PublicationEnd;
}

/** Everything that a program publishes. */
async function record(program: string, args: (url: string) => readonly string[]): Promise<Recording> {
  await using server = await createRtmpServer({ port: 0, host: "127.0.0.1" });
  const publications = server.publications()[Symbol.asyncIterator]();
  await using publisher = runProgram(program, args(`${server.url}/live/test`));
  const failed = publisher.exit.then(({ stderr }) => {
    throw new Error(`the publisher ended before it began: ${stderr}`);
  });
  const { value } = await Promise.race([publications.next(), failed]);
  failed.catch(() => {});
  const publication = value as Publication;
  const packets: Packet[] = [];
  for await (const packet of publication.packets()) packets.push(packet);
  return { publication, packets, end: await publication.closed };
}

function ofKind({ packets }: Recording, kind: "video" | "audio"): Packet[] {
  return packets.filter(({ track }) => track.kind === kind);
}

/** Time only goes forward, without a gap, and nothing had to be put right. */
function expectSeamless(recording: Recording): void {
  for (const kind of ["video", "audio"] as const) {
    const packets = ofKind(recording, kind);
    packets.forEach(({ dts, pts, duration }, index) => {
      if (dts < 0 || pts < dts || duration <= 0) throw new Error(`${kind} packet ${index}: ${dts} ${pts} ${duration}`);
      const before = packets[index - 1];
      if (before !== undefined && before.dts + before.duration !== dts)
        throw new Error(`${kind}: a gap at packet ${index}`);
    });
  }
  expect(Object.values(recording.publication.stats.repairs).every((count) => count === 0)).toBe(true);
  expect(recording.end).toEqual({ reason: "unpublished" });
}

/** Presentation times in ticks, sorted: every frame in its place. */
function expectGrid(packets: readonly Packet[], period: number, count: number): void {
  const shown = packets.map(({ pts }) => pts).sort((a, b) => a - b);
  expect(shown.map((pts) => (pts - shown[0]!) / period)).toEqual(Array.from({ length: count }, (_, index) => index));
}

describe.skipIf(peer("ffmpeg") === null)("ffmpeg publishes", () => {
  const ffmpeg = peer("ffmpeg") ?? "";
  const input = (rate: string, seconds: number) => [
    "-f",
    "lavfi",
    "-i",
    `testsrc2=size=320x180:rate=${rate}:duration=${seconds}`,
  ];
  const tone = (rate: number, seconds: number) => ["-f", "lavfi", "-i", `sine=sample_rate=${rate}:duration=${seconds}`];
  const x264 = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-pix_fmt", "yuv420p"];

  for (const [rate, period] of [
    ["25", 4800],
    ["30000/1001", 4004],
    ["60", 2000],
    ["24000/1001", 5005],
  ] as const) {
    for (const sampleRate of [44_100, 48_000]) {
      test(`H.264 with B-frames at ${rate}, AAC at ${sampleRate} Hz: whole frame durations, sample-exact audio`, async () => {
        const recording = await record(ffmpeg, (url) => [
          ...[
            "-v",
            "error",
            ...input(rate, 6),
            ...tone(sampleRate, 6),
            ...x264,
            "-bf",
            "2",
            "-x264-params",
            "b-adapt=0",
          ],
          ...["-c:a", "aac", "-f", "flv", url],
        ]);
        expectSeamless(recording);
        const video = ofKind(recording, "video");
        const [numerator, denominator = "1"] = rate.split("/");
        expect(video.every(({ duration }) => duration === period)).toBe(true);
        expect(video.some(({ pts, dts }) => pts > dts)).toBe(true);
        expectGrid(video, period, Math.ceil((6 * Number(numerator)) / Number(denominator)));
        const audio = ofKind(recording, "audio");
        expect(audio.every(({ duration }) => duration === 1024)).toBe(true);
        expect(audio[0]!.track).toMatchObject({ codec: "mp4a.40.2", sampleRate, timescale: sampleRate });
        expect(video[0]).toMatchObject({ keyframe: true, track: { width: 320, height: 180 } });
      });
    }
  }

  test("audio alone", async () => {
    const recording = await record(ffmpeg, (url) => [
      "-v",
      "error",
      "-re",
      ...tone(48_000, 4),
      "-c:a",
      "aac",
      "-f",
      "flv",
      url,
    ]);
    expectSeamless(recording);
    expect(recording.publication.tracks).toMatchObject([{ kind: "audio", id: 2 }]);
    // Readers of audio alone start at the newest packet: what was held while video was waited for has gone by.
    expect(recording.packets.length).toBeGreaterThan(120);
  });

  test("video alone", async () => {
    const recording = await record(ffmpeg, (url) => ["-v", "error", ...input("25", 4), ...x264, "-f", "flv", url]);
    expectSeamless(recording);
    expect(recording.publication.tracks).toMatchObject([{ kind: "video", id: 1 }]);
    expectGrid(recording.packets, 4800, 100);
  });

  test("MP3", async () => {
    const recording = await record(ffmpeg, (url) => [
      ...["-v", "error", ...input("25", 4), ...tone(44_100, 4), ...x264, "-c:a", "libmp3lame", "-f", "flv", url],
    ]);
    expectSeamless(recording);
    const audio = ofKind(recording, "audio");
    expect(audio[0]!.track).toMatchObject({
      codec: expect.stringMatching(/^mp4a\.(6b|69|40\.34)$/i),
      sampleRate: 44_100,
    });
    expect(audio.every(({ duration }) => duration === 1152)).toBe(true);
  });

  test("timestamps that pass 4 h 39 min, with the extended timestamp in every chunk", async () => {
    const recording = await record(ffmpeg, (url) => [
      ...["-v", "error", ...input("25", 6), ...tone(48_000, 6), ...x264, "-b:v", "4M", "-c:a", "aac"],
      ...["-output_ts_offset", "16775", "-f", "flv", url],
    ]);
    expectSeamless(recording);
    expectGrid(ofKind(recording, "video"), 4800, 150);
  });
});

describe.skipIf(peer("gst-launch-1.0") === null)("GStreamer publishes", () => {
  const pipeline = (sink: string) => [
    ...["-q", "videotestsrc", "num-buffers=150", "!", "video/x-raw,width=320,height=180,framerate=30/1", "!"],
    ...[
      "x264enc",
      "speed-preset=ultrafast",
      "key-int-max=30",
      "bframes=2",
      "!",
      "h264parse",
      "!",
      "flvmux",
      "name=mux",
      "streamable=true",
    ],
    ...["!", ...sink.split(" "), "audiotestsrc", "num-buffers=216", "samplesperbuffer=1024", "!"],
    ...["audio/x-raw,rate=44100,channels=2", "!", "avenc_aac", "!", "aacparse", "!", "mux."],
  ];

  for (const element of ["rtmp2sink", "rtmpsink"]) {
    test(`through ${element}`, async () => {
      const recording = await record(peer("gst-launch-1.0") ?? "", (url) => pipeline(`${element} location=${url}`));
      const video = ofKind(recording, "video");
      expect(video).toHaveLength(150);
      // flvmux cuts negative decoding times off: the first three frames all claim to be decoded at 0.
      expect(video.slice(5, -1).every(({ duration }) => duration === 4000)).toBe(true);
      const audio = ofKind(recording, "audio");
      expect(audio.length).toBeGreaterThan(200);
      expect(audio.every(({ duration }) => Math.abs(duration - 1024) <= 1)).toBe(true);
      expect(recording.publication.stats.repairs).toMatchObject({ rebased: 0, malformed: 0, audioResync: 0 });
    });
  }
});

describe("FFmpeg 8 publishes Enhanced RTMP", () => {
  for (const [video, audio, codecs, durations] of [
    ["libx265", "libfdk_aac", [/^hvc1\./, /^mp4a\.40\.2$/], [4800, 1024]],
    ["libsvtav1", "libopus", [/^av01\./, /^opus$/], [4800, 960]],
  ] as const) {
    test(`${video} and ${audio}`, async () => {
      const recording = await record(process.execPath, (url) => [
        libavPublisher,
        JSON.stringify({ url, video, audio, size: "320x180", duration: 4 }),
      ]);
      const { tracks } = recording.publication;
      expect(tracks.map(({ codec }, index) => codecs[index]?.test(codec))).toEqual([true, true]);
      (["video", "audio"] as const).forEach((kind, index) => {
        const packets = ofKind(recording, kind);
        expect(packets.length).toBeGreaterThan(90);
        expect(packets.slice(0, -1).every(({ duration }) => Math.abs(duration - durations[index]!) <= index)).toBe(
          true,
        );
      });
      expect(Object.values(recording.publication.stats.repairs).every((count) => count === 0)).toBe(true);
    });
  }
});
