/** The sequence parameter set of H.264: what the picture looks like (ITU-T H.264 §7.3.2.1). */

import { BitReader } from "../../bytes/bit-reader.ts";
import { unescapeNalUnit } from "../nal/annex-b.ts";
import { type Colour, readVuiPresentation, type SampleAspectRatio } from "../nal/vui.ts";
import { H264_NAL, h264NalType } from "./nal-unit.ts";

/** A sequence parameter set of H.264, as {@link parseH264Sps} reads it. */
export interface H264Sps {
  /** `profile_idc`, e.g. 66 Baseline, 77 Main, 100 High. */
  readonly profileIdc: number;
  /** The byte of `constraint_set0_flag` to `constraint_set5_flag`, first flag in the highest bit. */
  readonly constraints: number;
  /** `level_idc`: ten times the level, e.g. 31. */
  readonly levelIdc: number;
  /** `seq_parameter_set_id`, 0 to 31. */
  readonly id: number;
  /** 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4. */
  readonly chromaFormatIdc: number;
  readonly bitDepthLuma: number;
  readonly bitDepthChroma: number;
  /** Pixels, after cropping. */
  readonly width: number;
  /** Pixels, after cropping. */
  readonly height: number;
  /** Pixels in whole macroblocks, as decoded. */
  readonly codedWidth: number;
  /** Pixels in whole macroblocks, as decoded. */
  readonly codedHeight: number;
  /** No interlaced pictures: `frame_mbs_only_flag`. */
  readonly progressive: boolean;
  /** `max_num_ref_frames`. */
  readonly maxRefFrames: number;
  /** 0, 1 or 2; with 2, pictures come out in decoding order. */
  readonly picOrderCntType: number;
  /** Absent where unspecified. */
  readonly sampleAspectRatio?: SampleAspectRatio;
  /** Absent where the stream says nothing. */
  readonly colour?: Colour;
  /** Nominal frames per second, from `time_scale` and `num_units_in_tick`; absent without timing information. */
  readonly frameRate?: number;
  /** `fixed_frame_rate_flag`. */
  readonly fixedFrameRate: boolean;
  /**
   * Most frames that precede one in decoding order and follow it in output: `max_num_reorder_frames`, or what §E.2.1 infers, which is
   * an upper bound. 0 means presentation is in decoding order.
   */
  readonly reorderDepth: number;
}

/** Profiles whose SPS has the chroma format and scaling lists (§7.3.2.1.1). */
const HIGH_PROFILES: ReadonlySet<number> = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]);
/** Profiles that code intra only when `constraint_set3_flag` is set (§E.2.1). */
const INTRA_PROFILES: ReadonlySet<number> = new Set([44, 86, 100, 110, 122, 244]);
const CONSTRAINT_SET3 = 0x10;
/** Profiles with the chroma format in their SPS, and in the extension of their avcC. */
export function hasChromaFormat(profileIdc: number): boolean {
  return HIGH_PROFILES.has(profileIdc);
}

/** MaxDpbMbs by level (table A-1). Level 1b has the value of 1. */
const MAX_DPB_MACROBLOCKS: Readonly<Record<number, number>> = {
  9: 396,
  10: 396,
  11: 900,
  12: 2376,
  13: 2376,
  20: 2376,
  21: 4752,
  22: 8100,
  30: 8100,
  31: 18000,
  32: 20480,
  40: 32768,
  41: 32768,
  42: 34816,
  50: 110400,
  51: 184320,
  52: 184320,
  60: 696320,
  61: 696320,
  62: 696320,
};

/** Pictures are at most 16,384 macroblocks a side here: far beyond level 6.2, and no product of two overflows. */
const MAX_MACROBLOCKS = 16_384;

/**
 * Parses a sequence parameter set.
 *
 * @param nalUnit - the NAL unit with its header byte, escaped as it comes from the stream.
 * @throws {MediaError} `TRUNCATED` or `MALFORMED`.
 */
