/** A live source that needs no camera: a card with a clock, bars, something that moves, and a beep each second. */

import { type ChildProcess, fork } from "node:child_process";
import { setTimeout } from "node:timers/promises";
import {
  annexBToLengthPrefixed,
  audioTrackFromConfig,
  avcConfigFromNalUnits,
  createPacketBroadcast,
  type Packet,
  type PacketSource,
  readNalUnits,
  type Track,
  videoTrackFromConfig,
  writeAvcConfig,
} from "@ami-streams/media";
import type { CardMessage, CardProcessOptions } from "./card-message.ts";

/** Options of {@link createTestCard}. */
export interface TestCardOptions {
  /** Pixels, even. Default 1280. */
  readonly width?: number;
  /** Pixels, even. Default 720. */
  readonly height?: number;
  /** Frames per second. Default 30. */
  readonly frameRate?: number;
  /** Seconds from keyframe to keyframe. Default 2. */
  readonly keyframeInterval?: number;
  /** Bits per second. Default 2500000. */
  readonly videoBitrate?: number;
  /** Bits per second. Default 128000. */
  readonly audioBitrate?: number;
}

/**
 * A running test card. Its time starts at 0, at a full second of the wall clock. Should its process die, another goes on in its place, with new
 * tracks and the time of the wall clock.
 */
export interface TestCard extends PacketSource, AsyncDisposable {
  /** Of the process that draws and encodes now. */
  readonly pid: number;
  /** Ends packets and process. Idempotent. */
  close(): Promise<void>;
}

const videoTimescale = 90_000;
const sampleRate = 48_000;
const startTimeout = 20_000;
/** Milliseconds before a process that died is replaced. */
const restartDelay = 500;

const fromSource = import.meta.url.endsWith(".ts");
const processUrl = new URL(fromSource ? "./test-card-process.ts" : "./test-card-process.js", import.meta.url);

/**
 * Starts a test card in a process of its own: H.264 and AAC at 48 kHz, in real time.
 *
 * The wall clock is coded in the picture too: see `readTimeCode`.
 *
 * @throws when its process does not start, or ends at once.
 */
export async function createTestCard(options: TestCardOptions = {}): Promise<TestCard> {
  const { width = 1280, height = 720, frameRate = 30 } = options;
  if (width % 2 !== 0 || height % 2 !== 0) throw new RangeError(`a test card needs even sides, not ${width}x${height}`);
  const settings: CardProcessOptions = {
    width,
    height,
    frameRate,
    keyframeInterval: options.keyframeInterval ?? 2,
    videoBitrate: options.videoBitrate ?? 2_500_000,
    audioBitrate: options.audioBitrate ?? 128_000,
    videoTimescale,
    sampleRate,
    caption: "H.264 · AAC 48 kHz",
  };
  const card = new RunningTestCard(settings);
  try {
    await card.started;
  } catch (error) {
    await card.close();
    throw error;
  }
  return card;
}

class RunningTestCard implements TestCard {
  readonly started: Promise<void>;
  readonly #settings: CardProcessOptions;
  readonly #broadcast = createPacketBroadcast();
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;
  #child: ChildProcess | undefined;
  #tracks: { readonly video: Track; readonly audio: Track } | undefined;
  /** Wall clock at time 0, of the first process and of the current one. */
  #firstEpoch: number | undefined;
  #epoch = 0;

  constructor(settings: CardProcessOptions) {
    this.#settings = settings;
    let running: Promise<void> = Promise.resolve();
    this.started = new Promise((resolve, reject) => {
      running = this.#keepRunning(resolve).catch((error: unknown) => {
        reject(error);
        this.#broadcast.fail(error);
      });
    });
    this.#ended = running;
  }

  get pid(): number {
    return this.#child?.pid ?? -1;
  }

  get tracks(): readonly Track[] {
    return this.#broadcast.tracks;
  }

  packets(options?: { signal?: AbortSignal }): AsyncIterable<Packet> {
    return this.#broadcast.packets(options);
  }

  async close(): Promise<void> {
    this.#broadcast.end();
    this.#stop.abort();
    this.#child?.kill("SIGKILL");
    await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** One process after the other, until closed. @throws when one ends before it gave anything. */
  async #keepRunning(onStart: () => void): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#run(onStart);
      await setTimeout(restartDelay, undefined, { signal }).catch(() => undefined);
    }
  }

  async #run(onStart: () => void): Promise<void> {
    const child = fork(processUrl, [JSON.stringify(this.#settings)], {
      serialization: "advanced",
      execArgv: fromSource ? ["--conditions=@ami-streams/source", "--no-warnings"] : [],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#child = child;
    let complaint = "";
    let gave = false;
    child.stderr?.on("data", (chunk: Buffer) => {
      complaint = `${complaint}${chunk}`.slice(-2000);
    });
    const silence = AbortSignal.timeout(startTimeout);
    const giveUp = () => {
      if (!gave) child.kill("SIGKILL");
    };
    silence.addEventListener("abort", giveUp);
    child.on("message", (message) => {
      this.#receive(message as CardMessage);
      gave = true;
      onStart();
    });
    const why = await new Promise<string>((resolve) => {
      child.once("error", (error) => resolve(`with ${error.message}`));
      child.once("close", (code, signal) => resolve(signal === null ? `with code ${code}` : `by ${signal}`));
    });
    silence.removeEventListener("abort", giveUp);
    if (gave || this.#stop.signal.aborted) return;
    throw new Error(`the test card's process ended ${why}${complaint === "" ? "" : `: ${complaint.trim()}`}`);
  }

  #receive(message: CardMessage): void {
    if (this.#broadcast.ended) return;
    const { frameRate } = this.#settings;
    if (message.kind === "tracks") {
      const config = avcConfigFromNalUnits(readNalUnits(message.h264));
      if (config === undefined) throw new Error("the test card's encoder gave no parameter sets");
      const video = videoTrackFromConfig({
        codec: "h264",
        id: 1,
        config: writeAvcConfig(config),
        timescale: videoTimescale,
        frameRate,
      });
      const audio = audioTrackFromConfig({ codec: "aac", id: 2, config: message.aac });
      this.#tracks = { video, audio };
      this.#firstEpoch ??= message.epoch;
      this.#epoch = message.epoch;
      this.#broadcast.setTracks([video, audio]);
      return;
    }
    if (this.#tracks === undefined) return;
    const video = message.track === "video";
    const track = this.#tracks[message.track];
    // Both are full seconds, so this is exact in any timescale.
    const time = message.pts + ((this.#epoch - (this.#firstEpoch ?? this.#epoch)) / 1000) * track.timescale;
    this.#broadcast.write({
      track,
      dts: time,
      pts: time,
      duration: video ? Math.round(videoTimescale / frameRate) : 1024,
      keyframe: video ? message.keyframe : true,
      data: video ? annexBToLengthPrefixed(message.data) : message.data,
      receivedAt: Date.now(),
    });
  }
}
