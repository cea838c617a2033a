/** Keeps one encoder process alive for one source track: starts it, feeds it, notices death and hanging, starts it again. */

import type { Packet, Track } from "@ami-streams/media";
import type { Clock } from "../clock.ts";
import { TranscodeError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { NOT_INSTALLED_EXIT } from "./exit-code.ts";
import { FlightLog } from "./flight-log.ts";
import { InputQueue } from "./input-queue.ts";
import type { Backend, EncoderJob, EncoderProcess, JobOutput, ProcessExit } from "./job.ts";
import { Backoff, type RestartPolicy } from "./restart-policy.ts";

/** Packets that a process may hold before it gives something: more wait outside, where they can be dropped. */
const maxUnderWay = 48;
/** Milliseconds that a packet may wait before that counts as overload. */
const maxWait = 2000;

/** Options of {@link Supervisor}. */
export interface SupervisorOptions {
  readonly backend: Backend;
  /** The track as of now; a packet of another replaces it. */
  readonly track: Track;
  readonly outputs: readonly JobOutput[];
  readonly use: Pick<EncoderJob, "hardware" | "preset" | "threads">;
  readonly maxQueueBytes: number;
  /** Milliseconds. */
  readonly hangTimeout: number;
  readonly restart: RestartPolicy;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onTrack: (output: number, track: Track) => void;
  readonly onPacket: (output: number, packet: Packet) => void;
  /** Called at most once. */
  readonly onGiveUp: (error: TranscodeError) => void;
}

/** Counters of a supervisor. */
export interface SupervisorStats {
  packetsIn: number;
  packetsOut: number;
  decodeErrors: number;
  restarts: number;
  reconfigurations: number;
}

type Phase = "running" | "ending" | "waiting" | "ended";

/** One process after the other. */
export class Supervisor {
  readonly stats: SupervisorStats = { packetsIn: 0, packetsOut: 0, decodeErrors: 0, restarts: 0, reconfigurations: 0 };
  readonly #options: SupervisorOptions;
  readonly #queue: InputQueue;
  readonly #backoff: Backoff;
  #track: Track;
  #phase: Phase = "waiting";
  #process: EncoderProcess | undefined;
  #flight: FlightLog;
  /** The process whose pipe is full. */
  #blocked: EncoderProcess | undefined;
  /** No packet will follow those in the queue. */
  #finishing = false;
  /** The process has given something: until then it is starting up, which is no overload. */
  #steady = false;
  #failure: TranscodeError | undefined;
  #lastOutput = 0;
  #lastOffer = 0;
  #cancelTimer: (() => void) | undefined;
  #cancelWatch: (() => void) | undefined;
  #room: (() => void)[] = [];
  readonly #ended: Promise<void>;
  #resolveEnded: () => void = () => {};

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#track = options.track;
    this.#queue = new InputQueue({ maxBytes: options.maxQueueBytes, maxWait });
    this.#backoff = new Backoff(options.restart);
    this.#flight = new FlightLog(options.outputs.length);
    this.#ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#start();
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  get queue(): Pick<InputQueue, "bytes" | "dropped" | "overloads"> {
    return this.#queue;
  }

  /** Takes a packet, and drops up to a keyframe where the process does not keep up. */
  offer(packet: Packet): void {
    if (this.#phase === "ended" || this.#finishing) return;
    this.#lastOffer = this.#options.clock.now();
    const running = this.#phase === "running" ? (this.#steady ? "steady" : "starting") : "none";
    this.#queue.push(packet, this.#lastOffer, running);
    this.#pump();
  }

  /** Takes a packet once there is room for it. Resolves too when there is no process any more, and never will be. */
  async write(packet: Packet): Promise<void> {
    while (!this.#queue.fits(packet) && this.#queue.length > 0 && this.#phase !== "ended") {
      this.#lastOffer = this.#options.clock.now();
      await new Promise<void>((resolve) => this.#room.push(resolve));
    }
    if (this.#phase === "ended" || this.#finishing) return;
    this.#lastOffer = this.#options.clock.now();
    // However long it takes: only bytes count for a source that can wait.
    this.#queue.push(packet, this.#lastOffer, "starting");
    this.#pump();
  }

  /** No more packets: resolves when all have been encoded, and the process is gone. */
  async finish(): Promise<void> {
    this.#finishing = true;
    if (this.#phase === "waiting") this.#end();
    this.#pump();
    await this.#ended;
  }

  /** Kills the process. Resolves when it is gone. */
  async close(): Promise<void> {
    const process = this.#process;
    this.#end();
    process?.kill();
    await process?.exited;
  }

  #start(): void {
    const { backend, outputs, use, clock, logger } = this.#options;
    const flight = new FlightLog(outputs.length);
    this.#flight = flight;
    this.#phase = "running";
    this.#steady = false;
    this.#lastOutput = clock.now();
    this.#lastOffer = this.#lastOutput;
    const tracks = new Map<number, Track>();
    const process = backend.start(
      { track: this.#track, outputs, ...use },
      {
        track: (output, track) => {
          tracks.set(output, track);
          if (this.#phase !== "ended") this.#options.onTrack(output, track);
        },
        packet: (output, packet) => {
          this.#lastOutput = clock.now();
          this.#steady = true;
          this.#backoff.succeeded(this.#lastOutput);
          this.stats.packetsOut += 1;
          const { receivedAt, duration } = flight.gave(output, packet, this.#track.timescale);
          const ticks = packet.track.kind === "video" ? Math.max(1, duration) : packet.duration;
          if (this.#phase !== "ended")
            this.#options.onPacket(output, {
              ...packet,
              duration: ticks,
              ...(receivedAt !== undefined && { receivedAt }),
            });
          this.#pump();
        },
        decodeError: (message) => {
          this.stats.decodeErrors += 1;
          flight.refused();
          logger.debug({ track: this.#track.id, message }, "decoder refused a packet");
          this.#pump();
        },
      },
    );
    this.#process = process;
    logger.info(
      { encoderPid: process.pid, track: this.#track.id, codec: this.#track.codec, outputs: outputs.length },
      "encoder started",
    );
    this.#watch();
    void process.exited.then((exit) => this.#exited(process, exit));
    this.#queue.start(clock.now());
    this.#pump();
  }

  /** Hands packets over as long as the process takes them. */
  #pump(): void {
    const process = this.#process;
    while (this.#phase === "running" && process !== undefined && this.#blocked !== process) {
      const next = this.#queue.first;
      if (next === undefined) {
        // Dropping empties the queue too: whoever waits for room has it now.
        this.#wake();
        if (this.#finishing) this.#flush(process);
        return;
      }
      if (next.track !== this.#track) {
        this.#replace(process, next);
        continue;
      }
      if (this.#flight.underWay >= maxUnderWay) return;
      this.#queue.shift();
      this.stats.packetsIn += 1;
      this.#flight.wrote(next);
      if (!process.write(next)) this.#waitFor(process);
      this.#wake();
    }
  }

  #waitFor(process: EncoderProcess): void {
    this.#blocked = process;
    void process.drained().then(() => {
      if (this.#blocked === process) this.#blocked = undefined;
      this.#pump();
    });
  }

  #replace(process: EncoderProcess, next: Packet): void {
    if (!next.keyframe) {
      // Nothing can be decoded with the new configuration yet.
      this.#queue.dropToKeyframe();
      return;
    }
    this.stats.reconfigurations += 1;
    this.#options.logger.info({ track: next.track.id, codec: next.track.codec }, "source changed: encoder is replaced");
    this.#flush(process);
  }

  #flush(process: EncoderProcess): void {
    this.#phase = "ending";
    process.end();
    this.#cancelTimer = this.#options.clock.after(this.#options.hangTimeout, () => process.kill());
  }

  #exited(process: EncoderProcess, exit: ProcessExit): void {
    const { clock, logger, restart } = this.#options;
    this.#process = undefined;
    this.#cancelTimer?.();
    this.#cancelWatch?.();
    if (this.#phase === "ended") return;
    if (this.#phase === "ending") {
      if (!exit.clean) logger.warn({ err: exitError(exit), encoderPid: process.pid }, "encoder lost its last frames");
      if (this.#finishing && this.#queue.length === 0) {
        this.#end();
        return;
      }
      this.#track = this.#queue.first?.track ?? this.#track;
      this.#start();
      return;
    }
    const error = this.#failure ?? exitError(exit);
    this.#failure = undefined;
    this.#phase = "waiting";
    this.#flight = new FlightLog(this.#options.outputs.length);
    const delay = exit.code !== NOT_INSTALLED_EXIT ? this.#backoff.failed(clock.now()) : null;
    if (delay === null || this.#finishing) {
      const failure =
        exit.code === NOT_INSTALLED_EXIT
          ? new TranscodeError("BACKEND_NOT_INSTALLED", exit.log, { cause: error })
          : new TranscodeError(
              "ENCODER_GAVE_UP",
              `the encoder failed ${restart.maxFailures} times in a row, last: ${error.message}`,
              { cause: error },
            );
      logger.error({ err: failure, encoderPid: process.pid }, "encoder given up");
      this.#end();
      this.#options.onGiveUp(failure);
      return;
    }
    logger.warn(
      { err: error, encoderPid: process.pid, delay, failures: this.#backoff.failures },
      "encoder failed: it is restarted",
    );
    this.#cancelTimer = clock.after(delay, () => {
      this.stats.restarts += 1;
      this.#track = this.#queue.first?.track ?? this.#track;
      this.#start();
    });
  }

  /** Looks after the process now and then: it hangs when media is offered, and nothing comes out. */
  #watch(): void {
    const { clock, hangTimeout, logger } = this.#options;
    const process = this.#process;
    this.#cancelWatch = clock.after(hangTimeout / 4, () => {
      if (process === undefined || process !== this.#process || this.#phase !== "running") return;
      const quiet = clock.now() - this.#lastOutput;
      const flowing = this.#lastOffer - this.#lastOutput >= hangTimeout / 2 || this.#room.length > 0 || this.#finishing;
      if (quiet < hangTimeout || !flowing) return this.#watch();
      this.#failure = new TranscodeError(
        "ENCODER_HUNG",
        `the encoder took media for ${Math.round(quiet)} ms and gave none`,
      );
      logger.warn({ encoderPid: process.pid }, "encoder hangs: it is killed");
      process.kill();
    });
  }

  #end(): void {
    if (this.#phase === "ended") return;
    this.#phase = "ended";
    this.#cancelTimer?.();
    this.#cancelWatch?.();
    this.#queue.clear();
    this.#wake();
    this.#resolveEnded();
  }

  #wake(): void {
    const waiting = this.#room;
    if (waiting.length === 0) return;
    this.#room = [];
    for (const resolve of waiting) resolve();
  }
}

function exitError({ code, signal, log }: ProcessExit): TranscodeError {
  const how = signal === null ? `with code ${code}` : `by ${signal}`;
  const why = log === "" ? "" : `: ${log.split("\n").slice(-3).join(" | ")}`;
  return new TranscodeError("ENCODER_EXITED", `the encoder process ended ${how}${why}`);
}
