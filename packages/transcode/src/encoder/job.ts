/** What one encoder process is asked to do, and how a host speaks with it: the seam between supervision and the two backends. */

import type { Packet, Track } from "@ami-streams/media";
import type { AudioSettings, VideoSettings } from "../ladder/rung.ts";
import type { HardwareEncoder } from "./hardware.ts";

/** One encoded stream that comes out of a process. Its place in {@link EncoderJob.outputs} is its number. */
export type JobOutput =
  | { readonly kind: "video"; readonly settings: VideoSettings }
  | { readonly kind: "audio"; readonly settings: AudioSettings };

/**
 * A process's task: one source track, decoded once, and all that is encoded from it. It lasts as long as the track's configuration.
 *
 * Audio and video have processes of their own, so that neither waits for the other nor falls with it.
 */
export interface EncoderJob {
  readonly track: Track;
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
  /** Starts a process. Throws only for mistakes of ours: a process that cannot run ends with an exit. */
  start(job: EncoderJob, events: ProcessEvents): EncoderProcess;
  /** Whether an encoder encodes a few frames here. Resolves to why not, or null when it does. */
  probe(codec: VideoSettings["codec"], hardware: HardwareEncoder): Promise<string | null>;
}
