/** Publishers that we did not write, through ingest, packager, origin and edge, judged by parsers and players that we did not write. */

import { execFile } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { peer } from "@ami-streams/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Deployment, deploy } from "./lib/deployment.ts";
import { judgeDash, judgeHls } from "./lib/presentation.ts";
import { ffmpeg, gstreamer, libav, type Publisher, testPicture } from "./lib/publisher.ts";

const run = promisify(execFile);

interface Case {
  readonly name: string;
  readonly publish: (url: string) => Publisher;
  /** What ffprobe calls the streams. */
  readonly streams: readonly string[];
  readonly frameRate?: number;
  readonly sampleRate?: number;
}

const gst = (encoders: string) => (url: string) =>
  gstreamer(`flvmux name=mux streamable=true ! rtmp2sink location=${url} ${encoders}`);
const gstVideo =
  "videotestsrc is-live=true ! video/x-raw,width=640,height=360,framerate=25/1 ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=25 bitrate=500 ! h264parse ! queue ! mux.";
const gstAudio = "audiotestsrc is-live=true ! audio/x-raw,rate=48000,channels=2 ! avenc_aac ! aacparse ! queue ! mux.";
const duration = 60;

const cases: readonly Case[] = [
  {
    name: "ffmpeg 25 fps, two B-frames, 44.1 kHz",
    publish: (url) => ffmpeg(testPicture({ bframes: 2, sampleRate: 44_100 }), url),
    streams: ["h264", "aac"],
    frameRate: 25,
    sampleRate: 44_100,
  },
  {
    name: "ffmpeg 29.97 fps, 48 kHz",
    publish: (url) => ffmpeg(testPicture({ rate: "30000/1001" }), url),
    streams: ["h264", "aac"],
    frameRate: 29.97,
    sampleRate: 48_000,
  },
  {
    name: "ffmpeg 60 fps",
    publish: (url) => ffmpeg(testPicture({ rate: "60" }), url),
    streams: ["h264", "aac"],
    frameRate: 60,
  },
  { name: "ffmpeg, sound only", publish: (url) => ffmpeg(testPicture({ only: "audio" }), url), streams: ["aac"] },
  {
    name: "ffmpeg, pictures only",
    publish: (url) => ffmpeg(testPicture({ only: "video" }), url),
    streams: ["h264"],
    frameRate: 25,
  },
  {
    name: "GStreamer",
    publish: gst(`${gstVideo} ${gstAudio}`),
    streams: ["h264", "aac"],
    frameRate: 25,
    sampleRate: 48_000,
  },
  {
    name: "FFmpeg 8, HEVC",
    publish: (url) => libav({ url, video: "libx265", audio: "libfdk_aac", duration }),
    streams: ["hevc", "aac"],
    frameRate: 25,
  },
  {
    name: "FFmpeg 8, AV1 and Opus",
    publish: (url) => libav({ url, video: "libsvtav1", audio: "libopus", duration }),
    streams: ["av1", "opus"],
    frameRate: 25,
  },
];

const absent = (["ffmpeg", "ffprobe", "gst-launch-1.0", "rtmpdump"] as const).some((name) => peer(name) === null);

describe.skipIf(absent)("published by", () => {
  let deployment: Deployment;
  beforeAll(async () => {
    deployment = await deploy();
  });
  afterAll(async () => {
    await deployment?.[Symbol.asyncDispose]();
  });

  test.each(cases)("$name", { timeout: 90_000 }, async ({ name, publish, streams, frameRate, sampleRate }) => {
    const signal = AbortSignal.timeout(80_000);
    const key = name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
    await using publisher = publish(deployment.rtmp(key));
    const gone = publisher.ended.then((code) => {
      throw new Error(`the publisher ended with ${code}: ${publisher.log()}`);
    });
    await Promise.race([judge(), gone]);

    async function judge() {
      const url = deployment.edge(`/live/${key}/index.m3u8`);
      await judgeHls(url, signal);
      await judgeDash(deployment.edge(`/live/${key}/index.mpd`), signal);
      for (const manifest of ["index.m3u8", "hls.m3u8", "index.mpd"])
        await judgeStreams(await probe(deployment.edge(`/live/${key}/${manifest}`)));
      // librtmp knows no FourCC, so it can only watch what old RTMP carries.
      if (!streams.some((codec) => ["hevc", "av1", "opus"].includes(codec)))
        await judgeStreams(await dump(deployment.rtmp(key)));
    }

    async function judgeStreams(found: readonly ProbedStream[]) {
      expect(found.map((stream) => stream.codec_name).sort()).toEqual([...streams].sort());
      const video = found.find((stream) => stream.codec_type === "video");
      const audio = found.find((stream) => stream.codec_type === "audio");
      if (frameRate !== undefined) expect(ratio(video?.avg_frame_rate)).toBeCloseTo(frameRate, 1);
      if (sampleRate !== undefined) expect(Number(audio?.sample_rate)).toBe(sampleRate);
    }
  });
});

interface ProbedStream {
  readonly codec_name: string;
  readonly codec_type: string;
  readonly avg_frame_rate: string;
  readonly sample_rate?: string;
}

/** What ffprobe finds, which must find nothing to complain of. */
async function probe(url: string): Promise<readonly ProbedStream[]> {
  const { stdout, stderr } = await run(
    peer("ffprobe") ?? "ffprobe",
    ["-hide_banner", "-loglevel", "error", "-show_streams", "-of", "json", url],
    { timeout: 30_000 },
  );
  expect(stderr).toBe("");
  return (JSON.parse(stdout) as { streams: ProbedStream[] }).streams;
}

/** Bytes of a recording that ffprobe finds all streams in. */
const enoughBytes = 40_000;

/** What is in a recording that rtmpdump, and so librtmp, makes of a live stream. */
async function dump(url: string): Promise<readonly ProbedStream[]> {
  const folder = await mkdtemp(join(tmpdir(), "ami-dump-"));
  const file = join(folder, "dump.flv");
  try {
    const program = peer("rtmpdump") ?? "rtmpdump";
    const recorded = run(program, ["--live", "-q", "-r", url, "-o", file]);
    // It records until it is interrupted, and calls that status 2: incomplete.
    const timer = setInterval(() => {
      if (existsSync(file) && statSync(file).size >= enoughBytes) recorded.child.kill("SIGINT");
    }, 50);
    await recorded.catch((error: { code?: unknown; stderr?: unknown }) => {
      if (error.code !== 2) throw error;
    });
    clearInterval(timer);
    return await probe(file);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function ratio(text: string | undefined): number {
  const [numerator, denominator] = (text ?? "0/1").split("/").map(Number);
  return numerator! / denominator!;
}
