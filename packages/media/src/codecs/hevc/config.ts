/** The decoder configuration of HEVC, the body of `hvcC` (ISO/IEC 14496-15 §8.3.3). */

import { BitReader } from "../../bytes/bit-reader.ts";
import { BitWriter } from "../../bytes/bit-writer.ts";
import { ByteReader } from "../../bytes/byte-reader.ts";
import { MediaError } from "../../errors.ts";
import { NAL_LENGTH_SIZE } from "../nal/annex-b.ts";
import { addParameterSet } from "../nal/parameter-sets.ts";
import { HEVC_NAL, hevcNalType } from "./nal-unit.ts";
import { type HevcPps, parseHevcPps } from "./pps.ts";
import { type HevcProfile, readHevcProfile } from "./profile.ts";
import { parseHevcSps } from "./sps.ts";

/** NAL units of one type in `hvcC`. */
export interface HevcNalArray {
  /** `NAL_unit_type`: 32 VPS, 33 SPS, 34 PPS, 39 and 40 SEI. */
  readonly type: number;
  /** All such NAL units are here, none in the samples: what the codec string `hvc1` promises. */
  readonly complete: boolean;
  /** Whole NAL units. */
  readonly nalUnits: readonly Uint8Array[];
}

/** The content of `hvcC`. */
export interface HevcConfig {
  readonly profile: HevcProfile;
  /** 0 where unspecified. */
  readonly minSpatialSegmentationIdc: number;
  /** 0 unknown or mixed, 1 slices, 2 tiles, 3 wavefronts. */
  readonly parallelismType: number;
  /** 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4. */
  readonly chromaFormatIdc: number;
  readonly bitDepthLuma: number;
  readonly bitDepthChroma: number;
  /** Frames per 256 seconds; 0 where unspecified. */
  readonly averageFrameRate: number;
  /** 0 unknown, 1 constant, 2 constant in each temporal layer. */
  readonly constantFrameRate: number;
  /** 0 unknown, 1 not scalable, otherwise the number of temporal layers. */
  readonly temporalLayers: number;
  readonly temporalIdNested: boolean;
  /** Bytes of a NAL unit's length in samples: 1, 2 or 4. */
  readonly lengthSize: number;
  readonly arrays: readonly HevcNalArray[];
}

/** Bytes of `hvcC` before its arrays. */
const FIXED_SIZE = 23;
/** In all arrays together: VPS, SPS and PPS have 96 numbers, and SEI messages are few. */
const MAX_NAL_UNITS = 1024;

/**
 * Parses the body of `hvcC`. Parameter sets are views of `bytes`.
 *
 * @throws {MediaError} `TRUNCATED`; `MALFORMED`; `UNSUPPORTED` for a version above 1; `LIMIT_EXCEEDED` above 1024 NAL units.
 */
export function parseHevcConfig(bytes: Uint8Array): HevcConfig {
  const arrayReader = new ByteReader(bytes, "hvcC");
  const reader = new BitReader(arrayReader.bytes(FIXED_SIZE), "hvcC");
  const version = reader.bits(8);
  // 0 is what encoders wrote while the format was a draft; all else is the same.
  if (version > 1) throw new MediaError("UNSUPPORTED", `hvcC: version ${version} is unknown, 1 is expected`);
  const profile = readHevcProfile(reader);
  const fields = {
    minSpatialSegmentationIdc: reserved(reader, 4, 12),
    parallelismType: reserved(reader, 6, 2),
    chromaFormatIdc: reserved(reader, 6, 2),
    bitDepthLuma: 8 + reserved(reader, 5, 3),
    bitDepthChroma: 8 + reserved(reader, 5, 3),
    averageFrameRate: reader.bits(16),
    constantFrameRate: reader.bits(2),
    temporalLayers: reader.bits(3),
    temporalIdNested: reader.flag(),
    lengthSize: reader.bits(2) + 1,
  };
  if (fields.lengthSize === 3) throw reader.malformed("NAL units may not have lengths of 3 bytes");
  const arrays: HevcNalArray[] = [];
  let room = MAX_NAL_UNITS;
  for (let left = reader.bits(8); left > 0; left--) {
    const array = readArray(arrayReader, room);
    room -= array.nalUnits.length;
    arrays.push(array);
  }
  return { profile, ...fields, arrays };
}

function reserved(reader: BitReader, skipped: number, count: number): number {
  reader.skip(skipped);
  return reader.bits(count);
}

