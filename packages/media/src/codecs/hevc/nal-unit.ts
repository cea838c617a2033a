/** NAL units of HEVC (ITU-T H.265 §7.3.1). */

import type { BitReader } from "../../bytes/bit-reader.ts";
import { readLengthPrefixedNalUnits } from "../nal/annex-b.ts";

/** Types of NAL units that a container cares about (table 7-1). */
export const HEVC_NAL = {
  blaWLp: 16,
  idrWRadl: 19,
  idrNLp: 20,
  cra: 21,
  vps: 32,
  sps: 33,
  pps: 34,
  accessUnitDelimiter: 35,
  endOfSequence: 36,
  endOfBitstream: 37,
  filler: 38,
  prefixSei: 39,
  suffixSei: 40,
} as const;

/** The first type that is no slice. */
const VCL_END = 32;

/** `nal_unit_type` of a NAL unit's first byte. */
export function hevcNalType(header: number): number {
  return (header >> 1) & 0x3f;
}

/** Reads the two header bytes and refuses another type. */
export function readHevcHeader(reader: BitReader, type: number): void {
  if (hevcNalType(reader.bits(8)) !== type) throw reader.malformed("the NAL unit has another type");
  reader.skip(8);
}

/**
 * Whether a decoder can start at a length-prefixed sample: its picture is an IRAP (IDR, CRA or BLA). Leading pictures of a CRA that follow it
 * may not be decodable then.
 *
 * @param lengthSize - bytes of each length. Default 4.
 * @throws {MediaError} `TRUNCATED` when a length exceeds the sample.
 */
export function isHevcKeyframe(sample: Uint8Array, lengthSize?: number): boolean {
  for (const nalUnit of readLengthPrefixedNalUnits(sample, lengthSize)) {
    const type = hevcNalType(nalUnit[0]!);
    // The first slice tells: all slices of an IRAP picture have its type.
    if (type < VCL_END) return type >= HEVC_NAL.blaWLp && type <= HEVC_NAL.cra;
  }
  return false;
}
