/** Sample entries: how each codec's configuration stands in `stsd`. */

import { MediaError } from "../errors.ts";
import type { AudioTrack, Track, VideoTrack } from "../track.ts";
import type { BoxWriter } from "./box-writer.ts";
import { completeHevcConfig, type VideoPresentation, videoPresentation } from "./video-presentation.ts";

/** The sample entries this package writes. */
export type SampleEntryFormat = "avc1" | "hvc1" | "av01" | "mp4a" | "Opus";

interface EntryKind {
  readonly format: SampleEntryFormat;
  readonly kind: "video" | "audio";
  /** Type of the box that holds `Track.config`, or the MPEG-4 object type for `esds`. */
  readonly configuration:
    | "avcC"
    | "hvcC"
    | "av1C"
    | "dOps"
    | typeof AAC_OBJECT
    | typeof MPEG1_OBJECT
    | typeof MPEG2_OBJECT;
}

/** ISO 14496-1 §7.2.6.6.2, as registered at mp4ra.org. */
const AAC_OBJECT = 0x40;
const MPEG2_OBJECT = 0x69;
const MPEG1_OBJECT = 0x6b;
const STREAM_TYPE_AUDIO = 0x05;

const h264: EntryKind = { format: "avc1", kind: "video", configuration: "avcC" };
const hevc: EntryKind = { format: "hvc1", kind: "video", configuration: "hvcC" };
const av1: EntryKind = { format: "av01", kind: "video", configuration: "av1C" };
const aac: EntryKind = { format: "mp4a", kind: "audio", configuration: AAC_OBJECT };
const mp3: EntryKind = { format: "mp4a", kind: "audio", configuration: MPEG1_OBJECT };
const mp3OfLowRate: EntryKind = { format: "mp4a", kind: "audio", configuration: MPEG2_OBJECT };
// Its 80 ms of pre-roll could be told by a `roll` sample group (Opus in ISO BMFF §4.3.6.2). FFmpeg's fragments have none either, and nobody asks for it.
const opus: EntryKind = { format: "Opus", kind: "audio", configuration: "dOps" };

/**
 * @throws {MediaError} `UNSUPPORTED`; `INVALID_ARGUMENT` when the track's kind contradicts its codec, or its
 * configuration is missing.
 */
function entryKind(track: Track): EntryKind {
  const entry = entryKindOfCodec(track.codec.toLowerCase());
  if (entry === undefined)
    throw new MediaError("UNSUPPORTED", `no sample entry for codec "${track.codec}" of track ${track.id}`);
  if (entry.kind !== track.kind) {
    throw new MediaError(
      "INVALID_ARGUMENT",
      `track ${track.id} is ${track.kind}, but its codec "${track.codec}" is ${entry.kind}`,
    );
  }
  if (track.config.length === 0 && entry.configuration !== MPEG1_OBJECT && entry.configuration !== MPEG2_OBJECT) {
    throw new MediaError("INVALID_ARGUMENT", `track ${track.id} has no configuration, which "${track.codec}" needs`);
  }
  return entry;
}

function entryKindOfCodec(codec: string): EntryKind | undefined {
  switch (codec.split(".", 1)[0]) {
    case "avc1":
    case "avc3":
      return h264;
    case "hvc1":
    case "hev1":
      return hevc;
    case "av01":
      return av1;
    case "opus":
      return opus;
    case "mp3":
      return mp3;
    case "mp4a":
      return mpegAudio(codec);
    default:
      return undefined;
  }
}

function mpegAudio(codec: string): EntryKind | undefined {
  // mp4a.40.34 is MP3 by its audio object type; players know it in files as object type 0x6b all the same.
  if (codec === "mp4a.6b" || codec === "mp4a.40.34") return mp3;
  if (codec === "mp4a.69") return mp3OfLowRate;
  return codec.startsWith("mp4a.40.") ? aac : undefined;
}

/** The four-character code of the track's sample entry. */
export function formatOf(track: Track): SampleEntryFormat {
  return entryKind(track).format;
}

