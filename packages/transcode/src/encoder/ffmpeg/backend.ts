/** The backend that runs the machine's own `ffmpeg`. */

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type Ffmpeg from "fluent-ffmpeg";
import { TranscodeError } from "../../errors.ts";
import { videoCodecOptions } from "../codec-options.ts";
import type { HardwareEncoder } from "../hardware.ts";
import type { Backend } from "../job.ts";
import { startFfmpegProcess } from "./process.ts";

const run = promisify(execFile);

/** `-fps_mode` came with it, and `-vsync` went later. */
const oldestVersion = [5, 1] as const;
const installHint =
  "install FFmpeg 5.1 or newer (apt-get install ffmpeg, brew install ffmpeg), or give its path as ffmpegPath";
const probeTimeout = 15_000;

/**
 * Checks the program.
 *
 * @throws {TranscodeError} `BACKEND_NOT_INSTALLED` when it is not there, or too old.
 */
export async function createFfmpegBackend(ffmpeg: typeof Ffmpeg, ffmpegPath: string | undefined): Promise<Backend> {
  const path = ffmpegPath ?? (process.env.FFMPEG_PATH || "ffmpeg");
  const { stdout } = await run(path, ["-hide_banner", "-version"]).catch((cause: unknown) => {
    throw new TranscodeError("BACKEND_NOT_INSTALLED", `the program "${path}" does not run: ${installHint}`, { cause });
  });
  if (isTooOld(stdout)) {
    throw new TranscodeError(
      "BACKEND_NOT_INSTALLED",
      `"${path}" is ${stdout.split(" Copyright")[0]}, which is too old: ${installHint}`,
    );
  }
  return {
    start: (job, events) => startFfmpegProcess(ffmpeg, path, job, events),
    probe: (codec, hardware) => probe(path, codec, hardware),
  };
}

/** Versions built from a branch carry no number, and are taken as new. */
export function isTooOld(versionLine: string): boolean {
  const match = /^ffmpeg version n?(\d+)\.(\d+)/.exec(versionLine);
  if (match === null) return false;
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return major < oldestVersion[0] || (major === oldestVersion[0] && minor < oldestVersion[1]);
}

async function probe(path: string, codec: "h264" | "hevc" | "av1", hardware: HardwareEncoder): Promise<string | null> {
  const settings = { codec, width: 640, height: 360, frameRate: 30, bitrate: 1_000_000 };
  const { encoder, format, options } = videoCodecOptions(settings, { hardware, preset: "veryfast", threads: 1 });
  const device = hardware === "vaapi" ? ["-init_hw_device", "vaapi=gpu", "-filter_hw_device", "gpu"] : [];
  const words = [
    ...["-hide_banner", "-loglevel", "error", "-nostdin"],
    ...device,
    ...["-f", "lavfi", "-i", "color=size=640x360:rate=30", "-frames:v", "4"],
    ...["-vf", format === "vaapi" ? "format=nv12,hwupload" : `format=${format}`, "-c:v", encoder],
    ...Object.entries(options).flatMap(([name, value]) => [`-${name}`, value]),
    ...["-f", "null", "-"],
  ];
  try {
    await run(path, words, { timeout: probeTimeout, killSignal: "SIGKILL" });
    return null;
  } catch (error) {
    return reason(error);
  }
}

/** The last line of what a program complained about. */
function reason(error: unknown): string {
  const text = error instanceof Error ? (Reflect.get(error, "stderr") as unknown) : undefined;
  const lines = typeof text === "string" ? text.trim().split("\n") : [];
  return lines.at(-1) || (error instanceof Error ? error.message : String(error));
}