function readArray(reader: ByteReader, room: number): HevcNalArray {
  const header = reader.u8();
  const type = header & 0x3f;
  const count = reader.u16();
  if (count > room) {
    throw new MediaError("LIMIT_EXCEEDED", `hvcC: more than ${MAX_NAL_UNITS} NAL units`);
  }
  const nalUnits: Uint8Array[] = [];
  for (let left = count; left > 0; left--) {
    const nalUnit = reader.bytes(reader.u16());
    if (nalUnit.byteLength < 2 || hevcNalType(nalUnit[0]!) !== type) {
      throw reader.malformed(`a NAL unit of the array for type ${type} has another type`);
    }
    nalUnits.push(nalUnit);
  }
  return { type, complete: header >= 0x80, nalUnits };
}

/**
 * Writes the body of `hvcC`: the inverse of {@link parseHevcConfig}.
 *
 * @throws {MediaError} `INVALID_ARGUMENT` when a field does not fit.
 */
export function writeHevcConfig(config: HevcConfig): Uint8Array {
  const { profile, lengthSize, arrays } = config;
  if (![1, 2, 4].includes(lengthSize)) throw new MediaError("INVALID_ARGUMENT", "hvcC: lengthSize is 1, 2 or 4");
  const writer = new BitWriter("hvcC");
  writer.bits(1, 8).bits(profile.profileSpace, 2).flag(profile.highTier).bits(profile.profileIdc, 5);
  writer.bits(profile.compatibility, 32).bits(profile.constraints, 48).bits(profile.levelIdc, 8);
  writer.bits(0b1111, 4).bits(config.minSpatialSegmentationIdc, 12);
  writer.bits(0b111111, 6).bits(config.parallelismType, 2);
  writer.bits(0b111111, 6).bits(config.chromaFormatIdc, 2);
  writer.bits(0b11111, 5).bits(config.bitDepthLuma - 8, 3);
  writer.bits(0b11111, 5).bits(config.bitDepthChroma - 8, 3);
  writer.bits(config.averageFrameRate, 16).bits(config.constantFrameRate, 2).bits(config.temporalLayers, 3);
  writer.flag(config.temporalIdNested).bits(lengthSize - 1, 2);
  writer.bits(arrays.length, 8);
  for (const { type, complete, nalUnits } of arrays) {
    writer.flag(complete).bits(0, 1).bits(type, 6).bits(nalUnits.length, 16);
    for (const nalUnit of nalUnits) writer.bits(nalUnit.byteLength, 16).append(nalUnit);
  }
  return writer.finish();
}

/**
 * The configuration for a stream whose parameter sets are among these NAL units, or undefined while a VPS, SPS or PPS is missing.
 *
 * Sets that occur twice are taken once. For an Annex B stream: `hevcConfigFromNalUnits(readNalUnits(accessUnit))`.
 *
 * @throws {MediaError} `TRUNCATED` or `MALFORMED` when the SPS or a PPS cannot be parsed; `LIMIT_EXCEEDED` above 64 different sets of one kind.
 */
export function hevcConfigFromNalUnits(nalUnits: Iterable<Uint8Array>): HevcConfig | undefined {
  const vps: Uint8Array[] = [];
  const sps: Uint8Array[] = [];
  const pps: Uint8Array[] = [];
  for (const nalUnit of nalUnits) {
    const type = hevcNalType(nalUnit[0] ?? 0);
    if (type === HEVC_NAL.vps) addParameterSet(vps, nalUnit);
    else if (type === HEVC_NAL.sps) addParameterSet(sps, nalUnit);
    else if (type === HEVC_NAL.pps) addParameterSet(pps, nalUnit);
  }
  if (vps.length === 0 || sps[0] === undefined || pps.length === 0) return undefined;
  const parsed = parseHevcSps(sps[0]);
  return {
    profile: parsed.profile,
    minSpatialSegmentationIdc: parsed.minSpatialSegmentationIdc,
    parallelismType: parsed.minSpatialSegmentationIdc === 0 ? 0 : parallelism(pps.map(parseHevcPps)),
    chromaFormatIdc: parsed.chromaFormatIdc,
    bitDepthLuma: parsed.bitDepthLuma,
    bitDepthChroma: parsed.bitDepthChroma,
    averageFrameRate: 0,
    constantFrameRate: 0,
    temporalLayers: parsed.subLayers,
    temporalIdNested: parsed.temporalIdNested,
    lengthSize: NAL_LENGTH_SIZE,
    arrays: [
      { type: HEVC_NAL.vps, complete: true, nalUnits: vps },
      { type: HEVC_NAL.sps, complete: true, nalUnits: sps },
      { type: HEVC_NAL.pps, complete: true, nalUnits: pps },
    ],
  };
}

function parallelism(sets: readonly HevcPps[]): number {
  if (sets.every(({ tiles, wavefronts }) => wavefronts && !tiles)) return 3;
  if (sets.every(({ tiles, wavefronts }) => tiles && !wavefronts)) return 2;
  return sets.every(({ tiles, wavefronts }) => !tiles && !wavefronts) ? 1 : 0;
}
