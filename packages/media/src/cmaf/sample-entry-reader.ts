/** Reads one sample entry of `stsd`: the codec's name, its configuration and the sizes beside it. */

import { ByteReader } from "../bytes/byte-reader.ts";
import { MediaError } from "../errors.ts";
import { childBoxes } from "./box-reader.ts";

/** What a sample entry says, before anyone looks into the configuration. */
export interface SampleEntry {
  /** Undefined for what this package does not know, or what is encrypted. */
  readonly codec: "h264" | "hevc" | "av1" | "aac" | "mp3" | "opus" | undefined;
  /** Four-character code. */
  readonly format: string;
  /** Of `esds`, or undefined without. */
  readonly objectType?: number;
  readonly config: Uint8Array;
  /** Pixels; 0 for audio. */
  readonly width: number;
  readonly height: number;
  /** 0 for video. */
  readonly channels: number;
  /** Hz; 0 for video, and where it does not fit the field. */
  readonly sampleRate: number;
  /** Bits per second, or undefined where none is given. */
  readonly bitrate: number | undefined;
}

const NONE = new Uint8Array(0);

const videoConfigurations = new Map([
  ["avc1", { codec: "h264", box: "avcC" }],
  ["avc3", { codec: "h264", box: "avcC" }],
  ["hvc1", { codec: "hevc", box: "hvcC" }],
  ["hev1", { codec: "hevc", box: "hvcC" }],
  ["av01", { codec: "av1", box: "av1C" }],
] as const);

/** @throws {MediaError} `TRUNCATED` or `MALFORMED`, also when a known codec's configuration is missing. */
export function readVisualSampleEntry(format: string, body: Uint8Array): SampleEntry {
  const reader = new ByteReader(body, format);
  reader.skip(24);
  const width = reader.u16();
  const height = reader.u16();
  reader.skip(50);
  const known = isKnownVideo(format) ? videoConfigurations.get(format) : undefined;
  let config: Uint8Array | undefined;
  let bitrate: number | undefined;
  if (known !== undefined) {
    for (const box of childBoxes(reader.rest())) {
      if (box.type === known.box) config = box.body;
      else if (box.type === "btrt") bitrate = readBitrate(box.body);
    }
    if (config === undefined) throw new MediaError("MALFORMED", `sample entry "${format}" has no "${known.box}"`);
  }
  return { codec: known?.codec, format, config: config ?? NONE, width, height, channels: 0, sampleRate: 0, bitrate };
}

type KnownVideo = "avc1" | "avc3" | "hvc1" | "hev1" | "av01";

function isKnownVideo(format: string): format is KnownVideo {
  return (videoConfigurations as ReadonlyMap<string, unknown>).has(format);
}

/** @throws {MediaError} as {@link readVisualSampleEntry}. */
export function readAudioSampleEntry(format: string, body: Uint8Array, tableVersion: number): SampleEntry {
  const reader = new ByteReader(body, format);
  reader.skip(8);
  const version = reader.u16();
  reader.skip(6);
  let channels = reader.u16();
  reader.skip(6);
  let sampleRate = reader.u32() >>> 16;
  // QuickTime's longer entries. ISO 14496-12 §12.2.3 has a version 1 too, without more fields, but only in a version 1 table.
  if (version === 1 && tableVersion === 0) reader.skip(16);
  else if (version === 2) {
    reader.skip(4);
    const rate = reader.f64();
    if (rate > 0 && rate < 2 ** 32) sampleRate = Math.round(rate);
    channels = reader.u32();
    reader.skip(20);
  }
  const entry = { format, width: 0, height: 0, channels, sampleRate };
  if (format === ".mp3") return { ...entry, codec: "mp3", config: NONE, bitrate: undefined };
  if (format !== "mp4a" && format !== "Opus") return { ...entry, codec: undefined, config: NONE, bitrate: undefined };

  let elementary: ElementaryStream | undefined;
  let opus: Uint8Array | undefined;
  let bitrate: number | undefined;
  for (const box of childBoxes(reader.rest())) {
    if (box.type === "esds") elementary = readElementaryStream(box.body);
    else if (box.type === "wave") elementary ??= readWave(box.body);
    else if (box.type === "dOps") opus = box.body;
    else if (box.type === "btrt") bitrate = readBitrate(box.body);
  }
  if (format === "Opus") {
    if (opus === undefined) throw new MediaError("MALFORMED", 'sample entry "Opus" has no "dOps"');
    return { ...entry, codec: "opus", config: opus, bitrate };
  }
  if (elementary === undefined) throw new MediaError("MALFORMED", 'sample entry "mp4a" has no "esds"');
  return { ...entry, ...elementary, bitrate: bitrate ?? elementary.bitrate };
}

