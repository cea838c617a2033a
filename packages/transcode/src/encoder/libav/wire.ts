/** What host and process of the libav backend agree on, besides the framing. */

import { audioTrackFromConfig, type Track, videoTrackFromConfig } from "@ami-streams/media";
import type { VideoCodec } from "../../ladder/rung.ts";
import type { HardwareEncoder } from "../hardware.ts";
import type { EncoderJob, JobOutput } from "../job.ts";

/** File descriptor of the pipe, in the process. Standard output is left to whatever a library prints. */
export const HOST_PIPE = 3;

/** A job as JSON. */
export interface WireJob extends Omit<EncoderJob, "track"> {
  readonly track: Omit<Track, "config"> & { readonly config: string };
}

/** What a process says about an output: enough to make a `Track` of it. */
export interface WireTrack {
  readonly output: number;
  readonly codec: "h264" | "hevc" | "av1" | "aac" | "opus";
  /** As `Track.config`, base64. */
  readonly config: string;
  readonly timescale: number;
}

/** An encoder to be tried. */
export interface WireTrial {
  readonly codec: VideoCodec;
  readonly hardware: HardwareEncoder;
}

export function toWire(job: EncoderJob): WireJob {
  return { ...job, track: { ...job.track, config: toBase64(job.track.config) } };
}

/** The host is trusted: it is this package, on the other end of a private pipe. */
export function reviveJob(value: unknown): EncoderJob {
  const job = value as WireJob;
  return { ...job, track: { ...job.track, config: fromBase64(job.track.config) } as Track };
}

const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
const fromBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"));

/** The track of an output, as an encoder's configuration describes it. */
export function reviveTrack(wire: WireTrack, output: JobOutput, id: number): Track {
  const base = { id, config: fromBase64(wire.config), timescale: wire.timescale, bitrate: output.settings.bitrate };
  if (wire.codec === "aac" || wire.codec === "opus") return audioTrackFromConfig({ ...base, codec: wire.codec });
  return videoTrackFromConfig({
    ...base,
    codec: wire.codec,
    ...(output.kind === "video" && { frameRate: output.settings.frameRate }),
  });
}
