/** Puts source, supervised processes and renditions together. */

import type { Packet, Track } from "@ami-streams/media";
import { systemClock } from "../clock.ts";
import { TranscodeError } from "../errors.ts";
import { checkLadder, trackOf } from "../ladder/ladder.ts";
import type { Rung } from "../ladder/rung.ts";
import type { Logger } from "../logger.ts";
import { loadBackend } from "./backends.ts";
import { videoEncoderName } from "./codec-options.ts";
import {
  DEFAULT_HANG_TIMEOUT,
  DEFAULT_MAX_QUEUE_BYTES,
  DEFAULT_MAX_RENDITION_BYTES,
  type EncoderOptions,
  type Encoding,
  type EncodingEnd,
  type EncodingStats,
  type Rendition,
} from "./encoding.ts";
import { chooseHardware, type HardwareEncoder } from "./hardware.ts";
import type { Backend, JobOutput } from "./job.ts";
import { observeEncoding } from "./metrics.ts";
import { passThrough, RenditionFeed } from "./rendition-feed.ts";
import { DEFAULT_RESTART_POLICY } from "./restart-policy.ts";
import { Supervisor } from "./supervisor.ts";

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * Starts encoding a source.
 *
 * Resolves once every rendition knows its tracks, which takes the first keyframe of the source; what is made until somebody reads is kept, from the
 * last keyframe on. Rungs that only copy never reach an encoder. Each encoded source track has a process of its own.
 *
 * Memory: `maxQueueBytes` for each encoded source track and `maxRenditionBytes` for each encoded rendition at most, here; and what the process
 * itself needs, some 60 MB and 20 frames of each size.
 *
 * @throws {TranscodeError} `BACKEND_NOT_INSTALLED`, saying what to install; `INVALID_OPTION` for rungs that do not fit the source; `UNSUPPORTED_CODEC`
 * when the source cannot be decoded; `ENCODER_GAVE_UP` when nothing could be encoded and no rung only copies; `CLOSED` when the signal came first.
 */
export async function createEncoder(options: EncoderOptions): Promise<Encoding> {
  const rungs = checkLadder(options.rungs, options.source.tracks);
  if (options.signal?.aborted === true) {
    throw new TranscodeError("CLOSED", "aborted before it began", { cause: options.signal.reason });
  }
  const plan = planOutputs(rungs, options.source.tracks);
  let backend: Backend | null = null;
  let hardware: HardwareEncoder | null = null;
  if (plan.size > 0) {
    backend = await loadBackend(options.backend, options.ffmpegPath);
    const codecs = new Set<"h264" | "hevc" | "av1">();
    for (const { outputs } of plan.values())
      for (const { output } of outputs) if (output.kind === "video") codecs.add(output.settings.codec);
    if (codecs.size > 0)
      hardware = await chooseHardware(
        backend,
        options.backend,
        codecs,
        options.hardware ?? "auto",
        options.logger ?? silent,
      );
  }
  const encoding = new RunningEncoding(options, rungs, plan, backend, hardware);
  return encoding.started();
}

/** What is encoded from one source track, and which renditions take part in it. */
interface TrackPlan {
  readonly track: Track;
  readonly outputs: { readonly output: JobOutput; readonly rungs: Rung[] }[];
}

function planOutputs(rungs: readonly Rung[], tracks: readonly Track[]): Map<number, TrackPlan> {
  const plan = new Map<number, TrackPlan>();
  const add = (rung: Rung, track: Track, output: JobOutput) => {
    const entry = plan.get(track.id) ?? { track, outputs: [] };
    plan.set(track.id, entry);
    const key = JSON.stringify(output);
    const same = entry.outputs.find((other) => JSON.stringify(other.output) === key);
    if (same !== undefined) same.rungs.push(rung);
    else entry.outputs.push({ output, rungs: [rung] });
  };
  for (const rung of rungs) {
    const { video, audio } = rung;
    if (video !== undefined && video !== "copy")
      add(rung, trackOf(rung, "video", tracks), { kind: "video", settings: video });
    if (audio !== undefined && audio !== "copy")
      add(rung, trackOf(rung, "audio", tracks), { kind: "audio", settings: audio });
  }
  return plan;
}