export function parseH264Sps(nalUnit: Uint8Array): H264Sps {
  const reader = new BitReader(unescapeNalUnit(nalUnit), "H.264 SPS");
  if (h264NalType(reader.bits(8)) !== H264_NAL.sps) throw reader.malformed("the NAL unit has another type");
  const profileIdc = reader.bits(8);
  const constraints = reader.bits(8);
  const levelIdc = reader.bits(8);
  const id = reader.ueUpTo(31, "seq_parameter_set_id");
  const chroma = hasChromaFormat(profileIdc) ? readChroma(reader) : DEFAULT_CHROMA;
  reader.ueUpTo(12, "log2_max_frame_num_minus4");
  const picOrderCntType = readPicOrderCnt(reader);
  const maxRefFrames = reader.ueUpTo(16, "max_num_ref_frames");
  reader.skip(1); // gaps_in_frame_num_value_allowed_flag
  const widthInMacroblocks = reader.ueUpTo(MAX_MACROBLOCKS - 1, "pic_width_in_mbs_minus1") + 1;
  const mapUnits = reader.ueUpTo(MAX_MACROBLOCKS - 1, "pic_height_in_map_units_minus1") + 1;
  const progressive = reader.flag();
  if (!progressive) reader.skip(1); // mb_adaptive_frame_field_flag
  reader.skip(1); // direct_8x8_inference_flag
  const fieldFactor = progressive ? 1 : 2;
  const codedWidth = widthInMacroblocks * 16;
  const codedHeight = mapUnits * fieldFactor * 16;
  // Without separate chroma arrays (monochrome, or three planes), cropping counts single samples (§7.4.2.1.1).
  const cropX = chroma.arrayType === 1 || chroma.arrayType === 2 ? 2 : 1;
  const cropY = (chroma.arrayType === 1 ? 2 : 1) * fieldFactor;
  let width = codedWidth;
  let height = codedHeight;
  if (reader.flag()) {
    width -= cropX * (reader.ue() + reader.ue());
    height -= cropY * (reader.ue() + reader.ue());
    if (width <= 0 || height <= 0) throw reader.malformed("cropping leaves no picture");
  }
  const inferredDepth = inferReorderDepth({
    intraOnly: INTRA_PROFILES.has(profileIdc) && (constraints & CONSTRAINT_SET3) !== 0,
    levelIdc,
    macroblocks: widthInMacroblocks * mapUnits * fieldFactor,
    picOrderCntType,
  });
  const vui = reader.flag() ? readVui(reader) : undefined;
  return {
    profileIdc,
    constraints,
    levelIdc,
    id,
    chromaFormatIdc: chroma.formatIdc,
    bitDepthLuma: chroma.bitDepthLuma,
    bitDepthChroma: chroma.bitDepthChroma,
    width,
    height,
    codedWidth,
    codedHeight,
    progressive,
    maxRefFrames,
    picOrderCntType,
    ...(vui?.sampleAspectRatio && { sampleAspectRatio: vui.sampleAspectRatio }),
    ...(vui?.colour && { colour: vui.colour }),
    ...(vui?.frameRate !== undefined && { frameRate: vui.frameRate }),
    fixedFrameRate: vui?.fixedFrameRate ?? false,
    reorderDepth: vui?.reorderDepth ?? inferredDepth,
  };
}

interface Chroma {
  readonly formatIdc: number;
  /** ChromaArrayType: the format, but 0 for planes that are coded apart. */
  readonly arrayType: number;
  readonly bitDepthLuma: number;
  readonly bitDepthChroma: number;
}

const DEFAULT_CHROMA: Chroma = { formatIdc: 1, arrayType: 1, bitDepthLuma: 8, bitDepthChroma: 8 };

