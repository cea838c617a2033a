/** How the frames of one decoder configuration become samples of a track. */

import {
  type AudioTrack,
  audioTrackFromConfig,
  isAv1Keyframe,
  isH264Keyframe,
  isHevcKeyframe,
  MediaError,
  NAL_LENGTH_SIZE,
  opusPacketDuration,
  parseAudioSpecificConfig,
  parseAvcConfig,
  parseHevcConfig,
  parseMp3Header,
  readLengthPrefixedNalUnits,
  stripTemporalDelimiters,
  type Track,
  type VideoTrack,
  videoTrackFromConfig,
  writeAvcConfig,
  writeHevcConfig,
} from "@ami-streams/media";
import type { AudioTag, VideoTag } from "../rtmp/flv/tag.ts";
import { VIDEO_TIMESCALE } from "./frame-grid.ts";

/** Samples that one frame of a message gives. */
export interface Samples {
  readonly data: readonly Uint8Array[];
  readonly keyframe: boolean;
}

/** See the module comment. A changed configuration is a new one. */
export interface SampleFormat {
  readonly track: Track;
  /** Frames per second that the stream claims. */
  readonly frameRate: number | undefined;
  /** Whether the tag says the same. */
  matches(tag: VideoTag | AudioTag): boolean;
  /**
   * Takes a frame apart.
   *
   * @throws {MediaError} when it is cut off or malformed.
   */
  read(tag: VideoTag | AudioTag): Samples;
  /** Ticks that a sample plays; 0 for video, whose timestamps tell. */
  duration(sample: Uint8Array): number;
}

/**
 * @param hint - frames per second by `onMetaData`, for configurations that name none.
 * @throws {MediaError} when the configuration cannot be read.
 */
export function createSampleFormat(tag: VideoTag | AudioTag, id: number, hint: number | undefined): SampleFormat {
  if (tag.kind === "video") return createVideoFormat(tag, id, hint);
  if (tag.codec === "mp3") return createMp3Format(tag.data, id);
  return tag.codec === "opus" ? createOpusFormat(tag.data, id) : createAacFormat(tag.data, id);
}

function createVideoFormat(tag: VideoTag, id: number, hint: number | undefined): SampleFormat {
  const bytes = tag.data.slice();
  // OBS before 29.1, and some cameras, send HEVC under the name of H.264: the configuration record tells.
  const codec = tag.codec === "h264" && !looksLikeAvc(bytes) ? "hevc" : (tag.codec ?? "h264");
  const { config, lengthSize } = codec === "av1" ? { config: bytes, lengthSize: 0 } : withLongLengths(codec, bytes);
  const nominal = videoTrackFromConfig({ codec, config, id, timescale: VIDEO_TIMESCALE });
  const frameRate = nominal.frameRate ?? hint;
  const track: VideoTrack = frameRate === undefined ? nominal : { ...nominal, frameRate };
  return {
    track,
    frameRate,
    matches: (other) => other.codec === tag.codec && sameBytes(other.data, bytes),
    read: (frame) => {
      const claimed = frame.kind === "video" && frame.keyframe;
      if (codec === "av1") {
        const data = stripTemporalDelimiters(frame.data);
        return { data: [data], keyframe: claimed && isAv1Keyframe(data) };
      }
      const data = lengthSize === NAL_LENGTH_SIZE ? checked(frame.data) : relengthen(frame.data, lengthSize);
      if (data.length === 0) throw new MediaError("MALFORMED", "the frame is empty");
      const isKeyframe = codec === "h264" ? isH264Keyframe : isHevcKeyframe;
      return { data: [data], keyframe: claimed && isKeyframe(data) };
    },
    duration: () => 0,
  };
}

/** An avcC has six, then three bits set where an hvcC has compatibility flags. */
function looksLikeAvc(config: Uint8Array): boolean {
  return config.length < 23 || ((config[4]! & 0xfc) === 0xfc && (config[5]! & 0xe0) === 0xe0);
}

