/** The sequence header of AV1: what the picture looks like (AV1 specification §5.5). */

import { BitReader } from "../../bytes/bit-reader.ts";
import type { Colour } from "../nal/vui.ts";

/** A sequence header, as {@link parseAv1SequenceHeader} reads it. */
export interface Av1SequenceHeader {
  /** `seq_profile`: 0 Main, 1 High, 2 Professional. */
  readonly profile: number;
  /** `seq_level_idx[0]`: 8 for level 4.0, 31 for no limit. */
  readonly level: number;
  /** `seq_tier[0]`: High tier, otherwise Main. */
  readonly highTier: boolean;
  readonly stillPicture: boolean;
  /** 8, 10 or 12. */
  readonly bitDepth: number;
  readonly monochrome: boolean;
  /** Chroma has half the width. */
  readonly chromaSubsamplingX: boolean;
  /** Chroma has half the height. */
  readonly chromaSubsamplingY: boolean;
  /** `chroma_sample_position`: 0 unknown, 1 vertical, 2 colocated. */
  readonly chromaSamplePosition: number;
  readonly colour: Colour;
  /** Pixels: `max_frame_width`. */
  readonly width: number;
  /** Pixels: `max_frame_height`. */
  readonly height: number;
  /** Nominal frames per second; absent without timing information, or where intervals differ. */
  readonly frameRate?: number;
  readonly filmGrain: boolean;
}

interface Timing {
  readonly frameRate: number | undefined;
  /** Bits of the delays of the decoder model, where there is one. */
  readonly delayBits: number | undefined;
}

interface OperatingPoint {
  readonly level: number;
  readonly highTier: boolean;
}

/** BT.709, sRGB and identity together mean RGB, which is never subsampled (§5.5.2). */
const RGB: readonly [number, number, number] = [1, 13, 0];

/**
 * Parses a sequence header.
 *
 * @param payload - of the OBU, without its header: `payload` of an {@link Av1Obu} of type {@link AV1_OBU}`.sequenceHeader`.
 * @throws {MediaError} `TRUNCATED` or `MALFORMED`.
 */
export function parseAv1SequenceHeader(payload: Uint8Array): Av1SequenceHeader {
  const reader = new BitReader(payload, "AV1 sequence header");
  const profile = reader.bits(3);
  if (profile > 2) throw reader.malformed(`seq_profile is ${profile}, at most 2 is allowed`);
  const stillPicture = reader.flag();
  const reduced = reader.flag();
  if (reduced && !stillPicture) throw reader.malformed("a reduced header belongs to a still picture");
  const timing = reduced ? { frameRate: undefined, delayBits: undefined } : readTiming(reader);
  const { level, highTier } = reduced
    ? { level: reader.bits(5), highTier: false }
    : readOperatingPoints(reader, timing);
  const widthBits = reader.bits(4) + 1;
  const heightBits = reader.bits(4) + 1;
  const width = reader.bits(widthBits) + 1;
  const height = reader.bits(heightBits) + 1;
  if (!reduced && reader.flag()) reader.skip(7); // lengths of frame ids
  reader.skip(3); // superblock size, filter intra, intra edge filter
  if (!reduced) skipTools(reader);
  reader.skip(3); // superres, cdef, restoration
  const colour = readColour(reader, profile);
  const filmGrain = reader.flag();
  return {
    profile,
    level,
    highTier,
    stillPicture,
    ...colour,
    width,
    height,
    ...(timing.frameRate !== undefined && { frameRate: timing.frameRate }),
    filmGrain,
  };
}

function readTiming(reader: BitReader): Timing {
  if (!reader.flag()) return { frameRate: undefined, delayBits: undefined };
  const unitsInTick = reader.bits(32);
  const timeScale = reader.bits(32);
  if (unitsInTick === 0 || timeScale === 0) throw reader.malformed("timing information has a zero");
  let frameRate: number | undefined;
  if (reader.flag()) frameRate = timeScale / unitsInTick / (readUvlc(reader) + 1);
  if (!reader.flag()) return { frameRate, delayBits: undefined };
  const delayBits = reader.bits(5) + 1;
  reader.skip(32 + 5 + 5); // decoding tick, lengths of removal times
  return { frameRate, delayBits };
}

