/** Publishers that we did not write, through ingest, packager, origin and edge, judged by parsers and players that we did not write. */

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { checkAuthoring, checkMpd, formatViolations, parseMpd } from "@ami-streams/media";
import { peer } from "@ami-streams/testing";
import * as hlsParser from "hls-parser";
import { Parser as M3u8Parser } from "m3u8-parser";
import { createFile, type ISOFile, MP4BoxBuffer } from "mp4box";
import { parse as parseWithMpdParser } from "mpd-parser";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Deployment, deploy } from "./lib/deployment.ts";
import { follow, multivariant } from "./lib/playlist.ts";
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

const absent = (["ffmpeg", "ffprobe", "gst-launch-1.0"] as const).some((name) => peer(name) === null);

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
    const url = deployment.edge(`/live/${key}/index.m3u8`);
    const gone = publisher.ended.then((code) => {
      throw new Error(`the publisher ended with ${code}: ${publisher.log()}`);
    });
    gone.catch(() => undefined);
    const judged = judge();
    await Promise.race([judged, gone]);

    async function judge() {
      const master = await multivariant(url, signal);
      expect(hlsParser.parse(master.text).isMasterPlaylist).toBe(true);

      const uris = [
        ...master.playlist.variants.map((variant) => variant.uri),
        ...(master.playlist.renditions ?? []).flatMap((rendition) =>
          rendition.uri === undefined ? [] : [rendition.uri],
        ),
      ];
      for (const uri of new Set(uris)) await judgeMediaPlaylist(new URL(uri, url).href, signal);

      const mpdText = await (await fetch(deployment.edge(`/live/${key}/index.mpd`))).text();
      expect(checkMpd(parseMpd(mpdText))).toEqual([]);
      const judgedMpd = parseWithMpdParser(mpdText, { manifestUri: deployment.edge(`/live/${key}/index.mpd`) });
      expect(judgedMpd.playlists.length + Object.keys(judgedMpd.mediaGroups.AUDIO.audio ?? {}).length).toBeGreaterThan(
        0,
      );

      const probed = await probe(url);
      expect(probed.streams.map((stream) => stream.codec_name).sort()).toEqual([...streams].sort());
      const video = probed.streams.find((stream) => stream.codec_type === "video");
      const audio = probed.streams.find((stream) => stream.codec_type === "audio");
      if (frameRate !== undefined) expect(ratio(video?.avg_frame_rate)).toBeCloseTo(frameRate, 1);
      if (sampleRate !== undefined) expect(Number(audio?.sample_rate)).toBe(sampleRate);
    }
  });
});

async function judgeMediaPlaylist(url: string, signal: AbortSignal): Promise<void> {
  let versions = 0;
  for await (const { text, playlist } of follow(url, signal)) {
    expect(formatViolations(checkAuthoring(playlist))).toBe("no violations\n");
    const other = hlsParser.parse(text);
    expect(other.isMasterPlaylist).toBe(false);
    const third = new M3u8Parser();
    third.push(text);
    third.end();
    expect(third.manifest.segments.length).toBeGreaterThanOrEqual(playlist.segments.length);
    if (playlist.segments.length >= 2 && ++versions >= 2) {
      const segment = playlist.segments[0]!;
      const bytes = await Promise.all(
        [segment.map!.uri, segment.uri].map(async (uri) => (await fetch(new URL(uri, url))).arrayBuffer()),
      );
      judgeWithMp4box(bytes);
      return;
    }
  }
}

function judgeWithMp4box(chunks: readonly ArrayBuffer[]): void {
  const file: ISOFile = createFile();
  let tracks = 0;
  file.onReady = (info) => {
    tracks = info.tracks.length;
  };
  file.onError = (_module, message) => {
    throw new Error(message);
  };
  let offset = 0;
  for (const chunk of chunks) {
    file.appendBuffer(MP4BoxBuffer.fromArrayBuffer(chunk, offset));
    offset += chunk.byteLength;
  }
  file.flush();
  expect(tracks).toBe(1);
  expect(file.moofs?.length ?? 0).toBeGreaterThan(0);
}

interface Probed {
  readonly streams: readonly { codec_name: string; codec_type: string; avg_frame_rate: string; sample_rate?: string }[];
}

async function probe(url: string): Promise<Probed> {
  const { stdout, stderr } = await run(
    peer("ffprobe") ?? "ffprobe",
    ["-hide_banner", "-loglevel", "error", "-show_streams", "-of", "json", url],
    { timeout: 30_000 },
  );
  expect(stderr).toBe("");
  return JSON.parse(stdout) as Probed;
}

function ratio(text: string | undefined): number {
  const [numerator, denominator] = (text ?? "0/1").split("/").map(Number);
  return numerator! / denominator!;
}
