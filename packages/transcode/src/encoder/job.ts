/** What one encoder process is asked to do, and how a host speaks with it: the seam between supervision and the two backends. */

import type { Packet, Track } from "@ami-streams/media";
import type { AudioSettings, VideoSettings } from "../ladder/rung.ts";
import type { HardwareEncoder } from "./hardware.ts";

/** One encoded stream that comes out of a process. Its place in {@link EncoderJob.outputs} is its number. */
export type JobOutput =
  | { readonly kind: "video"; readonly trackId: number; readonly settings: VideoSettings }
  | { readonly kind: "audio"; readonly trackId: number; readonly settings: AudioSettings };

/** A process's task: it lasts as long as the configuration of the tracks. */
export interface EncoderJob {
  /** The source tracks that outputs are made from, at most one of each kind. */
  readonly tracks: readonly Track[];
  readonly outputs: readonly JobOutput[];
  readonly hardware: HardwareEncoder | null;
  readonly preset: string;
  /** Of each software video encoder; undefined chooses by size. */
  readonly threads: number | undefined;
}

/** What a process tells its host. */
export interface ProcessEvents {
  /** Before the first packet of an output, and again should the encoder change its configuration. */
  track(output: number, track: Track): void;
  /** `packet.track` is the one announced last for this output. */
  packet(output: number, packet: Packet): void;
  /** Something was refused by a decoder; the process goes on. */
  decodeError(message: string): void;
}

/** How a process ended. */
export interface ProcessExit {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal: string | null;
  /** The end of what it complained about. */
  readonly log: string;
  /** It flushed all its outputs before. */
  readonly clean: boolean;
}

/** A running encoder process. */
export interface EncoderProcess {
  readonly pid: number | undefined;
  /** Bytes written that the process has not taken yet. */
  readonly bufferedBytes: number;
  /** Hands a packet over. False asks to wait for {@link drained} before the next. */
  write(packet: Packet): boolean;
  /** Resolves when more may be written, and when the process has ended. */
  drained(): Promise<void>;
  /** No more input: the process flushes, then exits. */
  end(): void;
  /** SIGKILL. */
  kill(): void;
  /** Resolves, never rejects, when the process is gone and its outputs are read. */
  readonly exited: Promise<ProcessExit>;
}

/** A way to run encoders. */
export interface Backend {
  /** Splits outputs over processes: each inner list is one process. */
  divide(outputs: readonly JobOutput[]): JobOutput[][];
  /** Starts a process. Throws only for mistakes of ours: a process that cannot run ends with an exit. */
  start(job: EncoderJob, events: ProcessEvents): EncoderProcess;
  /** Names the video encoder that a job will use, e.g. `libx264`. */
  videoEncoderName(codec: VideoSettings["codec"], hardware: HardwareEncoder | null): string;
  /** Hardware that encodes a few frames successfully here, in order of preference. */
  probeHardware(codec: VideoSettings["codec"]): Promise<HardwareEncoder | null>;
}