/** §4.10.3: like Exp-Golomb, but 32 zeros are a number of their own. */
function readUvlc(reader: BitReader): number {
  let zeros = 0;
  while (!reader.flag()) {
    zeros += 1;
    if (zeros > 32) throw reader.malformed("a variable length number has more than 32 bits");
  }
  return zeros === 32 ? 0xffffffff : 2 ** zeros - 1 + reader.bits(zeros);
}

/** Level and tier of the first operating point, the whole stream. */
function readOperatingPoints(reader: BitReader, timing: Timing): OperatingPoint {
  const initialDisplayDelay = reader.flag();
  const count = reader.bits(5) + 1;
  let first: OperatingPoint | undefined;
  for (let index = 0; index < count; index++) {
    reader.skip(12); // operating_point_idc
    const level = reader.bits(5);
    // Levels below 4.0 have one tier only.
    const highTier = level > 7 && reader.flag();
    first ??= { level, highTier };
    if (timing.delayBits !== undefined && reader.flag()) reader.skip(2 * timing.delayBits + 1);
    if (initialDisplayDelay && reader.flag()) reader.skip(4);
  }
  return first!;
}

function skipTools(reader: BitReader): void {
  reader.skip(4); // interintra, masked compound, warped motion, dual filter
  const orderHint = reader.flag();
  if (orderHint) reader.skip(2); // jnt_comp, reference frame motion vectors
  const screenContent = reader.flag() ? 2 : reader.bits(1);
  // An integer motion vector choice follows only where screen content tools may be used.
  if (screenContent > 0 && !reader.flag()) reader.skip(1);
  if (orderHint) reader.skip(3); // order_hint_bits_minus_1
}

type ColourConfig = Pick<
  Av1SequenceHeader,
  "bitDepth" | "chromaSamplePosition" | "chromaSubsamplingX" | "chromaSubsamplingY" | "colour" | "monochrome"
>;

/** §5.5.2. */
function readColour(reader: BitReader, profile: number): ColourConfig {
  const highBitDepth = reader.flag();
  const bitDepth = highBitDepth ? (profile === 2 && reader.flag() ? 12 : 10) : 8;
  const monochrome = profile !== 1 && reader.flag();
  const [primaries, transfer, matrix] = reader.flag() ? [reader.bits(8), reader.bits(8), reader.bits(8)] : [2, 2, 2];
  if (!monochrome && primaries === RGB[0] && transfer === RGB[1] && matrix === RGB[2]) {
    reader.skip(1); // separate_uv_delta_q
    const colour = { primaries, transfer, matrix, fullRange: true };
    return {
      bitDepth,
      monochrome,
      chromaSubsamplingX: false,
      chromaSubsamplingY: false,
      chromaSamplePosition: 0,
      colour,
    };
  }
  const colour = { primaries, transfer, matrix, fullRange: reader.flag() };
  if (monochrome) {
    return {
      bitDepth,
      monochrome,
      chromaSubsamplingX: true,
      chromaSubsamplingY: true,
      chromaSamplePosition: 0,
      colour,
    };
  }
  const [chromaSubsamplingX, chromaSubsamplingY] = readSubsampling(reader, profile, bitDepth);
  const chromaSamplePosition = chromaSubsamplingX && chromaSubsamplingY ? reader.bits(2) : 0;
  reader.skip(1); // separate_uv_delta_q
  return { bitDepth, monochrome, chromaSubsamplingX, chromaSubsamplingY, chromaSamplePosition, colour };
}

function readSubsampling(reader: BitReader, profile: number, bitDepth: number): [boolean, boolean] {
  if (profile === 0) return [true, true];
  if (profile === 1) return [false, false];
  if (bitDepth < 12) return [true, false];
  const x = reader.flag();
  return [x, x && reader.flag()];
}