/** QuickTime wraps `esds` in `wave` (QuickTime File Format, "siDecompressionParam"). */
function readWave(body: Uint8Array): ElementaryStream | undefined {
  for (const box of childBoxes(body)) if (box.type === "esds") return readElementaryStream(box.body);
  return undefined;
}

interface ElementaryStream {
  readonly codec: "aac" | "mp3" | undefined;
  readonly objectType: number;
  readonly config: Uint8Array;
  readonly bitrate: number | undefined;
}

/** ES_Descriptor, ISO 14496-1 §7.2.6.5. */
function readElementaryStream(body: Uint8Array): ElementaryStream {
  const reader = new ByteReader(body, "esds");
  reader.skip(4);
  const stream = descriptor(reader, 0x03);
  if (stream === undefined) throw new MediaError("MALFORMED", '"esds" has no ES_Descriptor');
  stream.skip(2);
  const flags = stream.u8();
  if (flags & 0x80) stream.skip(2);
  if (flags & 0x40) stream.skip(stream.u8());
  if (flags & 0x20) stream.skip(2);
  const decoder = descriptor(stream, 0x04);
  if (decoder === undefined) throw new MediaError("MALFORMED", '"esds" has no DecoderConfigDescriptor');
  const objectType = decoder.u8();
  decoder.skip(4);
  const highest = decoder.u32();
  const bitrate = decoder.u32() || highest;
  const config = descriptor(decoder, 0x05)?.rest() ?? NONE;
  const codec = codecOfObjectType(objectType, config);
  return { codec, objectType, config, bitrate: bitrate === 0 ? undefined : bitrate };
}

/** Object types as registered at mp4ra.org: MPEG-4 audio, MPEG-2 AAC, MPEG-2 and MPEG-1 layer 1 to 3. */
function codecOfObjectType(objectType: number, config: Uint8Array): "aac" | "mp3" | undefined {
  if (objectType === 0x69 || objectType === 0x6b) return "mp3";
  if (objectType !== 0x40 && (objectType < 0x66 || objectType > 0x68)) return undefined;
  // Audio object type 34, in five bits of escape and six of 34 - 32: layer 3 named as MPEG-4 audio (mp4a.40.34).
  const isLayer3 =
    config.length >= 2 && config[0]! >>> 3 === 31 && (((config[0]! & 7) << 3) | (config[1]! >>> 5)) === 2;
  return isLayer3 ? "mp3" : "aac";
}

/** Skips descriptors up to the one with this tag; undefined where there is none. */
function descriptor(reader: ByteReader, tag: number): ByteReader | undefined {
  while (reader.left >= 2) {
    const found = reader.u8();
    let size = 0;
    for (let i = 0; i < 4; i++) {
      const byte = reader.u8();
      size = size * 0x80 + (byte & 0x7f);
      if (byte < 0x80) break;
    }
    const body = reader.bytes(size);
    if (found === tag) return new ByteReader(body, "esds");
  }
  return undefined;
}

/** The average of `btrt` (ISO 14496-12 §8.5.2.2), or its maximum where no average is given. */
function readBitrate(body: Uint8Array): number | undefined {
  const reader = new ByteReader(body, "btrt");
  reader.skip(4);
  const highest = reader.u32();
  const bitrate = reader.u32() || highest;
  return bitrate === 0 ? undefined : bitrate;
}
