/** The picture parameter set of H.264 (ITU-T H.264 §7.3.2.2). */

import { BitReader } from "../../bytes/bit-reader.ts";
import { unescapeNalUnit } from "../nal/annex-b.ts";
import { H264_NAL, h264NalType } from "./nal-unit.ts";

/** A picture parameter set of H.264, as {@link parseH264Pps} reads it. */
export interface H264Pps {
  /** `pic_parameter_set_id`, 0 to 255. */
  readonly id: number;
  /** `seq_parameter_set_id` of the SPS it refers to. */
  readonly spsId: number;
  /** `entropy_coding_mode_flag`: CABAC, otherwise CAVLC. */
  readonly cabac: boolean;
  /** Slice groups; more than 1 is flexible macroblock ordering. */
  readonly sliceGroups: number;
  /** Default number of reference pictures of list 0 and 1. */
  readonly defaultReferences: readonly [number, number];
  readonly weightedPrediction: boolean;
  /** `weighted_bipred_idc`: 0 default, 1 explicit, 2 implicit. */
  readonly weightedBiprediction: number;
  /** `transform_8x8_mode_flag`. */
  readonly transform8x8: boolean;
}

/**
 * Parses a picture parameter set.
 *
 * @param nalUnit - the NAL unit with its header byte, escaped as it comes from the stream.
 * @throws {MediaError} `TRUNCATED` or `MALFORMED`.
 */
export function parseH264Pps(nalUnit: Uint8Array): H264Pps {
  const reader = new BitReader(unescapeNalUnit(nalUnit), "H.264 PPS");
  if (h264NalType(reader.bits(8)) !== H264_NAL.pps) throw reader.malformed("the NAL unit has another type");
  const id = reader.ueUpTo(255, "pic_parameter_set_id");
  const spsId = reader.ueUpTo(31, "seq_parameter_set_id");
  const cabac = reader.flag();
  reader.skip(1); // bottom_field_pic_order_in_frame_present_flag
  const sliceGroups = reader.ueUpTo(7, "num_slice_groups_minus1") + 1;
  if (sliceGroups > 1) skipSliceGroups(reader, sliceGroups);
  const defaultReferences = [
    reader.ueUpTo(31, "num_ref_idx_l0_default_active_minus1") + 1,
    reader.ueUpTo(31, "num_ref_idx_l1_default_active_minus1") + 1,
  ] as const;
  const weightedPrediction = reader.flag();
  const weightedBiprediction = reader.bits(2);
  if (weightedBiprediction === 3) throw reader.malformed("weighted_bipred_idc is 3, at most 2 is allowed");
  reader.se(); // pic_init_qp_minus26
  reader.se(); // pic_init_qs_minus26
  reader.se(); // chroma_qp_index_offset
  reader.skip(3); // deblocking, constrained intra prediction, redundant pictures
  const transform8x8 = reader.moreRbspData() && reader.flag();
  return {
    id,
    spsId,
    cabac,
    sliceGroups,
    defaultReferences,
    weightedPrediction,
    weightedBiprediction,
    transform8x8,
  };
}

function skipSliceGroups(reader: BitReader, sliceGroups: number): void {
  const type = reader.ueUpTo(6, "slice_group_map_type");
  if (type === 0) for (let group = 0; group < sliceGroups; group++) reader.ue();
  if (type === 2) for (let group = 0; group < 2 * (sliceGroups - 1); group++) reader.ue();
  if (type >= 3 && type <= 5) {
    reader.skip(1); // slice_group_change_direction_flag
    reader.ue(); // slice_group_change_rate_minus1
  }
  if (type === 6) {
    const units = reader.ue() + 1;
    reader.skip(units * Math.ceil(Math.log2(sliceGroups)));
  }
}
