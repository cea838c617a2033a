/** The host's end of a process of the libav backend. */

import { type ChildProcess, spawn } from "node:child_process";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Packet, Track } from "@ami-streams/media";
import type { EncoderJob, EncoderProcess, ProcessEvents, ProcessExit } from "../job.ts";
import { LogTail } from "../log-tail.ts";
import { MessageReader, messageType, readJson, readPacket, writeJson, writePacketHeader } from "./protocol.ts";
import { HOST_PIPE, reviveTrack, toWire, type WireTrack, type WireTrial } from "./wire.ts";

/** Bytes in the pipe's own buffer from which writing waits. */
const highWaterMark = 256 << 10;

/** In a build, beside the one file that this one became part of; in the workspace, as source, which then needs source of other packages. */
const fromSource = import.meta.url.endsWith(".ts");
const workerUrl = new URL(fromSource ? "./worker.ts" : "./libav-worker.js", import.meta.url);
const nodeOptions = fromSource ? ["--conditions=@ami-streams/source", "--no-warnings"] : [];

/** Milliseconds; a driver that needs longer is none to rely on. */
const trialTimeout = 10_000;

/** Starts `worker.ts` in a Node of its own. */
export function startLibavProcess(job: EncoderJob, events: ProcessEvents): EncoderProcess {
  return new LibavProcess(job, events);
}

function spawnWorker(threads: number): ChildProcess {
  return spawn(process.execPath, [...nodeOptions, fileURLToPath(workerUrl)], {
    stdio: ["ignore", "ignore", "pipe", "pipe"],
    // What the user's environment makes of the host, an inspector say, is not for its children.
    env: { ...process.env, NODE_OPTIONS: "", UV_THREADPOOL_SIZE: String(threads) },
    windowsHide: true,
  });
}

/** Tries an encoder in a process of its own. Resolves to why it does not work, or null when it does. */
export async function tryInProcess(trial: WireTrial): Promise<string | null> {
  const child = spawnWorker(2);
  const pipe = child.stdio[HOST_PIPE] as Duplex;
  const messages = new MessageReader();
  let reason: string | null = "the encoder ended the process it was tried in";
  pipe.on("data", (chunk: Buffer) => {
    for (const { type, body } of messages.push(chunk)) {
      if (type === messageType.trialResult) reason = (readJson(body) as { reason: string | null }).reason;
    }
  });
  pipe.on("error", () => child.kill("SIGKILL"));
  child.stderr?.resume();
  pipe.write(writeJson(messageType.trial, trial));
  const timer = setTimeout(() => {
    reason = `nothing in ${trialTimeout} ms`;
    child.kill("SIGKILL");
  }, trialTimeout);
  await new Promise<void>((resolve) => child.once("close", () => resolve()).once("error", () => resolve()));
  clearTimeout(timer);
  return reason;
}

class LibavProcess implements EncoderProcess {
  readonly exited: Promise<ProcessExit>;
  readonly #child: ChildProcess;
  readonly #pipe: Duplex;
  readonly #job: EncoderJob;
  readonly #events: ProcessEvents;
  readonly #messages = new MessageReader();
  readonly #outputs: (Track | undefined)[] = [];
  readonly #log = new LogTail();
  #flushed = false;

  constructor(job: EncoderJob, events: ProcessEvents) {
    this.#job = job;
    this.#events = events;
    this.#child = spawnWorker(Math.max(4, job.outputs.length + 2));
    this.#pipe = this.#child.stdio[HOST_PIPE] as Duplex;
    this.#child.stderr?.on("data", (chunk: Buffer) => this.#log.push(chunk));
    this.#pipe.on("data", (chunk: Buffer) => this.#read(chunk));
    // A process that dies breaks its pipe: its exit says more.
    this.#pipe.on("error", (error) => this.#log.note(`pipe: ${error.message}`));
    this.exited = new Promise((resolve) => {
      this.#child.once("error", (error) => {
        this.#log.note(error.message);
        if (this.#child.pid === undefined) resolve({ code: null, signal: null, log: this.#log.text, clean: false });
      });
      // "close" comes after the pipes are read to their end.
      this.#child.once("close", (code, signal) => {
        this.#pipe.destroy();
        resolve({ code, signal, log: this.#log.text, clean: this.#flushed });
      });
    });
    this.#pipe.write(writeJson(messageType.start, toWire(job)));
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get bufferedBytes(): number {
    return this.#pipe.writableLength;
  }

  write(packet: Packet): boolean {
    if (!this.#pipe.writable) return true;
    this.#pipe.cork();
    this.#pipe.write(writePacketHeader(packet, 0));
    this.#pipe.write(packet.data);
    this.#pipe.uncork();
    return this.#pipe.writableLength < highWaterMark;
  }

  async drained(): Promise<void> {
    if (!this.#pipe.writable || this.#pipe.writableLength < highWaterMark) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        this.#pipe.off("drain", done).off("close", done);
        resolve();
      };
      this.#pipe.on("drain", done).on("close", done);
    });
  }

  end(): void {
    if (this.#pipe.writable) this.#pipe.write(writeJson(messageType.end, {}));
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  #read(chunk: Buffer): void {
    try {
      for (const { type, body } of this.#messages.push(chunk)) this.#receive(type, body);
    } catch (error) {
      // Nothing after a broken message can be trusted. The exit that follows reports it.
      this.#log.note(error instanceof Error ? error.message : String(error));
      this.kill();
    }
  }

  #receive(type: number, body: Uint8Array): void {
    if (type === messageType.packet) {
      const { stream, keyframe, dts, pts, duration, data } = readPacket(body);
      const track = this.#outputs[stream];
      if (track !== undefined) this.#events.packet(stream, { track, dts, pts, duration, keyframe, data });
    } else if (type === messageType.track) {
      const wire = readJson(body) as WireTrack;
      const track = reviveTrack(wire, this.#job.outputs[wire.output]!, this.#job.track.id);
      this.#outputs[wire.output] = track;
      this.#events.track(wire.output, track);
    } else if (type === messageType.decodeError) {
      this.#events.decodeError(String((readJson(body) as { message: unknown }).message));
    } else if (type === messageType.flushed) {
      this.#flushed = true;
    }
  }
}
