/** Which codecs and extensions the two sides of a connection announce (Enhanced RTMP v2, "Enhancing NetConnection connect Command"). */

import { type AmfObject, type AmfValue, amfMember } from "../amf0/amf-value.ts";

/** Bits of `capsEx`. */
const CapsEx = { Reconnect: 1, Multitrack: 2, ModEx: 4, TimestampNanoOffset: 8 } as const;

/** Bits of a `fourCcInfoMap` value. */
const FourCcInfo = { CanDecode: 1, CanEncode: 2, CanForward: 4 } as const;

const VIDEO = ["avc1", "hvc1", "av01"] as const;
const AUDIO = ["mp4a", "Opus", ".mp3"] as const;

/** What we say in `connect`, as client, and in its answer, as server. */
export function ownCapabilities(): AmfObject {
  const info = FourCcInfo.CanDecode | FourCcInfo.CanEncode | FourCcInfo.CanForward;
  return {
    fourCcList: [...VIDEO, ...AUDIO],
    videoFourCcInfoMap: Object.fromEntries(VIDEO.map((fourCc) => [fourCc, info])),
    audioFourCcInfoMap: Object.fromEntries(AUDIO.map((fourCc) => [fourCc, info])),
    capsEx: CapsEx.Multitrack | CapsEx.ModEx | CapsEx.TimestampNanoOffset,
  };
}

/** Whether the other side has said anything that only Enhanced RTMP has. */
export function isEnhanced(object: AmfValue): boolean {
  return ["fourCcList", "videoFourCcInfoMap", "audioFourCcInfoMap", "capsEx"].some(
    (key) => amfMember(object, key) !== undefined,
  );
}