/** Writes the one sample entry of a track. */
export function putSampleEntry(writer: BoxWriter, track: Track): void {
  const entry = entryKind(track);
  writer.box(entry.format, () => {
    writer.zeros(6);
    writer.u16(1); // data reference: the file itself
    if (track.kind === "video") putVisual(writer, track);
    else putAudio(writer, track, entry);
    const { configuration } = entry;
    if (typeof configuration === "number") putElementaryStream(writer, track, configuration);
    else
      writer.box(configuration, () =>
        writer.bytes(configuration === "hvcC" ? completeHevcConfig(track.config) : track.config),
      );
    if (track.kind === "video") putPresentation(writer, videoPresentation(track));
    if (track.bitrate !== undefined) {
      const bitrate = Math.min(Math.round(track.bitrate), 0xffffffff);
      writer.box("btrt", () => {
        writer.u32(0);
        writer.u32(bitrate);
        writer.u32(bitrate);
      });
    }
  });
}

/** VisualSampleEntry, ISO 14496-12 §12.1.3. */
function putVisual(writer: BoxWriter, track: VideoTrack): void {
  writer.zeros(16);
  writer.u16(track.width);
  writer.u16(track.height);
  writer.u32(0x00480000); // 72 dpi
  writer.u32(0x00480000);
  writer.u32(0);
  writer.u16(1); // frames per sample
  writer.zeros(32); // compressor name
  writer.u16(0x0018); // depth
  writer.u16(0xffff); // pre-defined -1
}

/** `pasp` and `colr` (ISO 14496-12 §12.1.4 and §12.1.5), where the configuration says something that is not the default. */
function putPresentation(writer: BoxWriter, { sampleAspectRatio, colour }: VideoPresentation): void {
  if (sampleAspectRatio !== undefined && sampleAspectRatio.width !== sampleAspectRatio.height) {
    writer.box("pasp", () => {
      writer.u32(sampleAspectRatio.width);
      writer.u32(sampleAspectRatio.height);
    });
  }
  if (colour !== undefined) {
    writer.box("colr", () => {
      writer.latin1("nclx");
      writer.u16(colour.primaries);
      writer.u16(colour.transfer);
      writer.u16(colour.matrix);
      writer.u8(colour.fullRange ? 0x80 : 0);
    });
  }
}

/** AudioSampleEntry, ISO 14496-12 §12.2.3. */
function putAudio(writer: BoxWriter, track: AudioTrack, entry: EntryKind): void {
  // Opus in ISOBMFF §4.3.1: its clock is always 48 kHz.
  const sampleRate = entry === opus ? 48_000 : track.sampleRate;
  writer.zeros(8);
  writer.u16(track.channels);
  writer.u16(16); // bits per sample
  writer.zeros(4);
  // 16.16 fixed point; what does not fit (88.2 kHz and above) is in the decoder configuration alone.
  writer.u32(sampleRate <= 0xffff ? sampleRate * 0x10000 : 0);
}

/** ES_Descriptor of ISO 14496-14 §5.6: lengths count what follows them, 7 bits per byte. */
function putElementaryStream(writer: BoxWriter, track: Track, objectType: number): void {
  const { config } = track;
  const specificSize = config.length === 0 ? 0 : descriptorSize(config.length);
  const decoderConfigSize = 13 + specificSize;
  const slConfigSize = 1;
  const bitrate = Math.min(Math.round(track.bitrate ?? 0), 0xffffffff);
  writer.fullBox("esds", 0, 0, () => {
    putDescriptor(writer, 0x03, 3 + descriptorSize(decoderConfigSize) + descriptorSize(slConfigSize));
    writer.u16(0); // ES_ID: 0 in files, the track id takes its place
    writer.u8(0);
    putDescriptor(writer, 0x04, decoderConfigSize);
    writer.u8(objectType);
    writer.u8((STREAM_TYPE_AUDIO << 2) | 1);
    writer.u24(0); // decoder buffer size: unknown
    writer.u32(bitrate);
    writer.u32(bitrate);
    if (config.length > 0) {
      putDescriptor(writer, 0x05, config.length);
      writer.bytes(config);
    }
    putDescriptor(writer, 0x06, slConfigSize);
    writer.u8(2); // predefined: MP4 file
  });
}

/** Size of a descriptor with its tag and length. */
function descriptorSize(bodySize: number): number {
  return 1 + lengthSize(bodySize) + bodySize;
}

function lengthSize(bodySize: number): number {
  return bodySize < 0x80 ? 1 : bodySize < 0x4000 ? 2 : bodySize < 0x200000 ? 3 : 4;
}

function putDescriptor(writer: BoxWriter, tag: number, bodySize: number): void {
  writer.u8(tag);
  for (let i = lengthSize(bodySize) - 1; i >= 0; i--) writer.u8(((bodySize >>> (7 * i)) & 0x7f) | (i > 0 ? 0x80 : 0));
}
