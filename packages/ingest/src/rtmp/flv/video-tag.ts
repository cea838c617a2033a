/** Video messages: VideoTagHeader of FLV 10.1, ExVideoTagHeader of Enhanced RTMP v2. */

import { type NamedCodec, type VideoCodec, videoCodecByFourCc, videoCodecById } from "./codec.ts";
import { PacketType, readModEx, readTrackParts, type TrackPart } from "./enhanced.ts";
import type { VideoTag } from "./tag.ts";
import { TagCursor } from "./tag-cursor.ts";

const EX_HEADER = 0x80;
const FRAME_TYPE_KEY = 1;
/** Not a picture: a seek command for players. */
const FRAME_TYPE_COMMAND = 5;
const AVC_PACKET_SEQUENCE_HEADER = 0;
const AVC_PACKET_NALU = 1;

/**
 * Reads a video message. Most give one tag; multitrack ones several, empty ones and commands none.
 *
 * @throws {IngestError} `INVALID_MEDIA` when it is cut off or contradicts itself.
 */
export function readVideoTags(payload: Uint8Array): VideoTag[] {
  if (payload.length === 0) return [];
  return (payload[0]! & EX_HEADER) === 0 ? readClassic(payload) : readEnhanced(payload);
}

function readClassic(payload: Uint8Array): VideoTag[] {
  const frameType = payload[0]! >> 4;
  if (frameType === FRAME_TYPE_COMMAND) return [];
  const named = videoCodecById(payload[0]! & 0x0f);
  const keyframe = frameType === FRAME_TYPE_KEY;
  if (named.codec === null) return [tag(named, "frame", keyframe, 0, 0, 0, payload.subarray(1))];
  const cursor = new TagCursor(payload.subarray(1));
  const packetType = cursor.uint8();
  const compositionTime = cursor.int24();
  if (packetType === AVC_PACKET_SEQUENCE_HEADER) return [tag(named, "config", false, 0, 0, 0, cursor.rest())];
  if (packetType === AVC_PACKET_NALU) {
    return [tag(named, "frame", keyframe, compositionTime, 0, 0, cursor.rest())];
  }
  return [tag(named, "end", false, 0, 0, 0, cursor.rest())];
}

function readEnhanced(payload: Uint8Array): VideoTag[] {
  const frameType = (payload[0]! >> 4) & 0x07;
  const cursor = new TagCursor(payload.subarray(1));
  const { packetType, nanoOffset } = readModEx(cursor, payload[0]! & 0x0f);
  if (frameType === FRAME_TYPE_COMMAND && packetType !== PacketType.Metadata) return [];
  const keyframe = frameType === FRAME_TYPE_KEY;
  const parts = readTrackParts(cursor, packetType, PacketType.VideoMultitrack, (bytes) => new TagCursor(bytes));
  return parts.map((part) => readPart(part, keyframe, nanoOffset));
}

function readPart(part: TrackPart, keyframe: boolean, nanoOffset: number): VideoTag {
  const named = videoCodecByFourCc(part.fourCc);
  const { body, trackId } = part;
  switch (part.packetType) {
    case PacketType.SequenceStart:
      return tag(named, "config", false, 0, nanoOffset, trackId, body.rest());
    case PacketType.CodedFrames: {
      // Only codecs with reordering have the field; AV1 presents in decoding order.
      const reorders = named.codec === "h264" || named.codec === "hevc" || part.fourCc === "vvc1";
      const compositionTime = reorders ? body.int24() : 0;
      return tag(named, "frame", keyframe, compositionTime, nanoOffset, trackId, body.rest());
    }
    case PacketType.CodedFramesX:
      return tag(named, "frame", keyframe, 0, nanoOffset, trackId, body.rest());
    case PacketType.SequenceEnd:
      return tag(named, "end", false, 0, nanoOffset, trackId, body.rest());
    case PacketType.Metadata:
      return tag(named, "metadata", false, 0, nanoOffset, trackId, body.rest());
    default:
      return tag(named, "other", false, 0, nanoOffset, trackId, body.rest());
  }
}

function tag(
  named: NamedCodec<VideoCodec>,
  type: VideoTag["type"],
  keyframe: boolean,
  compositionTime: number,
  nanoOffset: number,
  trackId: number,
  data: Uint8Array,
): VideoTag {
  const { codec, name } = named;
  return { kind: "video", type, codec, codecName: name, keyframe, compositionTime, nanoOffset, trackId, data };
}
