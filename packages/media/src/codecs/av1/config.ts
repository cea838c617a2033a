/** The decoder configuration of AV1, the body of `av1C` (AV1 in ISO BMFF §2.3). */

import { BitReader } from "../../bytes/bit-reader.ts";
import { BitWriter } from "../../bytes/bit-writer.ts";
import { MediaError } from "../../errors.ts";
import { AV1_OBU, readObus } from "./obu.ts";
import { type Av1SequenceHeader, parseAv1SequenceHeader } from "./sequence-header.ts";

/** The content of `av1C`. */
export interface Av1Config {
  /** `seq_profile`: 0 Main, 1 High, 2 Professional. */
  readonly profile: number;
  /** `seq_level_idx_0`: 8 for level 4.0. */
  readonly level: number;
  /** `seq_tier_0`: High tier, otherwise Main. */
  readonly highTier: boolean;
  /** 8, 10 or 12. */
  readonly bitDepth: number;
  readonly monochrome: boolean;
  readonly chromaSubsamplingX: boolean;
  readonly chromaSubsamplingY: boolean;
  /** `chroma_sample_position`: 0 unknown, 1 vertical, 2 colocated. */
  readonly chromaSamplePosition: number;
  /** Samples to decode before the first is shown, 1 to 16; absent where unspecified. */
  readonly initialPresentationDelay?: number;
  /** `configOBUs`: a sequence header OBU and perhaps metadata, or nothing. */
  readonly obus: Uint8Array;
}

/**
 * Parses the body of `av1C`. Its OBUs are a view of `bytes`, and not looked at.
 *
 * @throws {MediaError} `TRUNCATED`; `MALFORMED`; `UNSUPPORTED` for a version other than 1.
 */
export function parseAv1Config(bytes: Uint8Array): Av1Config {
  const reader = new BitReader(bytes, "av1C");
  if (!reader.flag()) throw reader.malformed("the marker bit is not set");
  const version = reader.bits(7);
  if (version !== 1) throw new MediaError("UNSUPPORTED", `av1C: version ${version} is unknown, 1 is expected`);
  const profile = reader.bits(3);
  const level = reader.bits(5);
  const highTier = reader.flag();
  const highBitDepth = reader.flag();
  const twelveBit = reader.flag();
  if (twelveBit && !highBitDepth) throw reader.malformed("12 bits without high bit depth");
  const fields = {
    profile,
    level,
    highTier,
    bitDepth: twelveBit ? 12 : highBitDepth ? 10 : 8,
    monochrome: reader.flag(),
    chromaSubsamplingX: reader.flag(),
    chromaSubsamplingY: reader.flag(),
    chromaSamplePosition: reader.bits(2),
  };
  reader.skip(3);
  const delayed = reader.flag();
  const delay = reader.bits(4) + 1;
  return { ...fields, ...(delayed && { initialPresentationDelay: delay }), obus: bytes.subarray(4) };
}

/**
 * Writes the body of `av1C`: the inverse of {@link parseAv1Config}.
 *
 * @throws {MediaError} `INVALID_ARGUMENT` when a field does not fit.
 */
export function writeAv1Config(config: Av1Config): Uint8Array {
  const { initialPresentationDelay: delay } = config;
  const writer = new BitWriter("av1C");
  writer.flag(true).bits(1, 7).bits(config.profile, 3).bits(config.level, 5);
  writer
    .flag(config.highTier)
    .flag(config.bitDepth > 8)
    .flag(config.bitDepth > 10)
    .flag(config.monochrome);
  writer.flag(config.chromaSubsamplingX).flag(config.chromaSubsamplingY).bits(config.chromaSamplePosition, 2);
  writer.bits(0, 3).flag(delay !== undefined);
  writer.bits(delay === undefined ? 0 : delay - 1, 4);
  return writer.append(config.obus).finish();
}

/**
 * The configuration for a stream whose sequence header is in this temporal unit, or undefined where there is none.
 *
 * @throws {MediaError} `TRUNCATED` or `MALFORMED` when OBUs or the header cannot be parsed.
 */
export function av1ConfigFromTemporalUnit(temporalUnit: Uint8Array): Av1Config | undefined {
  for (const { type, bytes, payload } of readObus(temporalUnit)) {
    if (type !== AV1_OBU.sequenceHeader) continue;
    const header = parseAv1SequenceHeader(payload);
    return {
      profile: header.profile,
      level: header.level,
      highTier: header.highTier,
      bitDepth: header.bitDepth,
      monochrome: header.monochrome,
      chromaSubsamplingX: header.chromaSubsamplingX,
      chromaSubsamplingY: header.chromaSubsamplingY,
      chromaSamplePosition: header.chromaSamplePosition,
      obus: withSize(bytes, payload),
    };
  }
  return undefined;
}

/** `configOBUs` must have their size; an encoder may leave out that of the last OBU. */
function withSize(bytes: Uint8Array, payload: Uint8Array): Uint8Array {
  if (bytes[0]! & 0x02) return bytes;
  const headerSize = bytes[0]! & 0x04 ? 2 : 1;
  const size: number[] = [];
  for (let rest = payload.byteLength; ; rest >>>= 7) {
    if (rest < 0x80) {
      size.push(rest);
      break;
    }
    size.push((rest & 0x7f) | 0x80);
  }
  const sized = new Uint8Array(headerSize + size.length + payload.byteLength);
  sized.set(bytes.subarray(0, headerSize));
  sized[0]! |= 0x02;
  sized.set(size, headerSize);
  sized.set(payload, headerSize + size.length);
  return sized;
}

/** The sequence header among the OBUs of a configuration, or undefined where it has none. */
export function av1ConfigSequenceHeader(config: Av1Config): Av1SequenceHeader | undefined {
  for (const { type, payload } of readObus(config.obus)) {
    if (type === AV1_OBU.sequenceHeader) return parseAv1SequenceHeader(payload);
  }
  return undefined;
}

/** BT.709 in the studio range, 4:2:0 with chroma in an unknown place: what the short codec string stands for. */
const DEFAULT_TAIL = ".0.110.01.01.01.0";

/**
 * RFC 6381 codec string (AV1 in ISO BMFF §5), e.g. `av01.0.08M.08`.
 *
 * @param header - adds colours to the string, where they differ from the default BT.709. Unspecified ones are taken for that.
 */
export function av1CodecString(config: Av1Config, header?: Av1SequenceHeader): string {
  const { profile, level, highTier, bitDepth, monochrome, chromaSubsamplingX, chromaSubsamplingY } = config;
  const short = `av01.${profile}.${twoDigits(level)}${highTier ? "H" : "M"}.${twoDigits(bitDepth)}`;
  const position = chromaSubsamplingX && chromaSubsamplingY ? config.chromaSamplePosition : 0;
  const subsampling = `${chromaSubsamplingX ? 1 : 0}${chromaSubsamplingY ? 1 : 0}${position}`;
  const { primaries, transfer, matrix, fullRange } = header?.colour ?? UNSPECIFIED;
  const colours = [primaries, transfer, matrix].map((point) => twoDigits(point === 2 ? 1 : point)).join(".");
  const tail = `.${monochrome ? 1 : 0}.${subsampling}.${colours}.${fullRange ? 1 : 0}`;
  return tail === DEFAULT_TAIL ? short : short + tail;
}

const UNSPECIFIED = { primaries: 2, transfer: 2, matrix: 2, fullRange: false };

function twoDigits(value: number): string {
  return value.toString().padStart(2, "0");
}
