/** The codecs of RTMP, by the names that old FLV and Enhanced RTMP give them. */

/** Codecs that this package carries. */
export type VideoCodec = "h264" | "hevc" | "av1";

/** Codecs that this package carries. */
export type AudioCodec = "aac" | "opus" | "mp3";

/** A codec as a tag names it; `codec` is null for one that is not carried. */
export interface NamedCodec<Codec extends string> {
  readonly codec: Codec | null;
  /** For people. */
  readonly name: string;
}

/** FourCCs of Enhanced RTMP v2, for video. */
const VIDEO_BY_FOURCC = byName<VideoCodec>({ avc1: "h264", hvc1: "hevc", av01: "av1" });

/** FourCCs of Enhanced RTMP v2, for audio. */
const AUDIO_BY_FOURCC = byName<AudioCodec>({ mp4a: "aac", Opus: "opus", ".mp3": "mp3" });

/** `CodecID` of FLV's VideoTagHeader. 12 is HEVC by a widespread convention that predates Enhanced RTMP. */
const VIDEO_BY_ID = byNumber<VideoCodec>("FLV video codec", { 7: "h264", 12: "hevc" }, [
  [2, "Sorenson H.263"],
  [3, "Screen Video"],
  [4, "VP6"],
  [5, "VP6 with alpha"],
  [6, "Screen Video 2"],
]);

/** `SoundFormat` of FLV's AudioTagHeader. 14 is MP3 at 8 kHz. */
const AUDIO_BY_FORMAT = byNumber<AudioCodec>("FLV sound format", { 2: "mp3", 10: "aac", 14: "mp3" }, [
  [0, "PCM"],
  [1, "ADPCM"],
  [3, "PCM"],
  [4, "Nellymoser"],
  [5, "Nellymoser"],
  [6, "Nellymoser"],
  [7, "G.711 A-law"],
  [8, "G.711 µ-law"],
  [11, "Speex"],
]);

/** Finds a video codec by FourCC. */
export function videoCodecByFourCc(fourCc: string): NamedCodec<VideoCodec> {
  return VIDEO_BY_FOURCC.get(fourCc) ?? { codec: null, name: printable(fourCc) };
}

/** Finds an audio codec by FourCC. */
export function audioCodecByFourCc(fourCc: string): NamedCodec<AudioCodec> {
  return AUDIO_BY_FOURCC.get(fourCc) ?? { codec: null, name: printable(fourCc) };
}

/** Finds a video codec by the number of old FLV, 0 to 15. */
export function videoCodecById(id: number): NamedCodec<VideoCodec> {
  return VIDEO_BY_ID[id]!;
}

/** Finds an audio codec by the number of old FLV, 0 to 15. */
export function audioCodecByFormat(format: number): NamedCodec<AudioCodec> {
  return AUDIO_BY_FORMAT[format]!;
}

function byName<Codec extends string>(codecs: Record<string, Codec>): ReadonlyMap<string, NamedCodec<Codec>> {
  return new Map(Object.entries(codecs).map(([name, codec]) => [name, { codec, name }]));
}

function byNumber<Codec extends string>(
  kind: string,
  codecs: Readonly<Record<number, Codec>>,
  names: readonly (readonly [number, string])[],
): readonly NamedCodec<Codec>[] {
  const known = new Map(names);
  return Array.from({ length: 16 }, (_, id) => ({
    codec: codecs[id] ?? null,
    name: known.get(id) ?? `${kind} ${id}`,
  }));
}

function printable(fourCc: string): string {
  return fourCc.replaceAll(/[^\x20-\x7e]/g, "?");
}
