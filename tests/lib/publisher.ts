/** Real publishers: each is a program of its own that sends to an RTMP URL until it is stopped or done. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type LibavPublisherOptions, libavPublisher, peer } from "@ami-streams/testing";

/** A running publisher. Disposing it ends it. */
export interface Publisher extends AsyncDisposable {
  /** Resolves with the exit code, or the signal's name. */
  readonly ended: Promise<number | string>;
  /** What it wrote to standard error so far. */
  log(): string;
  /** Ends it at once, as a lost machine would. */
  kill(): void;
}

/** Starts ffmpeg with these arguments before the URL, at most for a minute. */
export function ffmpeg(args: readonly string[], url: string): Publisher {
  const output = url.startsWith("rtmp") ? ["-f", "flv", "-flvflags", "no_duration_filesize", url] : [url];
  return start(peer("ffmpeg") ?? "ffmpeg", ["-hide_banner", "-loglevel", "warning", "-nostdin", ...args, ...output]);
}

/** Starts a GStreamer pipeline, e.g. `videotestsrc ! … ! rtmp2sink location=…`. */
export function gstreamer(pipeline: string): Publisher {
  return start(peer("gst-launch-1.0") ?? "gst-launch-1.0", ["-q", "-e", ...pipeline.trim().split(/\s+/)]);
}

/** Starts FFmpeg 8's own RTMP, inside node-av. */
export function libav(options: LibavPublisherOptions): Publisher {
  return start(process.execPath, ["--no-warnings", libavPublisher, JSON.stringify(options)]);
}

/** A test picture and a tone, encoded by ffmpeg for the least delay. */
export interface TestPictureOptions {
  /** Default `640x360`. */
  readonly size?: string;
  /** Default `25`. */
  readonly rate?: string;
  /** Default 1 s. */
  readonly gop?: number;
  /** Default 48,000 Hz. */
  readonly sampleRate?: number;
  readonly bframes?: number;
  /** Kilobits per second. Default 600. */
  readonly bitrate?: number;
  /** Default both. */
  readonly only?: "video" | "audio";
}

/** ffmpeg arguments for {@link ffmpeg}. */
export function testPicture({
  size = "640x360",
  rate = "25",
  gop,
  sampleRate = 48_000,
  bframes = 0,
  bitrate = 600,
  only,
}: TestPictureOptions = {}): string[] {
  const video = ["-re", "-f", "lavfi", "-i", `testsrc2=size=${size}:rate=${rate}`];
  const audio = ["-re", "-f", "lavfi", "-i", `sine=frequency=440:sample_rate=${sampleRate}`];
  const x264 = [
    "-c:v",
    "libx264",
    "-preset",
    "ultrafast",
    "-pix_fmt",
    "yuv420p",
    "-g",
    String(gop ?? Math.round(Number(rate.split("/")[0]) / Number(rate.split("/")[1] ?? 1))),
    "-sc_threshold",
    "0",
  ];
  const shape = bframes > 0 ? ["-bf", String(bframes)] : ["-tune", "zerolatency"];
  const aac = ["-c:a", "aac", "-ar", String(sampleRate), "-ac", "2", "-b:a", "96k"];
  if (only === "video") return [...video, ...x264, ...shape, "-b:v", `${bitrate}k`];
  if (only === "audio") return [...audio, ...aac];
  return [...video, ...audio, ...x264, ...shape, "-b:v", `${bitrate}k`, ...aac];
}

function start(command: string, args: readonly string[]): Publisher {
  const child: ChildProcess = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    log = (log + text).slice(-20_000);
  });
  const ended = once(child, "exit").then(([code, signal]) => (code ?? signal) as number | string);
  return {
    ended,
    log: () => log,
    kill: () => void child.kill("SIGKILL"),
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await ended;
    },
  };
}