class RunningEncoding implements Encoding {
  renditions: readonly Rendition[];
  failure: TranscodeError | null = null;
  readonly closed: Promise<EncodingEnd>;
  readonly #options: EncoderOptions;
  readonly #abort = new AbortController();
  /** By id of the source track. */
  readonly #supervisors = new Map<number, Supervisor>();
  /** Renditions with something encoded, and which of their tracks are copied. */
  readonly #feeds = new Map<Rung, RenditionFeed>();
  readonly #copies = new Map<number, RenditionFeed[]>();
  readonly #videoEncoder: string;
  #ready: () => void = () => {};
  readonly #whenReady: Promise<void>;

  constructor(
    options: EncoderOptions,
    rungs: readonly Rung[],
    plan: ReadonlyMap<number, TrackPlan>,
    backend: Backend | null,
    hardware: HardwareEncoder | null,
  ) {
    this.#options = options;
    const { source, maxRenditionBytes = DEFAULT_MAX_RENDITION_BYTES } = options;
    this.#whenReady = new Promise((resolve) => {
      this.#ready = resolve;
    });
    this.renditions = rungs.map((rung) => this.#createRendition(rung, maxRenditionBytes));
    const first = [...plan.values()]
      .flatMap(({ outputs }) => outputs)
      .find(({ output }) => output.kind === "video")?.output;
    this.#videoEncoder = first?.kind === "video" ? videoEncoderName(first.settings.codec, hardware) : "";
    if (backend !== null) {
      for (const trackPlan of plan.values()) this.#supervise(trackPlan, backend, hardware);
    }
    const stop = () => this.#abort.abort();
    options.signal?.addEventListener("abort", stop, { once: true });
    const stopObserving = observeEncoding(options.stream, () => this.stats);
    this.closed = this.#run(source).finally(() => {
      stopObserving();
      options.signal?.removeEventListener("abort", stop);
    });
  }

  /** Resolves to itself once renditions know their tracks. */
  async started(): Promise<Encoding> {
    this.#checkReady();
    await Promise.race([this.#whenReady, this.closed]);
    if (this.failure !== null) {
      if (this.renditions.length === 0 || this.failure.code === "BACKEND_NOT_INSTALLED") {
        await this.close();
        throw this.failure;
      }
    } else if (this.#options.signal?.aborted === true) {
      await this.close();
      throw new TranscodeError("CLOSED", "aborted before the encoder gave anything", {
        cause: this.#options.signal.reason,
      });
    }
    return this;
  }

  get stats(): EncodingStats {
    const supervisors = [...this.#supervisors.values()];
    const sum = (of: (supervisor: Supervisor) => number) =>
      supervisors.reduce((total, supervisor) => total + of(supervisor), 0);
    return {
      videoEncoder: this.#videoEncoder,
      pids: supervisors.flatMap(({ pid }) => (pid === undefined ? [] : [pid])),
      packetsIn: sum(({ stats }) => stats.packetsIn),
      packetsOut: sum(({ stats }) => stats.packetsOut),
      overloads: sum(({ queue }) => queue.overloads),
      dropped: sum(({ queue }) => queue.dropped),
      decodeErrors: sum(({ stats }) => stats.decodeErrors),
      restarts: sum(({ stats }) => stats.restarts),
      reconfigurations: sum(({ stats }) => stats.reconfigurations),
      queuedBytes: sum(({ queue }) => queue.bytes),
    };
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #createRendition(rung: Rung, maxBytes: number): Rendition {
    const { source } = this.#options;
    const video = rung.video === undefined ? undefined : trackOf(rung, "video", source.tracks);
    const audio = rung.audio === undefined ? undefined : trackOf(rung, "audio", source.tracks);
    const ids = new Set([video, audio].flatMap((track) => (track === undefined ? [] : [track.id])));
    const encodesVideo = rung.video !== undefined && rung.video !== "copy";
    const encodesAudio = rung.audio !== undefined && rung.audio !== "copy";
    if (!encodesVideo && !encodesAudio) return passThrough(source, rung, ids);
    const tracks = new Map<number, Track | null>();
    if (video !== undefined) tracks.set(video.id, encodesVideo ? null : video);
    if (audio !== undefined) tracks.set(audio.id, encodesAudio ? null : audio);
    const feed = new RenditionFeed(rung, tracks, maxBytes);
    this.#feeds.set(rung, feed);
    for (const [id, track] of tracks) {
      if (track !== null) this.#copies.set(id, [...(this.#copies.get(id) ?? []), feed]);
    }
    return feed;
  }

  #supervise({ track, outputs }: TrackPlan, backend: Backend, hardware: HardwareEncoder | null): void {
    const options = this.#options;
    const feeds = outputs.map(({ rungs }) => rungs.map((rung) => this.#feeds.get(rung)!));
    const supervisor = new Supervisor({
      backend,
      track,
      outputs: outputs.map(({ output }) => output),
      use: { hardware, preset: options.preset ?? "veryfast", threads: options.threads },
      maxQueueBytes: options.maxQueueBytes ?? DEFAULT_MAX_QUEUE_BYTES,
      hangTimeout: (options.hangTimeout ?? DEFAULT_HANG_TIMEOUT) * 1000,
      restart: { ...DEFAULT_RESTART_POLICY, ...options.restart },
      clock: options.clock ?? systemClock,
      logger: options.logger ?? silent,
      onTrack: (output, encoded) => {
        for (const feed of feeds[output]!) feed.setTrack(encoded);
        this.#checkReady();
      },
      onPacket: (output, packet) => {
        for (const feed of feeds[output]!) feed.write(packet);
      },
      onGiveUp: (error) => {
        this.failure ??= error;
        for (const feed of new Set(feeds.flat())) {
          if (!feed.ready) this.renditions = this.renditions.filter((rendition) => rendition !== feed);
          feed.fail(error);
        }
        this.#checkReady();
      },
    });
    this.#supervisors.set(track.id, supervisor);
  }

  #checkReady(): void {
    const waiting = this.renditions.some((rendition) => rendition instanceof RenditionFeed && !rendition.ready);
    if (!waiting) this.#ready();
  }

  async #run(source: EncoderOptions["source"]): Promise<EncodingEnd> {
    const { signal } = this.#abort;
    let end: EncodingEnd = { reason: "source-ended" };
    try {
      for await (const packet of source.packets({ signal })) {
        if (signal.aborted) break;
        await this.#take(packet);
      }
      // A process still flushes what it has, unless nobody waits for that any more.
      const finished = Promise.all([...this.#supervisors.values()].map((supervisor) => supervisor.finish()));
      await Promise.race([finished, aborted(signal)]);
    } catch (cause) {
      end = { reason: "source-failed", cause };
    }
    if (signal.aborted) end = { reason: "closed" };
    await Promise.all([...this.#supervisors.values()].map((supervisor) => supervisor.close()));
    for (const feed of this.#feeds.values()) {
      if (end.reason === "source-failed") feed.fail(end.cause);
      else feed.end();
    }
    return end;
  }

  async #take(packet: Packet): Promise<void> {
    const copies = this.#copies.get(packet.track.id);
    if (copies !== undefined) for (const feed of copies) feed.write(packet);
    const supervisor = this.#supervisors.get(packet.track.id);
    if (supervisor === undefined) return;
    if (this.#options.whenSlow === "wait") await supervisor.write(packet);
    else supervisor.offer(packet);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