/** The same configuration for samples whose lengths have 4 bytes, as tracks have them. */
function withLongLengths(codec: "h264" | "hevc", bytes: Uint8Array): { config: Uint8Array; lengthSize: number } {
  const parsed = codec === "h264" ? parseAvcConfig(bytes) : parseHevcConfig(bytes);
  const { lengthSize } = parsed;
  if (lengthSize === NAL_LENGTH_SIZE) return { config: bytes, lengthSize };
  const config =
    codec === "h264"
      ? writeAvcConfig({ ...parseAvcConfig(bytes), lengthSize: NAL_LENGTH_SIZE })
      : writeHevcConfig({ ...parseHevcConfig(bytes), lengthSize: NAL_LENGTH_SIZE });
  return { config, lengthSize };
}

/** The sample itself, once its lengths are known to add up: players give up at one that does not. */
function checked(sample: Uint8Array): Uint8Array {
  let position = 0;
  while (position < sample.length) {
    if (position + NAL_LENGTH_SIZE > sample.length) throw new MediaError("TRUNCATED", "a NAL unit's length is cut off");
    const length =
      ((sample[position]! << 24) |
        (sample[position + 1]! << 16) |
        (sample[position + 2]! << 8) |
        sample[position + 3]!) >>>
      0;
    position += NAL_LENGTH_SIZE + length;
  }
  if (position !== sample.length) throw new MediaError("TRUNCATED", "a NAL unit is cut off");
  return sample;
}

function relengthen(sample: Uint8Array, lengthSize: number): Uint8Array {
  const units = [...readLengthPrefixedNalUnits(sample, lengthSize)];
  const bytes = new Uint8Array(units.reduce((size, unit) => size + NAL_LENGTH_SIZE + unit.length, 0));
  const view = new DataView(bytes.buffer);
  let position = 0;
  for (const unit of units) {
    view.setUint32(position, unit.length);
    bytes.set(unit, position + NAL_LENGTH_SIZE);
    position += NAL_LENGTH_SIZE + unit.length;
  }
  return bytes;
}

function createAacFormat(data: Uint8Array, id: number): SampleFormat {
  const config = data.slice();
  const { frameLength, sampleRate, coreSampleRate } = parseAudioSpecificConfig(config);
  const track = audioTrackFromConfig({ codec: "aac", config, id });
  // With SBR a frame of the core plays twice its samples.
  const duration = Math.round((frameLength * sampleRate) / coreSampleRate);
  return audioFormat(track, "aac", config, () => duration);
}

function createOpusFormat(data: Uint8Array, id: number): SampleFormat {
  const config = data.slice();
  const track = audioTrackFromConfig({ codec: "opus", config, id });
  return audioFormat(track, "opus", config, opusPacketDuration);
}

function audioFormat(
  track: AudioTrack,
  codec: "aac" | "opus",
  config: Uint8Array,
  duration: (sample: Uint8Array) => number,
): SampleFormat {
  return {
    track,
    frameRate: undefined,
    matches: (tag) => tag.codec === codec && sameBytes(tag.data, config),
    read: (tag) => {
      if (tag.data.length === 0) throw new MediaError("MALFORMED", "the frame is empty");
      return { data: [tag.data], keyframe: true };
    },
    duration,
  };
}

function createMp3Format(frame: Uint8Array, id: number): SampleFormat {
  const track = audioTrackFromConfig({ codec: "mp3", frame, id });
  return {
    track,
    frameRate: undefined,
    matches: (tag) => {
      if (tag.codec !== "mp3") return false;
      const { sampleRate, channels } = parseMp3Header(tag.data);
      return sampleRate === track.sampleRate && channels === track.channels;
    },
    read: (tag) => ({ data: splitMp3(tag.data), keyframe: true }),
    duration: (sample) => parseMp3Header(sample).samples,
  };
}

/** Encoders may put several frames into one message. A last one that is cut off is kept: its decoder may still use it. */
function splitMp3(data: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let offset = 0; offset < data.length; ) {
    const { frameLength } = parseMp3Header(data.subarray(offset));
    frames.push(data.subarray(offset, offset + frameLength));
    offset += frameLength;
  }
  return frames;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
