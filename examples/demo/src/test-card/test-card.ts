/** A live source that needs no camera: a card with a clock, bars, something that moves, and a beep each second. */

import { type ChildProcess, fork } from "node:child_process";
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

/** A running test card. Its time starts at 0, at a full second of the wall clock. */
export interface TestCard extends PacketSource, AsyncDisposable {
  /** Of the process that draws and encodes. */
  readonly pid: number;
  /** Ends packets and process. Idempotent. */
  close(): Promise<void>;
}

const videoTimescale = 90_000;
const sampleRate = 48_000;
const startTimeout = 20_000;

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
  const child = fork(processUrl, [JSON.stringify(settings)], {
    serialization: "advanced",
    execArgv: fromSource ? ["--conditions=@ami-streams/source", "--no-warnings"] : [],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  const card = new RunningTestCard(child, frameRate);
  try {
    await card.started;
  } catch (error) {
    await card.close();
    throw error;
  }
  return card;
}

class RunningTestCard implements TestCard {
  readonly pid: number;
  readonly started: Promise<void>;
  readonly #child: ChildProcess;
  readonly #frameRate: number;
  readonly #broadcast = createPacketBroadcast();
  readonly #exited: Promise<void>;
  #video: Track | undefined;
  #audio: Track | undefined;
  #complaint = "";

  constructor(child: ChildProcess, frameRate: number) {
    this.#child = child;
    this.#frameRate = frameRate;
    this.pid = child.pid ?? -1;
    child.stderr?.on("data", (chunk: Buffer) => {
      this.#complaint = `${this.#complaint}${chunk}`.slice(-2000);
    });
    let resolve = () => {};
    let reject = (_error: Error) => {};
    this.started = new Promise((onStart, onEnd) => {
      resolve = onStart;
      reject = onEnd;
    });
    const timer = setTimeout(() => reject(new Error("the test card's process says nothing")), startTimeout);
    this.#exited = new Promise((done) => {
      const ended = (why: string) => {
        clearTimeout(timer);
        const error = new Error(
          `the test card's process ended ${why}${this.#complaint === "" ? "" : `: ${this.#complaint.trim()}`}`,
        );
        reject(error);
        this.#broadcast.fail(error);
        done();
      };
      child.once("error", (error) => ended(`with ${error.message}`));
      child.once("close", (code, signal) => ended(signal === null ? `with code ${code}` : `by ${signal}`));
    });
    child.on("message", (message) => {
      this.#receive(message as CardMessage);
      clearTimeout(timer);
      resolve();
    });
  }

  get tracks(): readonly Track[] {
    return this.#broadcast.tracks;
  }

  packets(options?: { signal?: AbortSignal }): AsyncIterable<Packet> {
    return this.#broadcast.packets(options);
  }

  async close(): Promise<void> {
    this.#broadcast.end();
    this.#child.kill("SIGKILL");
    await this.#exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #receive(message: CardMessage): void {
    if (this.#broadcast.ended) return;
    if (message.kind === "tracks") {
      const config = avcConfigFromNalUnits(readNalUnits(message.h264));
      if (config === undefined) throw new Error("the test card's encoder gave no parameter sets");
      this.#video = videoTrackFromConfig({
        codec: "h264",
        id: 1,
        config: writeAvcConfig(config),
        timescale: videoTimescale,
        frameRate: this.#frameRate,
      });
      this.#audio = audioTrackFromConfig({ codec: "aac", id: 2, config: message.aac });
      this.#broadcast.setTracks([this.#video, this.#audio]);
      return;
    }
    const video = message.track === "video";
    const track = video ? this.#video : this.#audio;
    if (track === undefined) return;
    this.#broadcast.write({
      track,
      dts: message.pts,
      pts: message.pts,
      duration: video ? Math.round(videoTimescale / this.#frameRate) : 1024,
      keyframe: video ? message.keyframe : true,
      data: video ? annexBToLengthPrefixed(message.data) : message.data,
      receivedAt: Date.now(),
    });
  }
}
