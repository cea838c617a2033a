import { execFile, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { footage, peer } from "@ami-streams/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Packet, Track } from "../track.ts";
import { createFragmentReader } from "./fragment-reader.ts";
import { readInitSegment } from "./init-reader.ts";
import { trackFixture, writeFile as writeCmaf } from "./testing.ts";

const run = promisify(execFile);
const ffprobe = peer("ffprobe");
const ffmpeg = peer("ffmpeg");

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ami-cmaf-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Probe {
  readonly warnings: string;
  readonly stream: Record<string, string | number>;
  /** pts, dts, keyframe and size of each; ffprobe estimates durations from the codec, not from the file. */
  readonly packets: readonly (readonly [number, number, boolean, number])[];
}

/** Demuxes and decodes everything. */
async function probe(bytes: Uint8Array): Promise<Probe> {
  const file = join(folder, "judged.mp4");
  await writeFile(file, bytes);
  const entries =
    "stream=codec_name,width,height,nb_read_frames,sample_rate,channels,time_base,color_space,codec_tag_string:packet=pts,dts,size,flags";
  const args = ["-v", "warning", "-count_frames", "-show_entries", entries, "-of", "json", file];
  const { stdout, stderr } = await run(ffprobe!, args, { maxBuffer: 64 * 1024 * 1024 });
  const { streams, packets } = JSON.parse(stdout) as {
    streams: Record<string, string | number>[];
    packets: { pts: number; dts: number; size: string; flags: string }[];
  };
  expect(streams).toHaveLength(1);
  return {
    warnings: stderr,
    stream: streams[0]!,
    packets: packets.map((p) => [p.pts, p.dts, p.flags.startsWith("K"), Number(p.size)] as const),
  };
}

function expected(packets: readonly Packet[]): Probe["packets"] {
  return packets.map((p) => [p.pts, p.dts, p.keyframe, p.data.length] as const);
}

describe.skipIf(ffprobe === null)("ffprobe decodes what we write, without a warning", () => {
  test.each([
    [
      "ffmpeg-h264-bframes-aac-frag-every-frame.mp4",
      { codec_name: "h264", codec_tag_string: "avc1", width: 160, color_space: "bt709" },
    ],
    ["ffmpeg-hevc-hev1.mp4", { codec_name: "hevc", codec_tag_string: "hvc1", width: 160, height: 90 }],
    ["ffmpeg-av1.mp4", { codec_name: "av1", codec_tag_string: "av01", width: 160, height: 90 }],
    ["ffmpeg-opus.mp4", { codec_name: "opus", sample_rate: "48000", channels: 1 }],
    ["ffmpeg-mp3.mp4", { codec_name: "mp3", sample_rate: "48000" }],
  ])("%s", async (name, stream) => {
    const { track, packets } = trackFixture(name);
    for (const size of [1, 5, 100]) {
      const judged = await probe(writeCmaf(track, packets, size));
      expect(judged.warnings).toBe("");
      expect(judged.stream).toMatchObject({
        ...stream,
        time_base: `1/${track.timescale}`,
        nb_read_frames: String(packets.length),
      });
      expect(judged.packets).toEqual(expected(packets));
    }
  });
});

/** Fragmented MP4 out of a running ffmpeg, as it comes through the pipe. */
async function pipe(args: readonly string[]): Promise<{ tracks: readonly Track[]; packets: Packet[] }> {
  const child = spawn(ffmpeg!, ["-v", "error", "-nostdin", ...args, "-f", "mp4", "pipe:1"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const errors = text(child.stderr);
  const reader = createFragmentReader();
  const packets: Packet[] = [];
  for await (const chunk of child.stdout) for (const packet of reader.push(chunk)) packets.push(packet);
  reader.end();
  expect(await errors).toBe("");
  return { tracks: reader.init!.tracks, packets };
}

describe.skipIf(ffmpeg === null || ffprobe === null)("a pipe from ffmpeg", () => {
  const sources = ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=30:d=3", "-f", "lavfi", "-i", "sine=r=44100:d=3"];
  const encoders = [
    "-c:v",
    "libx264",
    "-preset",
    "ultrafast",
    "-bf",
    "2",
    "-g",
    "30",
    "-pix_fmt",
    "yuv420p",
    "-c:a",
    "aac",
  ];

  test.each([
    "frag_every_frame+empty_moov+default_base_moof",
    "frag_keyframe+empty_moov+default_base_moof",
    "frag_keyframe+empty_moov+omit_tfhd_offset",
    "frag_keyframe+empty_moov",
    "frag_keyframe+delay_moov+default_base_moof",
    "frag_every_frame+empty_moov+default_base_moof+negative_cts_offsets+dash",
    "cmaf+frag_keyframe",
  ])("with -movflags %s of two tracks is all its packets", async (flags) => {
    const { tracks, packets } = await pipe([...sources, ...encoders, "-movflags", flags]);
    expect(tracks.map(({ kind, codec }) => `${kind} ${codec}`)).toEqual([
      expect.stringMatching(/^video avc1\.[0-9a-f]{6}$/),
      "audio mp4a.40.2",
    ]);
    const [video, audio] = tracks.map((track) => packets.filter((packet) => packet.track === track));
    expect(video).toHaveLength(90);
    expect(audio!.length).toBeGreaterThanOrEqual(Math.ceil((3 * 44_100) / 1024));
    expect(video!.filter((packet) => packet.keyframe)).toHaveLength(3);
    const offsets = new Set(video!.map(({ pts, dts }) => pts - dts));
    expect(offsets.size).toBeGreaterThan(1);
  });
});

describe.skipIf(ffmpeg === null || ffprobe === null)("real footage through reader and writer", () => {
  for (const [name, map, frames] of [
    ["h264-1080p25-bframes-aac48.mp4", "0:v", 125],
    ["h264-1080p25-bframes-aac48.mp4", "0:a", 237],
    ["hevc-1080p30-aac48.mp4", "0:v", 0],
  ] as const) {
    const path = footage(name);
    test.skipIf(path === null)(`${name} ${map}`, async () => {
      const { tracks, packets } = await pipe([
        "-i",
        path!,
        "-map",
        map,
        "-c",
        "copy",
        "-movflags",
        "frag_every_frame+empty_moov+default_base_moof",
      ]);
      const judged = await probe(writeCmaf(tracks[0]!, packets, 6));
      expect(judged.warnings).toBe("");
      expect(judged.packets).toEqual(expected(packets));
      expect(judged.stream.nb_read_frames).toBe(String(frames || packets.length));
    });
  }
});

describe.skipIf(ffmpeg === null)("the head of a file that ffmpeg wrote", () => {
  const input = [
    "-v",
    "error",
    "-y",
    "-f",
    "lavfi",
    "-i",
    "testsrc2=s=320x180:r=30:d=0.5",
    "-f",
    "lavfi",
    "-i",
    "sine=r=44100:d=0.5",
  ];
  const encoders = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-pix_fmt", "yuv420p", "-c:a", "aac"];

  test.each([
    ["faststart.mp4", ["-movflags", "faststart"]],
    ["quicktime.mov", ["-movflags", "faststart"]],
    ["smooth.ismv", []],
  ])("%s is read", async (name, options) => {
    const file = join(folder, name);
    await run(ffmpeg!, [...input, ...encoders, ...options, file]);
    const { tracks, details } = readInitSegment(new Uint8Array(await readFile(file)));
    expect(tracks.map(({ kind, codec }) => `${kind} ${codec}`)).toEqual([
      expect.stringMatching(/^video avc1\.[0-9a-f]{6}$/),
      "audio mp4a.40.2",
    ]);
    expect(tracks[0]).toMatchObject({ width: 320, height: 180 });
    expect(tracks[1]).toMatchObject({ sampleRate: 44_100, channels: 1 });
    if (!name.endsWith(".ismv")) {
      const offsets = tracks.map(({ id, timescale }) => details.get(id)!.presentationOffset / timescale);
      expect(offsets[0]).toBeCloseTo(-2 / 30, 3);
      expect(offsets[1]).toBeCloseTo(-1024 / 44_100, 3);
    }
  });

  test("an ordinary file is no stream of fragments", async () => {
    const file = join(folder, "faststart.mp4");
    await run(ffmpeg!, [...input, ...encoders, "-movflags", "faststart", file]);
    const bytes = new Uint8Array(await readFile(file));
    expect(() => createFragmentReader().push(bytes)).toThrow(expect.objectContaining({ code: "UNSUPPORTED" }));
  });
});
