/** One run of the machine's `ffmpeg`, by fluent-ffmpeg. */

import { ChildProcess } from "node:child_process";
import { availableParallelism } from "node:os";
import { PassThrough, Writable } from "node:stream";
import {
  createFragmentReader,
  type Packet,
  rescale,
  type Track,
  writeFragmentChunks,
  writeInitSegment,
} from "@ami-streams/media";
import type Ffmpeg from "fluent-ffmpeg";
import type { EncoderJob, EncoderProcess, ProcessEvents, ProcessExit } from "../job.ts";
import { LogTail } from "../log-tail.ts";
import { ffmpegArguments } from "./arguments.ts";

/** Bytes on their way to the process from which writing waits. */
const highWaterMark = 256 << 10;

/** Seconds that times are moved on their way in, and back on their way out: encoders' priming lies before the first sample, and a file cannot say -1. */
const shiftSeconds = 16;

/** Starts `ffmpeg` for a job. */
export function startFfmpegProcess(
  ffmpeg: typeof Ffmpeg,
  path: string,
  job: EncoderJob,
  events: ProcessEvents,
): EncoderProcess {
  return new FfmpegProcess(ffmpeg, path, job, events);
}

class FfmpegProcess implements EncoderProcess {
  readonly exited: Promise<ProcessExit>;
  readonly #job: EncoderJob;
  readonly #events: ProcessEvents;
  readonly #input = new PassThrough({ highWaterMark });
  readonly #reader = createFragmentReader({ onInit: ({ tracks }) => this.#announce(tracks) });
  /** By id in the output, which counts from 1. */
  readonly #outputs: Track[] = [];
  readonly #log = new LogTail();
  #child: ChildProcess | undefined;
  #killed = false;
  #sequenceNumber = 0;
  #firstPts: number | undefined;
  #ended = false;
  #failed = false;

  constructor(ffmpeg: typeof Ffmpeg, path: string, job: EncoderJob, events: ProcessEvents) {
    this.#job = job;
    this.#events = events;
    const { input, filters, output } = ffmpegArguments(job, availableParallelism());
    const command = ffmpeg({ stdoutLines: 0 })
      .setFfmpegPath(path)
      .input(this.#input)
      .inputOptions(...raw(input))
      .complexFilter([...filters])
      .outputOptions(...raw(output));
    command.on("stderr", (line: string) => this.#complain(line));
    this.exited = new Promise((resolve) => {
      command.on("start", () => {
        // fluent-ffmpeg keeps the process to itself, and tells its exit code only in words.
        const child: unknown = Reflect.get(command, "ffmpegProc");
        if (!(child instanceof ChildProcess)) return;
        this.#child = child;
        child.once("close", (code, signal) => {
          this.#input.destroy();
          resolve({ code, signal, log: this.#log.text, clean: code === 0 && this.#ended });
        });
        if (this.#killed) child.kill("SIGKILL");
      });
      command.on("error", (error: Error) => {
        if (!this.#ended && !this.#killed) this.#log.note(error.message);
        if (this.#child === undefined) resolve({ code: null, signal: null, log: this.#log.text, clean: false });
      });
    });
    command.output(new Writable({ write: (chunk: Buffer, _encoding, done) => done(this.#read(chunk)) })).run();
    this.#input.write(writeInitSegment({ tracks: [job.track] }));
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get bufferedBytes(): number {
    return this.#input.writableLength + this.#input.readableLength;
  }

  write(packet: Packet): boolean {
    if (!this.#input.writable) return true;
    this.#firstPts ??= packet.pts;
    this.#sequenceNumber += 1;
    const decodeTime = packet.dts + shiftSeconds * packet.track.timescale;
    const { track } = packet;
    for (const chunk of writeFragmentChunks({
      track,
      packets: [packet],
      sequenceNumber: this.#sequenceNumber,
      decodeTime,
    })) {
      this.#input.write(chunk);
    }
    return !this.#input.writableNeedDrain;
  }

  async drained(): Promise<void> {
    if (!this.#input.writableNeedDrain) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        this.#input.off("drain", done).off("close", done);
        resolve();
      };
      this.#input.on("drain", done).on("close", done);
    });
  }

  end(): void {
    this.#ended = true;
    this.#input.end();
  }

  kill(): void {
    this.#killed = true;
    this.#child?.kill("SIGKILL");
  }

  #complain(line: string): void {
    this.#log.note(line);
    // "[h264 @ 0x55d0c8] error while decoding MB 12 3": what a decoder refuses does not end the process.
    if (/^(Error while decoding|\[\w+ @ 0x[0-9a-f]+\] (Invalid|error while decoding|Error splitting))/.test(line))
      this.#events.decodeError(line);
  }

  /** Errors must not reach fluent-ffmpeg: it would end the process by a signal that can be ignored. */
  #read(chunk: Uint8Array): null {
    if (this.#failed) return null;
    try {
      for (const packet of this.#reader.push(chunk)) this.#give(packet);
    } catch (error) {
      this.#failed = true;
      this.#log.note(error instanceof Error ? error.message : String(error));
      this.kill();
    }
    return null;
  }

  #announce(tracks: readonly Track[]): void {
    for (const [index, track] of tracks.entries()) {
      const output = this.#job.outputs[index];
      if (output === undefined) return;
      const common = { id: this.#job.track.id, bitrate: output.settings.bitrate };
      const announced: Track =
        output.kind === "video" && track.kind === "video"
          ? { ...track, ...common, frameRate: output.settings.frameRate }
          : { ...track, ...common };
      this.#outputs[track.id] = announced;
      this.#events.track(index, announced);
    }
  }

  #give(packet: Packet): void {
    const track = this.#outputs[packet.track.id];
    if (track === undefined) return;
    const shift = shiftSeconds * track.timescale;
    const dts = packet.dts - shift;
    const first = rescale(this.#firstPts ?? 0, this.#job.track.timescale, track.timescale);
    // The priming of an audio encoder: it lies before the first sample.
    if (track.kind === "audio" && dts < first) return;
    this.#events.packet(packet.track.id - 1, {
      track,
      dts,
      pts: packet.pts - shift,
      duration: packet.duration > 0 ? packet.duration : 1024,
      keyframe: packet.keyframe || track.kind === "audio",
      data: packet.data,
    });
  }
}

/** fluent-ffmpeg takes several words as they are, but splits a single one at its spaces: the array must not be that one. */
function raw(words: readonly string[]): [string, ...string[]] {
  const [first = "", ...rest] = words;
  return [first, ...rest];
}
