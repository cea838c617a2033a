/** Puts tracks and packets into audio, video and data messages: FLV 10.1 for H.264, AAC and MP3, Enhanced RTMP for HEVC, AV1 and Opus. */

import {
  type AudioTrack,
  type Packet,
  parseOpusConfig,
  rescale,
  type Track,
  type VideoTrack,
  writeOpusHead,
} from "@ami-streams/media";
import { IngestError } from "../../errors.ts";
import type { AmfValue } from "../amf0/amf-value.ts";
import { writeAmf0 } from "../amf0/amf0-writer.ts";
import { MessageType } from "../message/message.ts";
import type { AudioCodec, VideoCodec } from "./codec.ts";
import { PacketType } from "./enhanced.ts";

const FOURCC: Readonly<Record<"hevc" | "av1" | "opus", string>> = { hevc: "hvc1", av1: "av01", opus: "Opus" };
const EX_VIDEO = 0x80;
const EX_AUDIO = 0x90;
const KEY_FRAME = 0x10;
const INTER_FRAME = 0x20;
const AVC = 7;
/** AAC at "44 kHz, 16 bit, stereo": what FLV demands whatever the AAC really is. */
const AAC_HEADER = 0xaf;
/** MP3, likewise: decoders read the frame's own header. */
const MP3_HEADER = 0x2f;

/** The codec of a track as RTMP can carry it. @throws {IngestError} `UNSUPPORTED_CODEC`. */
export function rtmpCodecOf(track: Track): VideoCodec | AudioCodec {
  const sampleEntry = track.codec.split(".", 1)[0]!.toLowerCase();
  if (sampleEntry === "avc1" || sampleEntry === "avc3") return "h264";
  if (sampleEntry === "hvc1" || sampleEntry === "hev1") return "hevc";
  if (sampleEntry === "av01") return "av1";
  if (sampleEntry === "opus") return "opus";
  if (sampleEntry === "mp3" || /^mp4a\.(6b|69|40\.34)$/i.test(track.codec)) return "mp3";
  if (sampleEntry === "mp4a") return "aac";
  throw new IngestError("UNSUPPORTED_CODEC", `RTMP cannot carry ${track.codec}: encode to H.264 and AAC first`);
}

/** The tracks that go over RTMP: its players and servers expect one of each kind, so the first ones. */
export function carriedTracks(tracks: readonly Track[]): Track[] {
  return tracks.filter((track) => tracks.find(({ kind }) => kind === track.kind) === track);
}

/** Message type of a track's messages. */
export function messageTypeOf(track: Track): number {
  return track.kind === "video" ? MessageType.Video : MessageType.Audio;
}

/** The sequence header of a track; undefined for MP3, which has none. */
export function writeConfig(track: Track): Uint8Array | undefined {
  const codec = rtmpCodecOf(track);
  switch (codec) {
    case "h264":
      return concat([KEY_FRAME | AVC, 0, 0, 0, 0], track.config);
    case "aac":
      return concat([AAC_HEADER, 0], track.config);
    case "mp3":
      return undefined;
    case "opus":
      return concat(
        [EX_AUDIO | PacketType.SequenceStart, ...fourCc(codec)],
        writeOpusHead(parseOpusConfig(track.config)),
      );
    default:
      return concat([EX_VIDEO | KEY_FRAME | PacketType.SequenceStart, ...fourCc(codec)], track.config);
  }
}

/** The message payload of a packet. */
export function writeFrame(packet: Packet): Uint8Array {
  const { track, data, keyframe } = packet;
  const codec = rtmpCodecOf(track);
  switch (codec) {
    case "aac":
      return concat([AAC_HEADER, 1], data);
    case "mp3":
      return concat([MP3_HEADER], data);
    case "opus":
      return concat([EX_AUDIO | PacketType.CodedFrames, ...fourCc(codec)], data);
    default:
  }
  const type = keyframe ? KEY_FRAME : INTER_FRAME;
  const composition = compositionTime(packet);
  const time = [composition >> 16, composition >> 8, composition];
  if (codec === "h264") return concat([type | AVC, 1, ...time], data);
  if (codec === "av1" || composition === 0) {
    const packetType = codec === "av1" ? PacketType.CodedFrames : PacketType.CodedFramesX;
    return concat([EX_VIDEO | type | packetType, ...fourCc(codec as "hevc" | "av1")], data);
  }
  return concat([EX_VIDEO | type | PacketType.CodedFrames, ...fourCc("hevc"), ...time], data);
}

/** The message timestamp of a packet: its decoding time in milliseconds, not yet cut to 32 bits. */
export function messageTimestamp(packet: Packet): number {
  return rescale(packet.dts, packet.track.timescale, 1000);
}

/** `onMetaData` for these tracks, for players and servers that want it before anything else. */
export function writeMetadata(tracks: readonly Track[], command?: "@setDataFrame"): Uint8Array {
  const metadata = new Map<string, AmfValue>();
  const video = tracks.find((track): track is VideoTrack => track.kind === "video");
  const audio = tracks.find((track): track is AudioTrack => track.kind === "audio");
  if (video !== undefined) {
    metadata.set("width", video.width).set("height", video.height);
    if (video.frameRate !== undefined) metadata.set("framerate", video.frameRate);
    const codec = rtmpCodecOf(video);
    metadata.set("videocodecid", codec === "h264" ? AVC : fourCcNumber(codec as "hevc" | "av1"));
  }
  if (audio !== undefined) {
    metadata
      .set("audiosamplerate", audio.sampleRate)
      .set("audiosamplesize", 16)
      .set("stereo", audio.channels > 1);
    const codec = rtmpCodecOf(audio);
    metadata.set("audiocodecid", codec === "aac" ? 10 : codec === "mp3" ? 2 : fourCcNumber("opus"));
  }
  return command === undefined ? writeAmf0("onMetaData", metadata) : writeAmf0(command, "onMetaData", metadata);
}

// Rounded as the decoding time is, so that both errors together stay within a millisecond of the true presentation time.
function compositionTime(packet: Packet): number {
  return rescale(packet.pts, packet.track.timescale, 1000) - messageTimestamp(packet);
}

function fourCc(codec: "hevc" | "av1" | "opus"): number[] {
  return Array.from(FOURCC[codec], (letter) => letter.charCodeAt(0));
}

function fourCcNumber(codec: "hevc" | "av1" | "opus"): number {
  return fourCc(codec).reduce((number, byte) => number * 256 + byte, 0);
}

function concat(header: readonly number[], data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(header.length + data.length);
  bytes.set(header);
  bytes.set(data, header.length);
  return bytes;
}
