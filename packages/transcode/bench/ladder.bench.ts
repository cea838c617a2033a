/**
 * What the ladder 720p -> 720/480/360 costs, against one `ffmpeg` command that does the same: same source, same encoder options, same threads.
 *
 * Counts the CPU of everything: this process feeding and reading, and all children (the kernel's account of ended children, so Linux only).
 * `FFMPEG_PATHS` lists more `ffmpeg` programs, with colons between, than the one in PATH.
 */

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { type Packet, type PacketSource, writeFragment, writeInitSegment } from "@ami-streams/media";
import { peer } from "@ami-streams/testing";
import { createEncoder } from "../src/encoder/create-encoder.ts";
import { ffmpegArguments } from "../src/encoder/ffmpeg/arguments.ts";
import type { EncoderJob } from "../src/encoder/job.ts";
import { Pipeline } from "../src/encoder/libav/pipeline.ts";
import { synthesizeVideo } from "../src/encoder/testing/synthesize.ts";
import type { Rung } from "../src/ladder/rung.ts";

const seconds = Number(process.env.BENCH_SECONDS ?? 20);
const runs = Number(process.env.BENCH_RUNS ?? 5);
const limit = 1.05;

const rungs: Rung[] = [
  { name: "720p", video: { codec: "h264", width: 1280, height: 720, frameRate: 30, bitrate: 3_000_000 } },
  { name: "480p", video: { codec: "h264", width: 854, height: 480, frameRate: 30, bitrate: 1_400_000 } },
  { name: "360p", video: { codec: "h264", width: 640, height: 360, frameRate: 30, bitrate: 730_000 } },
];

const frames = seconds * 30;
const video = synthesizeVideo({
  width: 1280,
  height: 720,
  rate: [30, 1],
  frames,
  bFrames: 2,
  keyframes: Array.from({ length: Math.ceil(frames / 60) }, (_, index) => index * 60),
  filters: "noise=alls=6:allf=t",
});
const source: PacketSource = {
  tracks: [video.track],
  async *packets() {
    yield* video.packets;
  },
};

/** Seconds of CPU: of this process, and of all children that have ended and been waited for. */
function cpu(): { own: number; children: number } {
  const fields = readFileSync("/proc/self/stat", "latin1").split(") ")[1]!.split(" ").map(Number);
  const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields.slice(11, 15);
  return { own: (user + system) / 100, children: (childUser + childSystem) / 100 };
}

/** A way to make the ladder. */
interface Contestant {
  readonly name: string;
  /** Against which its figure counts. */
  readonly against?: string;
  run(): Promise<void>;
}

function ours(name: string, backend: "libav" | "ffmpeg", against: string, ffmpegPath?: string): Contestant {
  return {
    name,
    against,
    async run() {
      await using encoding = await createEncoder({
        ...{ backend, source, rungs, hardware: "off", whenSlow: "wait" },
        ...(ffmpegPath !== undefined && { ffmpegPath }),
      });
      const counts = await Promise.all(
        encoding.renditions.map(async (rendition) => {
          let count = 0;
          for await (const _ of rendition.packets()) count += 1;
          return count;
        }),
      );
      await encoding.closed;
      if (counts.some((count) => count !== frames))
        throw new Error(`${name} gave ${counts.join(", ")} of ${frames} frames`);
    },
  };
}

const job: EncoderJob = {
  track: video.track,
  outputs: rungs.map(({ video: settings }) => {
    if (settings === undefined || settings === "copy") throw new Error("the ladder is encoded");
    return { kind: "video", settings };
  }),
  hardware: null,
  preset: "veryfast",
  threads: undefined,
};

/** There is no command of node-av's FFmpeg: its decoder, scalers and encoders called from one process, without pipe and supervision, stand for it. */
const onePlace: Contestant = {
  name: "one process, FFmpeg of node-av",
  async run() {
    const pipeline = new Pipeline(job, async () => {});
    for (const packet of video.packets) await pipeline.push({ ...packet, stream: 0 });
    await pipeline.flush();
  },
};

/** The command that a person would write, with the very options of the backends. */
function command(name: string, path: string, file: string): Contestant {
  const { filters, output } = ffmpegArguments(job, availableParallelism());
  const encoders = output.slice(0, output.indexOf("-avoid_negative_ts"));
  const words = ["-v", "error", "-nostdin", "-threads", "2", "-thread_type", "slice", "-i", file];
  words.push(
    "-filter_complex",
    filters.join(";"),
    ...encoders,
    "-movflags",
    "+empty_moov+frag_keyframe",
    "-f",
    "mp4",
    "-y",
    "/dev/null",
  );
  return {
    name,
    run: () =>
      new Promise((resolve, reject) => {
        const child = spawn(path, words, { stdio: ["ignore", "ignore", "inherit"] });
        child.once("error", reject);
        child.once("close", (code) => (code === 0 ? resolve() : reject(new Error(`${path} ended with ${code}`))));
      }),
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

function fragmented(packets: readonly Packet[]): Uint8Array {
  const fragments: Uint8Array[] = [writeInitSegment({ tracks: [video.track] })];
  for (let at = 0; at < packets.length; at += 30) {
    fragments.push(
      writeFragment({ track: video.track, packets: packets.slice(at, at + 30), sequenceNumber: at / 30 + 1 }),
    );
  }
  return Buffer.concat(fragments);
}

const folder = await mkdtemp(join(tmpdir(), "ladder-bench-"));
try {
  const file = join(folder, "source.mp4");
  await writeFile(file, fragmented(video.packets));
  const programs = [peer("ffmpeg"), ...(process.env.FFMPEG_PATHS ?? "").split(":")].filter((path) => path);
  const contestants: Contestant[] = [];
  for (const path of programs as string[]) {
    const version = await versionOf(path);
    contestants.push(command(`one command, ${version}`, path, file));
    contestants.push(ours(`ffmpeg backend, ${version}`, "ffmpeg", `one command, ${version}`, path));
  }
  contestants.push(onePlace);
  contestants.push(ours("libav backend, FFmpeg of node-av", "libav", onePlace.name));
  const results = new Map(contestants.map(({ name }) => [name, [] as number[]]));
  for (let round = 0; round < runs; round += 1) {
    for (const { name, run } of contestants) {
      const before = cpu();
      await run();
      const after = cpu();
      results.get(name)!.push(after.own - before.own + after.children - before.children);
    }
  }
  process.stdout.write(
    `ladder 720p30 -> 720/480/360, x264 veryfast, ${seconds} s of video, median of ${runs}, ${availableParallelism()} cores\n`,
  );
  for (const { name, against } of contestants) {
    const times = results.get(name)!;
    const spent = median(times);
    const ratio = against === undefined ? undefined : spent / median(results.get(against)!);
    const verdict =
      ratio === undefined ? "" : `  ${ratio.toFixed(3)} x ${against}${ratio <= limit ? "" : `, above ${limit}`}`;
    const all = times.map((time) => time.toFixed(2)).join(" ");
    process.stdout.write(
      `${name.padEnd(44)} ${spent.toFixed(2)} s CPU, ${((100 * spent) / seconds).toFixed(0)} % of a core${verdict}  [${all}]\n`,
    );
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function versionOf(path: string): Promise<string> {
  const child = spawn(path, ["-version"], { stdio: ["ignore", "pipe", "ignore"] });
  let text = "";
  for await (const chunk of child.stdout) text += chunk;
  return text.split(" Copyright")[0]!.replace("ffmpeg version ", "").slice(0, 22);
}
