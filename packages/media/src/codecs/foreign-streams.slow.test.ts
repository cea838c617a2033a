/** Streams of foreign encoders, whole: what we read of them against what ffprobe reads. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { footage, peer } from "@ami-streams/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createFragmentReader } from "../cmaf/index.ts";
import type { Packet, Track } from "../track.ts";
import {
  annexBToLengthPrefixed,
  av1ConfigFromTemporalUnit,
  avcConfigFromNalUnits,
  H264_NAL,
  HEVC_NAL,
  h264NalType,
  hevcConfigFromNalUnits,
  hevcNalType,
  isAv1Keyframe,
  isH264Keyframe,
  isHevcKeyframe,
  lengthPrefixedToAnnexB,
  opusPacketDuration,
  parseAvcConfig,
  parseH264Sps,
  parseHevcConfig,
  parseHevcSps,
  readAdtsFrames,
  readNalUnits,
  stripTemporalDelimiters,
  writeAv1Config,
  writeAvcConfig,
} from "./index.ts";
import { frameRate, type Probed } from "./testing.ts";

const ffmpeg = peer("ffmpeg");
const ffprobe = peer("ffprobe");
const missing = ffmpeg === null || ffprobe === null;
const pictures = ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=30000/1001:d=2", "-g", "20"];
const tone = ["-f", "lavfi", "-i", "sine=r=48000:d=2", "-ac", "2"];

interface Source {
  readonly name: string;
  readonly codec: "h264" | "hevc" | "av1" | "aac" | "opus";
  /** Arguments of FFmpeg up to the output; null where the footage is absent. */
  readonly input: readonly string[] | null;
}

function film(name: Parameters<typeof footage>[0]): string[] | null {
  const path = footage(name);
  return path === null ? null : ["-i", path, "-map", "0:v", "-c", "copy"];
}

const sources: readonly Source[] = [
  { name: "film in H.264 with B-frames", codec: "h264", input: film("h264-1080p25-bframes-aac48.mp4") },
  { name: "film in HEVC", codec: "hevc", input: film("hevc-1080p30-aac48.mp4") },
  { name: "x264 with B-frames", codec: "h264", input: [...pictures, "-c:v", "libx264", "-pix_fmt", "yuv420p"] },
  {
    name: "x265 with B-frames",
    codec: "hevc",
    input: [...pictures, "-c:v", "libx265", "-x265-params", "log-level=none"],
  },
  { name: "libaom", codec: "av1", input: [...pictures, "-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime"] },
  { name: "AAC", codec: "aac", input: [...tone, "-c:a", "aac"] },
  { name: "Opus", codec: "opus", input: [...tone, "-c:a", "libopus", "-frame_duration", "10"] },
];

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "ami-codecs-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(program: string, args: readonly string[]): Buffer {
  return execFileSync(program, args, { maxBuffer: 64 * 1024 * 1024, stdio: ["ignore", "pipe", "ignore"] });
}

interface ProbedPacket {
  readonly flags: string;
  readonly size: string;
}

