/** The sequence parameter set of HEVC: what the picture looks like (ITU-T H.265 §7.3.2.2). */

import { BitReader } from "../../bytes/bit-reader.ts";
import { unescapeNalUnit } from "../nal/annex-b.ts";
import type { Colour, SampleAspectRatio } from "../nal/vui.ts";
import { HEVC_NAL, readHevcHeader } from "./nal-unit.ts";
import { type HevcProfile, readProfileTierLevel } from "./profile.ts";
import { skipReferenceSets } from "./reference-sets.ts";
import { readSubLayerOrdering } from "./sub-layers.ts";
import { readHevcVui } from "./vui.ts";

/** A sequence parameter set of HEVC, as {@link parseHevcSps} reads it. */
export interface HevcSps {
  /** `sps_seq_parameter_set_id`, 0 to 15. */
  readonly id: number;
  /** `sps_video_parameter_set_id`, 0 to 15. */
  readonly vpsId: number;
  /** Temporal sub-layers, 1 to 7. */
  readonly subLayers: number;
  readonly temporalIdNested: boolean;
  readonly profile: HevcProfile;
  /** 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4. */
  readonly chromaFormatIdc: number;
  readonly bitDepthLuma: number;
  readonly bitDepthChroma: number;
  /** Pixels, after the conformance window. */
  readonly width: number;
  /** Pixels, after the conformance window. */
  readonly height: number;
  /** Pixels, as decoded. */
  readonly codedWidth: number;
  /** Pixels, as decoded. */
  readonly codedHeight: number;
  /** Absent where unspecified. */
  readonly sampleAspectRatio?: SampleAspectRatio;
  /** Absent where the stream says nothing. */
  readonly colour?: Colour;
  /** Nominal frames per second; absent without timing information. */
  readonly frameRate?: number;
  /** `sps_max_num_reorder_pics` of the highest sub-layer: 0 means presentation is in decoding order. */
  readonly reorderDepth: number;
  /** `min_spatial_segmentation_idc`, 0 where unspecified. */
  readonly minSpatialSegmentationIdc: number;
}

/** Beyond level 7.2, and no product of two overflows. */
const MAX_SIDE = 65_535;

/**
 * Parses a sequence parameter set of the base layer.
 *
 * @param nalUnit - the NAL unit with its header, escaped as it comes from the stream.
 * @throws {MediaError} `TRUNCATED` or `MALFORMED`.
 */
export function parseHevcSps(nalUnit: Uint8Array): HevcSps {
  const reader = new BitReader(unescapeNalUnit(nalUnit), "HEVC SPS");
  readHevcHeader(reader, HEVC_NAL.sps);
  const vpsId = reader.bits(4);
  const maxSubLayersMinus1 = reader.bits(3);
  if (maxSubLayersMinus1 > 6) throw reader.malformed("sps_max_sub_layers_minus1 is 7, at most 6 is allowed");
  const temporalIdNested = reader.flag();
  const profile = readProfileTierLevel(reader, maxSubLayersMinus1);
  const id = reader.ueUpTo(15, "sps_seq_parameter_set_id");
  const picture = readPicture(reader);
  const pocBits = reader.ueUpTo(12, "log2_max_pic_order_cnt_lsb_minus4") + 4;
  const reorderDepth = readSubLayerOrdering(reader, maxSubLayersMinus1);
  for (let element = 0; element < 6; element++) reader.ue(); // block sizes and depths
  if (reader.flag() && reader.flag()) skipScalingLists(reader);
  reader.skip(2); // amp_enabled_flag, sample_adaptive_offset_enabled_flag
  if (reader.flag()) {
    reader.skip(8); // pcm bit depths
    reader.ue();
    reader.ue();
    reader.skip(1);
  }
  skipReferenceSets(reader);
  if (reader.flag()) reader.skip(reader.ueUpTo(32, "num_long_term_ref_pics_sps") * (pocBits + 1));
  reader.skip(2); // temporal motion vectors, strong intra smoothing
  const vui = reader.flag() ? readHevcVui(reader, maxSubLayersMinus1) : undefined;
  return {
    id,
    vpsId,
    subLayers: maxSubLayersMinus1 + 1,
    temporalIdNested,
    profile,
    ...picture,
    ...(vui?.sampleAspectRatio && { sampleAspectRatio: vui.sampleAspectRatio }),
    ...(vui?.colour && { colour: vui.colour }),
    ...(vui?.frameRate !== undefined && { frameRate: vui.frameRate }),
    reorderDepth,
    minSpatialSegmentationIdc: vui?.minSpatialSegmentationIdc ?? 0,
  };
}

type Picture = Pick<
  HevcSps,
  "bitDepthChroma" | "bitDepthLuma" | "chromaFormatIdc" | "codedHeight" | "codedWidth" | "height" | "width"
>;

function readPicture(reader: BitReader): Picture {
  const chromaFormatIdc = reader.ueUpTo(3, "chroma_format_idc");
  if (chromaFormatIdc === 3) reader.skip(1); // separate_colour_plane_flag
  const codedWidth = reader.ueUpTo(MAX_SIDE, "pic_width_in_luma_samples");
  const codedHeight = reader.ueUpTo(MAX_SIDE, "pic_height_in_luma_samples");
  const unitX = chromaFormatIdc === 1 || chromaFormatIdc === 2 ? 2 : 1;
  const unitY = chromaFormatIdc === 1 ? 2 : 1;
  let width = codedWidth;
  let height = codedHeight;
  if (reader.flag()) {
    width -= unitX * (reader.ue() + reader.ue());
    height -= unitY * (reader.ue() + reader.ue());
  }
  if (width <= 0 || height <= 0) throw reader.malformed("the conformance window leaves no picture");
  const bitDepthLuma = 8 + reader.ueUpTo(8, "bit_depth_luma_minus8");
  const bitDepthChroma = 8 + reader.ueUpTo(8, "bit_depth_chroma_minus8");
  return { chromaFormatIdc, bitDepthLuma, bitDepthChroma, width, height, codedWidth, codedHeight };
}

/** §7.3.4. */
function skipScalingLists(reader: BitReader): void {
  for (let size = 0; size < 4; size++) {
    for (let matrix = 0; matrix < 6; matrix += size === 3 ? 3 : 1) {
      if (!reader.flag()) {
        reader.ue(); // scaling_list_pred_matrix_id_delta
        continue;
      }
      const coefficients = Math.min(64, 16 << (2 * size)) + (size > 1 ? 1 : 0);
      for (let index = 0; index < coefficients; index++) reader.se();
    }
  }
}
