/** Tracks from decoder configurations: what ingest and readers of files have in hand. */

import { MediaError } from "../errors.ts";
import type { AudioTrack, VideoTrack } from "../track.ts";
import { aacCodecString, parseAudioSpecificConfig } from "./aac/config.ts";
import { av1CodecString, av1ConfigSequenceHeader, parseAv1Config } from "./av1/config.ts";
import { avcCodecString, parseAvcConfig } from "./h264/config.ts";
import { parseH264Sps } from "./h264/sps.ts";
import { parseHevcConfig } from "./hevc/config.ts";
import { HEVC_NAL } from "./hevc/nal-unit.ts";
import { hevcCodecString } from "./hevc/profile.ts";
import { parseHevcSps } from "./hevc/sps.ts";
import { mp3CodecString, parseMp3Header } from "./mp3/header.ts";
import { isOpusHead, parseOpusConfig, parseOpusHead, writeOpusConfig } from "./opus/config.ts";
import { OPUS_SAMPLE_RATE } from "./opus/packet.ts";

interface TrackFields {
  /** From 1, unique within the source. */
  readonly id: number;
  /** Bits per second, a hint. */
  readonly bitrate?: number;
  /** BCP 47. */
  readonly language?: string;
  /** For people. */
  readonly name?: string;
}

/** Options of {@link videoTrackFromConfig}. */
export interface VideoTrackOptions extends TrackFields {
  readonly codec: "h264" | "hevc" | "av1";
  /** The body of `avcC`, `hvcC` or `av1C`. */
  readonly config: Uint8Array;
  /** Ticks per second of the packets. */
  readonly timescale: number;
  /** Nominal frames per second, where the source knows; default what the configuration says, if it does. */
  readonly frameRate?: number;
}

/**
 * The track of a video configuration: codec string, dimensions and frame rate are read from it.
 *
 * @throws {MediaError} `TRUNCATED`, `MALFORMED` or `UNSUPPORTED` when the configuration cannot be parsed, or has no parameter sets;
 * `INVALID_ARGUMENT` for a senseless id or timescale.
 */
export function videoTrackFromConfig(options: VideoTrackOptions): VideoTrack {
  const { codec, config, timescale } = options;
  const { codecString, width, height, frameRate: nominal } = describeVideo(codec, config);
  const frameRate = options.frameRate ?? nominal;
  return {
    kind: "video",
    ...trackFields(options),
    codec: codecString,
    timescale: checkPositive("timescale", timescale),
    config,
    width,
    height,
    ...(frameRate !== undefined && { frameRate }),
  };
}

interface VideoDescription {
  readonly codecString: string;
  readonly width: number;
  readonly height: number;
  readonly frameRate?: number;
}

function describeVideo(codec: VideoTrackOptions["codec"], bytes: Uint8Array): VideoDescription {
  switch (codec) {
    case "h264": {
      const config = parseAvcConfig(bytes);
      return { ...parseH264Sps(present(config.sps[0], "avcC")), codecString: avcCodecString(config) };
    }
    case "hevc": {
      const config = parseHevcConfig(bytes);
      const sps = config.arrays.find(({ type }) => type === HEVC_NAL.sps)?.nalUnits[0];
      return { ...parseHevcSps(present(sps, "hvcC")), codecString: hevcCodecString(config.profile) };
    }
    case "av1": {
      const config = parseAv1Config(bytes);
      const header = present(av1ConfigSequenceHeader(config), "av1C");
      return { ...header, codecString: av1CodecString(config, header) };
    }
  }
}

function present<T>(set: T | undefined, box: string): T {
  if (set === undefined) throw new MediaError("MALFORMED", `${box}: there is no description of the sequence in it`);
  return set;
}

/** Options of {@link audioTrackFromConfig}. */
export type AudioTrackOptions = TrackFields & {
  /** Ticks per second of the packets. Default the sample rate. */
  readonly timescale?: number;
} & (
    | {
        readonly codec: "aac";
        /** An AudioSpecificConfig. */
        readonly config: Uint8Array;
      }
    | {
        readonly codec: "opus";
        /** The body of `dOps`, or OpusHead. */
        readonly config: Uint8Array;
      }
    | {
        readonly codec: "mp3";
        /** Any frame, or its first four bytes: MP3 has no configuration. */
        readonly frame: Uint8Array;
      }
  );

/**
 * The track of an audio configuration: codec string, sample rate and channels are read from it.
 *
 * @throws {MediaError} `TRUNCATED`, `MALFORMED` or `UNSUPPORTED` when the configuration cannot be parsed; `INVALID_ARGUMENT` for a senseless id
 * or timescale.
 */
export function audioTrackFromConfig(options: AudioTrackOptions): AudioTrack {
  const { codecString, sampleRate, channels, config } = describeAudio(options);
  return {
    kind: "audio",
    ...trackFields(options),
    codec: codecString,
    timescale: checkPositive("timescale", options.timescale ?? sampleRate),
    config,
    sampleRate,
    channels,
  };
}

interface AudioDescription {
  readonly codecString: string;
  readonly sampleRate: number;
  readonly channels: number;
  readonly config: Uint8Array;
}

function describeAudio(options: AudioTrackOptions): AudioDescription {
  switch (options.codec) {
    case "aac": {
      const config = parseAudioSpecificConfig(options.config);
      return { ...config, codecString: aacCodecString(config), config: options.config };
    }
    case "opus": {
      const head = isOpusHead(options.config);
      const { channels, ...rest } = head ? parseOpusHead(options.config) : parseOpusConfig(options.config);
      const config = head ? writeOpusConfig({ channels, ...rest }) : options.config;
      return { codecString: "opus", sampleRate: OPUS_SAMPLE_RATE, channels, config };
    }
    case "mp3": {
      const header = parseMp3Header(options.frame);
      return { ...header, codecString: mp3CodecString(header), config: new Uint8Array(0) };
    }
  }
}

function trackFields({ id, bitrate, language, name }: TrackFields): TrackFields {
  return {
    id: checkPositive("id", id),
    ...(bitrate !== undefined && { bitrate }),
    ...(language !== undefined && { language }),
    ...(name !== undefined && { name }),
  };
}

function checkPositive(name: string, value: number): number {
  if (!Number.isSafeInteger(value) || value <= 0) {
    throw new MediaError("INVALID_ARGUMENT", `${name} must be a positive integer, not ${value}`);
  }
  return value;
}
