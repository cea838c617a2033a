/** The encoder contract: one source in, one rendition per rung out. Both backends pass the same tests. */

import type { PacketSource } from "@ami-streams/media";
import type { Clock } from "../clock.ts";
import type { TranscodeError } from "../errors.ts";
import type { Rung } from "../ladder/rung.ts";
import type { Logger } from "../logger.ts";
import type { HardwareEncoder } from "./hardware.ts";
import type { RestartPolicy } from "./restart-policy.ts";

/** `libav`: FFmpeg inside node-av, an npm package. `ffmpeg`: the machine's own program, by fluent-ffmpeg. */
export type EncoderBackend = "libav" | "ffmpeg";

/** Options of {@link createEncoder}. */
export interface EncoderOptions {
  readonly backend: EncoderBackend;
  readonly source: PacketSource;
  /** What to make: see {@link createLadder}. */
  readonly rungs: readonly Rung[];
  /** `auto` tries what the machine has and falls back to software with one warning; `off` is software; a name insists. Default `auto`. */
  readonly hardware?: "auto" | "off" | HardwareEncoder;
  /** Speed of software encoders, in x264's words. Default `veryfast`. */
  readonly preset?: "ultrafast" | "superfast" | "veryfast" | "faster" | "fast" | "medium" | "slow";
  /**
   * Threads of each software video encoder. With 1 a frame is one slice, with more as many: parallel, but a few percent worse.
   * Default: 1 up to 1280x720, 2 up to 1920x1080, 4 above, and never more than the machine has.
   */
  readonly threads?: number;
  /**
   * When the encoder cannot keep up and `maxQueueBytes` are waiting: `drop` throws video away up to the next keyframe and counts it as
   * overload, which is right for live; `wait` stops reading the source, which is right for files. Default `drop`.
   */
  readonly whenSlow?: "drop" | "wait";
  /** Bound of the packets that wait for the encoder process, in bytes. Default {@link DEFAULT_MAX_QUEUE_BYTES}. */
  readonly maxQueueBytes?: number;
  /** Bound of each encoded rendition's buffer for its slowest reader, in bytes. Default {@link DEFAULT_MAX_RENDITION_BYTES}. */
  readonly maxRenditionBytes?: number;
  /** Seconds that media may flow in without anything coming out before the process is killed and restarted. Default 10. */
  readonly hangTimeout?: number;
  /** When and how often a failed encoder process is started again. */
  readonly restart?: Partial<RestartPolicy>;
  /** Path of the `ffmpeg` program, for that backend. Default: `FFMPEG_PATH` or PATH, as fluent-ffmpeg finds it. */
  readonly ffmpegPath?: string;
  /** Ends the encoding, as `close()` does. */
  readonly signal?: AbortSignal;
  /** Attribute `stream` of the metrics. Default: none. */
  readonly stream?: string;
  readonly logger?: Logger;
  /** Monotonic time, for tests. */
  readonly clock?: Clock;
}

/** One rung, alive. */
export interface Rendition extends PacketSource {
  /** The rung's. */
  readonly name: string;
  readonly rung: Rung;
}

/** Counters since the start. */
export interface EncodingStats {
  /** What encodes video, e.g. `libx264` or `h264_nvenc`. Empty until the first process runs, or where nothing is encoded. */
  readonly videoEncoder: string;
  /** Processes that run now. */
  readonly pids: readonly number[];
  /** Packets given to encoder processes. */
  readonly packetsIn: number;
  /** Packets that came back, of all renditions. */
  readonly packetsOut: number;
  /** `OVERLOADED`: times that the queue was full and video was dropped up to the next keyframe. */
  readonly overloads: number;
  /** Source packets dropped by overload, or while no process ran. */
  readonly dropped: number;
  /** Packets or frames that the decoder refused. */
  readonly decodeErrors: number;
  /** Times that a process was started again after a failure. */
  readonly restarts: number;
  /** Times that a process was replaced because the source's configuration changed. */
  readonly reconfigurations: number;
  /** Bytes that wait for encoder processes now. */
  readonly queuedBytes: number;
}

/** How an encoding ended. */
export interface EncodingEnd {
  readonly reason: "source-ended" | "closed" | "source-failed";
  /** For `source-failed`. */
  readonly cause?: unknown;
}

/** A running encoder. */
export interface Encoding extends AsyncDisposable {
  /**
   * In the order of the rungs. Timestamps of video are those of the source, keyframes are where the source's are.
   * Rungs that nothing could be made for, see {@link failure}, are missing.
   */
  readonly renditions: readonly Rendition[];
  /** `ENCODER_GAVE_UP` once encoded renditions have ended for good; those that only copy go on. */
  readonly failure: TranscodeError | null;
  /** Resolves, never rejects, once everything has ended and no process is left. */
  readonly closed: Promise<EncodingEnd>;
  readonly stats: EncodingStats;
  /** Ends renditions and processes. Idempotent. */
  close(): Promise<void>;
}

/** Packets that may wait for an encoder process: a second and a half of 20 Mb/s. */
export const DEFAULT_MAX_QUEUE_BYTES = 4 << 20;

/** What a rendition holds for its slowest reader: half a minute at 2 Mb/s. */
export const DEFAULT_MAX_RENDITION_BYTES = 8 << 20;

/** Seconds. */
export const DEFAULT_HANG_TIMEOUT = 10;