function readChroma(reader: BitReader): Chroma {
  const formatIdc = reader.ueUpTo(3, "chroma_format_idc");
  const separatePlanes = formatIdc === 3 && reader.flag();
  const bitDepthLuma = 8 + reader.ueUpTo(6, "bit_depth_luma_minus8");
  const bitDepthChroma = 8 + reader.ueUpTo(6, "bit_depth_chroma_minus8");
  reader.skip(1); // qpprime_y_zero_transform_bypass_flag
  if (reader.flag()) {
    const lists = formatIdc === 3 ? 12 : 8;
    for (let list = 0; list < lists; list++) if (reader.flag()) skipScalingList(reader, list < 6 ? 16 : 64);
  }
  return { formatIdc, arrayType: separatePlanes ? 0 : formatIdc, bitDepthLuma, bitDepthChroma };
}

/** §7.3.2.1.1.1. */
function skipScalingList(reader: BitReader, size: number): void {
  let last = 8;
  let next = 8;
  for (let index = 0; index < size; index++) {
    if (next !== 0) next = (last + reader.se() + 256) & 0xff;
    if (next !== 0) last = next;
  }
}

function readPicOrderCnt(reader: BitReader): number {
  const type = reader.ueUpTo(2, "pic_order_cnt_type");
  if (type === 0) reader.ueUpTo(12, "log2_max_pic_order_cnt_lsb_minus4");
  if (type === 1) {
    reader.skip(1); // delta_pic_order_always_zero_flag
    reader.se(); // offset_for_non_ref_pic
    reader.se(); // offset_for_top_to_bottom_field
    const cycle = reader.ueUpTo(255, "num_ref_frames_in_pic_order_cnt_cycle");
    for (let index = 0; index < cycle; index++) reader.se();
  }
  return type;
}

function inferReorderDepth(facts: {
  intraOnly: boolean;
  levelIdc: number;
  macroblocks: number;
  picOrderCntType: number;
}): number {
  if (facts.intraOnly || facts.picOrderCntType === 2) return 0;
  const macroblocks = MAX_DPB_MACROBLOCKS[facts.levelIdc];
  return macroblocks === undefined ? 16 : Math.min(16, Math.floor(macroblocks / facts.macroblocks));
}

interface Vui {
  readonly sampleAspectRatio: SampleAspectRatio | undefined;
  readonly colour: Colour | undefined;
  readonly frameRate: number | undefined;
  readonly fixedFrameRate: boolean;
  readonly reorderDepth: number | undefined;
}

/** §E.1.1. */
function readVui(reader: BitReader): Vui {
  const presentation = readVuiPresentation(reader);
  let frameRate: number | undefined;
  let fixedFrameRate = false;
  if (reader.flag()) {
    const unitsInTick = reader.bits(32);
    const timeScale = reader.bits(32);
    fixedFrameRate = reader.flag();
    // A tick is a field, even of progressive pictures.
    if (unitsInTick > 0 && timeScale > 0) frameRate = timeScale / (2 * unitsInTick);
  }
  const nalHrd = reader.flag();
  if (nalHrd) skipHrd(reader);
  const vclHrd = reader.flag();
  if (vclHrd) skipHrd(reader);
  if (nalHrd || vclHrd) reader.skip(1); // low_delay_hrd_flag
  reader.skip(1); // pic_struct_present_flag
  let reorderDepth: number | undefined;
  if (reader.flag()) {
    reader.skip(1); // motion_vectors_over_pic_boundaries_flag
    for (let element = 0; element < 4; element++) reader.ue();
    reorderDepth = reader.ueUpTo(16, "max_num_reorder_frames");
    reader.ueUpTo(16, "max_dec_frame_buffering");
  }
  return { ...presentation, frameRate, fixedFrameRate, reorderDepth };
}

/** §E.1.2. */
function skipHrd(reader: BitReader): void {
  const count = reader.ueUpTo(31, "cpb_cnt_minus1") + 1;
  reader.skip(8); // bit_rate_scale, cpb_size_scale
  for (let index = 0; index < count; index++) {
    reader.ue(); // bit_rate_value_minus1
    reader.ue(); // cpb_size_value_minus1
    reader.skip(1); // cbr_flag
  }
  reader.skip(20); // lengths of delays and time offset
}