describe.each(sources)("$name", ({ codec, input }) => {
  const skipped = missing || input === null;
  const path = () => join(folder, `${codec}-${input!.length}.mp4`);
  let packets: readonly Packet[] = [];
  let track: Track | undefined;
  let probed: { streams: Probed[]; packets: ProbedPacket[] } = { streams: [], packets: [] };

  beforeAll(() => {
    if (skipped) return;
    const movflags = "+frag_keyframe+empty_moov+default_base_moof";
    run(ffmpeg, ["-y", "-loglevel", "error", ...input, "-f", "mp4", "-strict", "-2", "-movflags", movflags, path()]);
    const bytes = run(ffmpeg, [
      "-loglevel",
      "error",
      "-i",
      path(),
      "-c",
      "copy",
      "-f",
      "mp4",
      "-strict",
      "-2",
      "-movflags",
      movflags,
      "pipe:1",
    ]);
    packets = createFragmentReader().push(bytes);
    track = packets[0]?.track;
    probed = JSON.parse(
      run(ffprobe, ["-loglevel", "error", "-show_streams", "-show_packets", "-of", "json", path()]).toString(),
    );
  });

  test.skipIf(skipped)("its track is what ffprobe tells", () => {
    const [stream] = probed.streams;
    if (track?.kind === "audio") {
      expect(track).toMatchObject({ sampleRate: Number(stream!.sample_rate), channels: stream!.channels });
      return;
    }
    expect(track).toMatchObject({ width: stream!.width, height: stream!.height });
    if (track?.frameRate !== undefined) expect(track.frameRate).toBeCloseTo(frameRate(stream!.r_frame_rate), 3);
    const depth = reorderDepth(codec, track!.config);
    if (depth !== undefined) expect(depth).toBeGreaterThanOrEqual(stream!.has_b_frames);
  });

  test.skipIf(skipped)("its keyframes are where ffprobe finds them", () => {
    expect(packets.map(({ data }) => data.byteLength)).toEqual(probed.packets.map(({ size }) => Number(size)));
    const isKeyframe = {
      h264: isH264Keyframe,
      hevc: isHevcKeyframe,
      av1: isAv1Keyframe,
      aac: () => true,
      opus: () => true,
    };
    expect(packets.map(({ data }) => isKeyframe[codec](data))).toEqual(
      probed.packets.map(({ flags }) => flags[0] === "K"),
    );
  });

  if (codec === "opus") {
    test.skipIf(skipped)("its packets say how long they play", () => {
      expect(new Set(packets.map(({ data }) => opusPacketDuration(data)))).toEqual(new Set([480]));
    });
    return;
  }

  test.skipIf(skipped)("its elementary stream makes the same configuration and samples", () => {
    const format = { h264: "h264", hevc: "hevc", av1: "obu", aac: "adts", opus: "" }[codec];
    const bytes = new Uint8Array(
      run(ffmpeg!, ["-loglevel", "error", "-i", path(), "-c", "copy", "-f", format, "pipe:1"]),
    );
    const samples = packets.map(({ data }) => data);
    expect(Buffer.compare(elementarySamples(codec, bytes), joinSamples(codec, samples))).toBe(0);
    const made = elementaryConfig(codec, bytes);
    if (made !== undefined) expect(made).toEqual(elementaryConfigOf(codec, track!.config));
  });
});

function reorderDepth(codec: Source["codec"], config: Uint8Array): number | undefined {
  if (codec === "h264") return parseH264Sps(parseAvcConfig(config).sps[0]!).reorderDepth;
  if (codec !== "hevc") return undefined;
  return parseHevcSps(parseHevcConfig(config).arrays.find(({ type }) => type === 33)!.nalUnits[0]!).reorderDepth;
}

/** The media of an elementary stream. FFmpeg repeats parameter sets and SEI of the configuration there, so only slices are compared. */
function elementarySamples(codec: Source["codec"], bytes: Uint8Array): Uint8Array {
  if (codec === "aac") return Buffer.concat([...readAdtsFrames(bytes)].map(({ data }) => data));
  return codec === "av1"
    ? stripTemporalDelimiters(bytes)
    : annexBToLengthPrefixed(bytes, isSlice[codec === "hevc" ? "hevc" : "h264"]);
}

/** The same of the samples of a file. */
function joinSamples(codec: Source["codec"], samples: readonly Uint8Array[]): Uint8Array {
  if (codec === "aac" || codec === "av1") return Buffer.concat(samples);
  const annexB = Buffer.concat(samples.map((sample) => lengthPrefixedToAnnexB(sample)));
  return annexBToLengthPrefixed(annexB, isSlice[codec === "hevc" ? "hevc" : "h264"]);
}

const isSlice = {
  h264: (nalUnit: Uint8Array) => h264NalType(nalUnit[0]!) <= H264_NAL.idr,
  hevc: (nalUnit: Uint8Array) => hevcNalType(nalUnit[0]!) < HEVC_NAL.vps,
};

function elementaryConfig(codec: Source["codec"], bytes: Uint8Array): unknown {
  if (codec === "h264") return writeAvcConfig(avcConfigFromNalUnits(readNalUnits(bytes))!);
  if (codec === "hevc") return hevcConfigFromNalUnits(readNalUnits(bytes))!.arrays;
  return codec === "av1" ? writeAv1Config(av1ConfigFromTemporalUnit(bytes)!) : undefined;
}

/** The same, of what FFmpeg put into the file. */
function elementaryConfigOf(codec: Source["codec"], config: Uint8Array): unknown {
  if (codec !== "hevc") return Uint8Array.from(config);
  return parseHevcConfig(config)
    .arrays.filter(({ type }) => type < 35)
    .map(({ type, nalUnits }) => ({ type, complete: true, nalUnits }));
}
