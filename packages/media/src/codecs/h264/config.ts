/** The decoder configuration of H.264, the body of `avcC` (ISO/IEC 14496-15 §5.3.3). */

import { BitWriter } from "../../bytes/bit-writer.ts";
import { ByteReader } from "../../bytes/byte-reader.ts";
import { MediaError } from "../../errors.ts";
import { NAL_LENGTH_SIZE } from "../nal/annex-b.ts";
import { addParameterSet, hexByte } from "../nal/parameter-sets.ts";
import { H264_NAL, h264NalType } from "./nal-unit.ts";
import { hasChromaFormat, parseH264Sps } from "./sps.ts";

/** The content of `avcC`. */
export interface AvcConfig {
  /** `AVCProfileIndication`, `profile_idc` of the SPS. */
  readonly profileIdc: number;
  /** `profile_compatibility`: the constraint flags of the SPS. */
  readonly constraints: number;
  /** `AVCLevelIndication`, `level_idc` of the SPS. */
  readonly levelIdc: number;
  /** Bytes of a NAL unit's length in samples: 1, 2 or 4. */
  readonly lengthSize: number;
  /** Sequence parameter sets, whole NAL units. */
  readonly sps: readonly Uint8Array[];
  /** Picture parameter sets, whole NAL units. */
  readonly pps: readonly Uint8Array[];
  /** The bytes that only high profiles have, and that some writers leave out even there. */
  readonly extension?: AvcConfigExtension;
}

/** What {@link AvcConfig} says of profiles above Extended. */
export interface AvcConfigExtension {
  /** 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4. */
  readonly chromaFormatIdc: number;
  readonly bitDepthLuma: number;
  readonly bitDepthChroma: number;
  /** Sequence parameter set extensions, whole NAL units. */
  readonly spsExtensions: readonly Uint8Array[];
}

/**
 * Parses the body of `avcC`. Parameter sets are views of `bytes`.
 *
 * @throws {MediaError} `TRUNCATED`; `MALFORMED`; `UNSUPPORTED` for a version other than 1.
 */
export function parseAvcConfig(bytes: Uint8Array): AvcConfig {
  const reader = new ByteReader(bytes, "avcC");
  const version = reader.u8();
  if (version !== 1) throw new MediaError("UNSUPPORTED", `avcC: version ${version} is unknown, 1 is expected`);
  const profileIdc = reader.u8();
  const constraints = reader.u8();
  const levelIdc = reader.u8();
  const lengthSize = (reader.u8() & 3) + 1;
  if (lengthSize === 3) throw reader.malformed("NAL units may not have lengths of 3 bytes");
  const sps = readSets(reader, reader.u8() & 0x1f, H264_NAL.sps);
  const pps = readSets(reader, reader.u8(), H264_NAL.pps);
  const config = { profileIdc, constraints, levelIdc, lengthSize, sps, pps };
  if (!hasChromaFormat(profileIdc) || reader.left === 0) return config;
  const extension = {
    chromaFormatIdc: reader.u8() & 3,
    bitDepthLuma: 8 + (reader.u8() & 7),
    bitDepthChroma: 8 + (reader.u8() & 7),
    spsExtensions: readSets(reader, reader.u8(), H264_NAL.spsExtension),
  };
  return { ...config, extension };
}

function readSets(reader: ByteReader, count: number, type: number): Uint8Array[] {
  const sets: Uint8Array[] = [];
  for (let index = 0; index < count; index++) {
    const nalUnit = reader.bytes(reader.u16());
    if (nalUnit.byteLength === 0 || h264NalType(nalUnit[0]!) !== type) {
      throw reader.malformed(`a parameter set is no NAL unit of type ${type}`);
    }
    sets.push(nalUnit);
  }
  return sets;
}

/**
 * Writes the body of `avcC`: the inverse of {@link parseAvcConfig}.
 *
 * @throws {MediaError} `INVALID_ARGUMENT` when a field does not fit.
 */
export function writeAvcConfig(config: AvcConfig): Uint8Array {
  const { sps, pps, extension, lengthSize } = config;
  if (![1, 2, 4].includes(lengthSize)) throw new MediaError("INVALID_ARGUMENT", "avcC: lengthSize is 1, 2 or 4");
  const writer = new BitWriter("avcC");
  writer.bits(1, 8).bits(config.profileIdc, 8).bits(config.constraints, 8).bits(config.levelIdc, 8);
  writer.bits(0b111111, 6).bits(lengthSize - 1, 2);
  writeSets(writer.bits(0b111, 3), sps, 5);
  writeSets(writer, pps, 8);
  if (extension !== undefined && hasChromaFormat(config.profileIdc)) {
    writer.bits(0b111111, 6).bits(extension.chromaFormatIdc, 2);
    writer.bits(0b11111, 5).bits(extension.bitDepthLuma - 8, 3);
    writer.bits(0b11111, 5).bits(extension.bitDepthChroma - 8, 3);
    writeSets(writer, extension.spsExtensions, 8);
  }
  return writer.finish();
}

function writeSets(writer: BitWriter, sets: readonly Uint8Array[], countBits: number): void {
  writer.bits(sets.length, countBits);
  for (const set of sets) writer.bits(set.byteLength, 16).append(set);
}

/**
 * The configuration for a stream whose parameter sets are among these NAL units, or undefined while an SPS or a PPS is missing.
 *
 * Sets that occur twice are taken once. For an Annex B stream: `avcConfigFromNalUnits(readNalUnits(accessUnit))`.
 *
 * @throws {MediaError} `TRUNCATED` or `MALFORMED` when the SPS cannot be parsed; `LIMIT_EXCEEDED` above 64 different sets of one kind.
 */
export function avcConfigFromNalUnits(nalUnits: Iterable<Uint8Array>): AvcConfig | undefined {
  const sps: Uint8Array[] = [];
  const pps: Uint8Array[] = [];
  const spsExtensions: Uint8Array[] = [];
  for (const nalUnit of nalUnits) {
    const type = h264NalType(nalUnit[0] ?? 0);
    if (type === H264_NAL.sps) addParameterSet(sps, nalUnit);
    else if (type === H264_NAL.pps) addParameterSet(pps, nalUnit);
    else if (type === H264_NAL.spsExtension) addParameterSet(spsExtensions, nalUnit);
  }
  if (sps[0] === undefined || pps.length === 0) return undefined;
  const { profileIdc, constraints, levelIdc, chromaFormatIdc, bitDepthLuma, bitDepthChroma } = parseH264Sps(sps[0]);
  const config = { profileIdc, constraints, levelIdc, lengthSize: NAL_LENGTH_SIZE, sps, pps };
  if (!hasChromaFormat(profileIdc)) return config;
  return { ...config, extension: { chromaFormatIdc, bitDepthLuma, bitDepthChroma, spsExtensions } };
}

/** RFC 6381 codec string, e.g. `avc1.64001f`: for samples without parameter sets in band. */
export function avcCodecString(config: Pick<AvcConfig, "profileIdc" | "constraints" | "levelIdc">): string {
  return `avc1.${hexByte(config.profileIdc)}${hexByte(config.constraints)}${hexByte(config.levelIdc)}`;
}
