/** What the extended headers of audio and video share: ModEx and multitrack (Enhanced RTMP v2). */

import { IngestError } from "../../errors.ts";
import type { TagCursor } from "./tag-cursor.ts";

/** Packet types; 0 to 3 mean nearly the same for audio and video. */
export const PacketType = {
  SequenceStart: 0,
  CodedFrames: 1,
  SequenceEnd: 2,
  /** Video: coded frames without a composition time. */
  CodedFramesX: 3,
  /** Video: AMF, e.g. HDR colour information. */
  Metadata: 4,
  /** Audio: the channel layout. */
  MultichannelConfig: 4,
  /** Video: an AV1 descriptor as in MPEG-TS. */
  Mpeg2TsSequenceStart: 5,
  AudioMultitrack: 5,
  VideoMultitrack: 6,
  ModEx: 7,
} as const;

/** How the tracks of one message are laid out. */
const MultitrackType = { OneTrack: 0, ManyTracks: 1, ManyTracksManyCodecs: 2 } as const;

const MOD_EX_TIMESTAMP_OFFSET_NANO = 0;

/** What came before the packet type that counts. */
export interface ModEx {
  readonly packetType: number;
  readonly nanoOffset: number;
}

/** Follows ModEx until another packet type comes. Unknown modifications are passed over, as the specification asks. */
export function readModEx(cursor: TagCursor, firstPacketType: number): ModEx {
  let packetType = firstPacketType;
  let nanoOffset = 0;
  while (packetType === PacketType.ModEx) {
    let size = cursor.uint8() + 1;
    if (size === 256) size = cursor.uint16() + 1;
    const data = cursor.bytes(size);
    const next = cursor.uint8();
    if (next >> 4 === MOD_EX_TIMESTAMP_OFFSET_NANO && size >= 3) {
      nanoOffset = Math.min((data[0]! << 16) | (data[1]! << 8) | data[2]!, 999_999);
    }
    packetType = next & 0x0f;
  }
  return { packetType, nanoOffset };
}

/** One track of a message. */
export interface TrackPart {
  readonly trackId: number;
  readonly fourCc: string;
  readonly packetType: number;
  readonly body: TagCursor;
}

/** Takes a message apart, after ModEx. Without multitrack it is one part with track id 0. */
export function readTrackParts(
  cursor: TagCursor,
  packetType: number,
  multitrackType: number,
  part: (bytes: Uint8Array) => TagCursor,
): TrackPart[] {
  if (packetType !== multitrackType) {
    const fourCc = cursor.fourCc();
    return [{ trackId: 0, fourCc, packetType, body: part(cursor.rest()) }];
  }
  const layout = cursor.uint8();
  const type = layout >> 4;
  const innerType = layout & 0x0f;
  if (innerType === multitrackType || type > MultitrackType.ManyTracksManyCodecs) {
    throw new IngestError("INVALID_MEDIA", `a multitrack message of type ${type} holds packets of type ${innerType}`);
  }
  const parts: TrackPart[] = [];
  let fourCc = type === MultitrackType.ManyTracksManyCodecs ? "" : cursor.fourCc();
  while (cursor.remaining > 0) {
    if (type === MultitrackType.ManyTracksManyCodecs) fourCc = cursor.fourCc();
    const trackId = cursor.uint8();
    const body = type === MultitrackType.OneTrack ? cursor.rest() : cursor.bytes(cursor.uint24());
    parts.push({ trackId, fourCc, packetType: innerType, body: part(body) });
    if (type === MultitrackType.OneTrack) break;
  }
  return parts;
}
