/** Which codec a track is, by its RFC 6381 string. */

import type { AudioTrack, VideoTrack } from "@ami-streams/media";
import type { AudioCodec, VideoCodec } from "./rung.ts";

/** Null for a codec that ladders neither pass through nor make. */
export function videoCodecOf(track: VideoTrack): VideoCodec | null {
  const codec = track.codec.toLowerCase();
  if (/^avc[1-4]\./.test(codec)) return "h264";
  if (/^(hvc1|hev1)\./.test(codec)) return "hevc";
  return codec.startsWith("av01.") ? "av1" : null;
}

/** MP3, which hides behind the same sample entry as AAC, is none of these (ISO 14496-3 table 1.17: object types 32 to 34 are MPEG-1). */
export function audioCodecOf(track: AudioTrack): AudioCodec | null {
  const codec = track.codec.toLowerCase();
  if (codec === "opus") return "opus";
  const objectType = /^mp4a\.40\.(\d+)$/.exec(codec)?.[1];
  if (objectType !== undefined) return Number(objectType) >= 32 && Number(objectType) <= 34 ? null : "aac";
  return codec === "mp4a.67" ? "aac" : null;
}
