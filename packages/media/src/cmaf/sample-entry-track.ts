/** The Track of a sample entry. */

import { av1CodecString, av1ConfigSequenceHeader, parseAv1Config } from "../codecs/av1/config.ts";
import { avcCodecString, parseAvcConfig } from "../codecs/h264/config.ts";
import { parseHevcConfig } from "../codecs/hevc/config.ts";
import { HEVC_NAL } from "../codecs/hevc/nal-unit.ts";
import { hevcCodecString } from "../codecs/hevc/profile.ts";
import { audioTrackFromConfig, videoTrackFromConfig } from "../codecs/tracks.ts";
import { MediaError } from "../errors.ts";
import type { Track } from "../track.ts";
import type { SampleEntry } from "./sample-entry-reader.ts";

/** What the boxes around the sample entry say. */
export interface TrackSurroundings {
  readonly id: number;
  readonly timescale: number;
  readonly language: string | undefined;
}

/**
 * Undefined for a codec this package does not know.
 *
 * @throws {MediaError} `TRUNCATED`, `MALFORMED` or `UNSUPPORTED` when the configuration cannot be parsed.
 */
export function trackOf(entry: SampleEntry, { id, timescale, language }: TrackSurroundings): Track | undefined {
  const { codec, bitrate } = entry;
  // Not `slice`, which does not copy where the caller gave a Buffer of Node.
  const config = new Uint8Array(entry.config);
  const fields = {
    id,
    timescale,
    ...(bitrate !== undefined && { bitrate }),
    ...(language !== undefined && { language }),
  };
  switch (codec) {
    case undefined:
      return undefined;
    case "h264":
    case "hevc":
    case "av1": {
      if (config.length === 0) {
        throw new MediaError(
          "MALFORMED",
          `track ${id} has an empty configuration: its writer wrote "moov" before the encoder had one; FFmpeg needs -movflags +delay_moov for it`,
        );
      }
      const bare = codecStringWithoutSequence(codec, config);
      if (bare === undefined) return videoTrackFromConfig({ ...fields, codec, config });
      return { kind: "video", ...fields, codec: bare, config, width: entry.width, height: entry.height };
    }
    case "aac":
    case "opus":
      return audioTrackFromConfig({ ...fields, codec, config });
    case "mp3": {
      const { channels, sampleRate, objectType } = entry;
      const name = objectType === 0x69 ? "mp4a.69" : "mp4a.6b";
      return { kind: "audio", ...fields, codec: name, config: new Uint8Array(0), sampleRate, channels };
    }
  }
}

/**
 * `avc3`, `hev1` and `av01` may have their sequence descriptions in the samples alone: then the sample entry's size
 * is what there is.
 */
function codecStringWithoutSequence(codec: "h264" | "hevc" | "av1", bytes: Uint8Array): string | undefined {
  if (codec === "h264") {
    const config = parseAvcConfig(bytes);
    return config.sps.length === 0 ? avcCodecString(config) : undefined;
  }
  if (codec === "hevc") {
    const config = parseHevcConfig(bytes);
    return config.arrays.some(({ type }) => type === HEVC_NAL.sps) ? undefined : hevcCodecString(config.profile);
  }
  const config = parseAv1Config(bytes);
  return av1ConfigSequenceHeader(config) === undefined ? av1CodecString(config) : undefined;
}
