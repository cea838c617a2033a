/** NAL units of H.264 (ITU-T H.264 §7.3.1). */

import { readLengthPrefixedNalUnits } from "../nal/annex-b.ts";

/** Types of NAL units that a container cares about (table 7-1). */
export const H264_NAL = {
  slice: 1,
  idr: 5,
  sei: 6,
  sps: 7,
  pps: 8,
  accessUnitDelimiter: 9,
  endOfSequence: 10,
  endOfStream: 11,
  filler: 12,
  spsExtension: 13,
} as const;

/** `nal_unit_type` of a NAL unit's first byte. */
export function h264NalType(header: number): number {
  return header & 0x1f;
}

/**
 * Whether a decoder can start at a length-prefixed sample: it has an IDR slice. Recovery points within open picture groups do not count.
 *
 * @param lengthSize - bytes of each length. Default 4.
 * @throws {MediaError} `TRUNCATED` when a length exceeds the sample.
 */
export function isH264Keyframe(sample: Uint8Array, lengthSize?: number): boolean {
  for (const nalUnit of readLengthPrefixedNalUnits(sample, lengthSize)) {
    const type = h264NalType(nalUnit[0]!);
    if (type === H264_NAL.idr) return true;
    // The first slice tells: an IDR picture has no other.
    if (type >= H264_NAL.slice && type < H264_NAL.idr) return false;
  }
  return false;
}
