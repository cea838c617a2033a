/** The picture parameter set of HEVC, as far as a container asks (ITU-T H.265 §7.3.2.3). */

import { BitReader } from "../../bytes/bit-reader.ts";
import { unescapeNalUnit } from "../nal/annex-b.ts";
import { HEVC_NAL, readHevcHeader } from "./nal-unit.ts";

/** A picture parameter set of HEVC, as {@link parseHevcPps} reads it. */
export interface HevcPps {
  /** `pps_pic_parameter_set_id`, 0 to 63. */
  readonly id: number;
  /** `pps_seq_parameter_set_id`, 0 to 15. */
  readonly spsId: number;
  readonly dependentSlices: boolean;
  readonly weightedPrediction: boolean;
  readonly weightedBiprediction: boolean;
  /** `tiles_enabled_flag`. */
  readonly tiles: boolean;
  /** `entropy_coding_sync_enabled_flag`: wavefronts. */
  readonly wavefronts: boolean;
}

/**
 * Parses a picture parameter set.
 *
 * @param nalUnit - the NAL unit with its header, escaped as it comes from the stream.
 * @throws {MediaError} `TRUNCATED` or `MALFORMED`.
 */
export function parseHevcPps(nalUnit: Uint8Array): HevcPps {
  const reader = new BitReader(unescapeNalUnit(nalUnit), "HEVC PPS");
  readHevcHeader(reader, HEVC_NAL.pps);
  const id = reader.ueUpTo(63, "pps_pic_parameter_set_id");
  const spsId = reader.ueUpTo(15, "pps_seq_parameter_set_id");
  const dependentSlices = reader.flag();
  reader.skip(1 + 3 + 1 + 1); // output flag, extra slice header bits, sign hiding, CABAC initialisation
  reader.ueUpTo(14, "num_ref_idx_l0_default_active_minus1");
  reader.ueUpTo(14, "num_ref_idx_l1_default_active_minus1");
  reader.se(); // init_qp_minus26
  reader.skip(2); // constrained intra prediction, transform skip
  if (reader.flag()) reader.ue(); // diff_cu_qp_delta_depth
  reader.se(); // pps_cb_qp_offset
  reader.se(); // pps_cr_qp_offset
  reader.skip(1); // pps_slice_chroma_qp_offsets_present_flag
  const weightedPrediction = reader.flag();
  const weightedBiprediction = reader.flag();
  reader.skip(1); // transquant_bypass_enabled_flag
  const tiles = reader.flag();
  const wavefronts = reader.flag();
  return { id, spsId, dependentSlices, weightedPrediction, weightedBiprediction, tiles, wavefronts };
}
