/** Audio messages: AudioTagHeader of FLV 10.1, ExAudioTagHeader of Enhanced RTMP v2. */

import { type AudioCodec, audioCodecByFormat, audioCodecByFourCc, type NamedCodec } from "./codec.ts";
import { PacketType, readModEx, readTrackParts, type TrackPart } from "./enhanced.ts";
import type { AudioTag } from "./tag.ts";
import { TagCursor } from "./tag-cursor.ts";

/** `SoundFormat` that announces an extended header. */
const EX_HEADER = 9;
const AAC_PACKET_SEQUENCE_HEADER = 0;

/**
 * Reads an audio message. Most give one tag; multitrack ones several, empty ones none.
 *
 * @throws {IngestError} `INVALID_MEDIA` when it is cut off or contradicts itself.
 */
export function readAudioTags(payload: Uint8Array): AudioTag[] {
  if (payload.length === 0) return [];
  return payload[0]! >> 4 === EX_HEADER ? readEnhanced(payload) : readClassic(payload);
}

function readClassic(payload: Uint8Array): AudioTag[] {
  const named = audioCodecByFormat(payload[0]! >> 4);
  if (named.codec !== "aac") return [tag(named, "frame", 0, 0, payload.subarray(1))];
  // Some encoders send a lone header byte when they have nothing to say.
  if (payload.length < 2) return [];
  const type = payload[1] === AAC_PACKET_SEQUENCE_HEADER ? "config" : "frame";
  return [tag(named, type, 0, 0, payload.subarray(2))];
}

function readEnhanced(payload: Uint8Array): AudioTag[] {
  const cursor = new TagCursor(payload.subarray(1));
  const { packetType, nanoOffset } = readModEx(cursor, payload[0]! & 0x0f);
  const parts = readTrackParts(cursor, packetType, PacketType.AudioMultitrack, (bytes) => new TagCursor(bytes));
  return parts.map((part) => readPart(part, nanoOffset));
}

function readPart(part: TrackPart, nanoOffset: number): AudioTag {
  const named = audioCodecByFourCc(part.fourCc);
  return tag(named, typeOf(part.packetType), nanoOffset, part.trackId, part.body.rest());
}

function typeOf(packetType: number): AudioTag["type"] {
  if (packetType === PacketType.SequenceStart) return "config";
  if (packetType === PacketType.CodedFrames) return "frame";
  if (packetType === PacketType.SequenceEnd) return "end";
  return "other";
}

function tag(
  named: NamedCodec<AudioCodec>,
  type: AudioTag["type"],
  nanoOffset: number,
  trackId: number,
  data: Uint8Array,
): AudioTag {
  return { kind: "audio", type, codec: named.codec, codecName: named.name, nanoOffset, trackId, data };
}
