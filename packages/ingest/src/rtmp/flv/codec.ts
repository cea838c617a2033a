/** The codecs of RTMP, by the names that old FLV and Enhanced RTMP give them. */

/** Codecs that this package carries. */
export type VideoCodec = "h264" | "hevc" | "av1";

/** Codecs that this package carries. */
export type AudioCodec = "aac" | "opus" | "mp3";

/** FourCCs of Enhanced RTMP v2, for video. */
const VIDEO_BY_FOURCC: Readonly<Record<string, VideoCodec>> = { avc1: "h264", hvc1: "hevc", av01: "av1" };

/** FourCCs of Enhanced RTMP v2, for audio. */
const AUDIO_BY_FOURCC: Readonly<Record<string, AudioCodec>> = { mp4a: "aac", Opus: "opus", ".mp3": "mp3" };

/** `CodecID` of FLV's VideoTagHeader. 12 is HEVC by a widespread convention that predates Enhanced RTMP. */
const VIDEO_BY_ID: Readonly<Record<number, VideoCodec>> = { 7: "h264", 12: "hevc" };

/** `SoundFormat` of FLV's AudioTagHeader. 14 is MP3 at 8 kHz. */
const AUDIO_BY_FORMAT: Readonly<Record<number, AudioCodec>> = { 2: "mp3", 10: "aac", 14: "mp3" };

const VIDEO_NAMES: Readonly<Record<number, string>> = {
  2: "Sorenson H.263",
  3: "Screen Video",
  4: "VP6",
  5: "VP6 with alpha",
  6: "Screen Video 2",
};

const AUDIO_NAMES: Readonly<Record<number, string>> = {
  0: "PCM",
  1: "ADPCM",
  3: "PCM",
  4: "Nellymoser",
  5: "Nellymoser",
  6: "Nellymoser",
  7: "G.711 A-law",
  8: "G.711 µ-law",
  11: "Speex",
};

/** A codec as a tag names it; `codec` is null for one that is not carried. */
export interface NamedCodec<Codec extends string> {
  readonly codec: Codec | null;
  /** For people. */
  readonly name: string;
}

/** Finds a video codec by FourCC. */
export function videoCodecByFourCc(fourCc: string): NamedCodec<VideoCodec> {
  const codec = Object.hasOwn(VIDEO_BY_FOURCC, fourCc) ? VIDEO_BY_FOURCC[fourCc]! : null;
  return { codec, name: printable(fourCc) };
}

/** Finds an audio codec by FourCC. */
export function audioCodecByFourCc(fourCc: string): NamedCodec<AudioCodec> {
  const codec = Object.hasOwn(AUDIO_BY_FOURCC, fourCc) ? AUDIO_BY_FOURCC[fourCc]! : null;
  return { codec, name: printable(fourCc) };
}

/** Finds a video codec by the number of old FLV. */
export function videoCodecById(id: number): NamedCodec<VideoCodec> {
  return { codec: VIDEO_BY_ID[id] ?? null, name: VIDEO_NAMES[id] ?? `FLV video codec ${id}` };
}

/** Finds an audio codec by the number of old FLV. */
export function audioCodecByFormat(format: number): NamedCodec<AudioCodec> {
  return { codec: AUDIO_BY_FORMAT[format] ?? null, name: AUDIO_NAMES[format] ?? `FLV sound format ${format}` };
}

function printable(fourCc: string): string {
  return fourCc.replaceAll(/[^\x20-\x7e]/g, "?");
}
