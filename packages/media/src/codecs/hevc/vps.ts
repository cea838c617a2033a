/** The video parameter set of HEVC (ITU-T H.265 §7.3.2.1). */

import { BitReader } from "../../bytes/bit-reader.ts";
import { unescapeNalUnit } from "../nal/annex-b.ts";
import { HEVC_NAL, readHevcHeader } from "./nal-unit.ts";
import { type HevcProfile, readProfileTierLevel } from "./profile.ts";
import { readSubLayerOrdering } from "./sub-layers.ts";

/** A video parameter set, as {@link parseHevcVps} reads it. */
export interface HevcVps {
  /** `vps_video_parameter_set_id`, 0 to 15. */
  readonly id: number;
  /** Layers, 1 without scalability. */
  readonly layers: number;
  /** Temporal sub-layers, 1 to 7. */
  readonly subLayers: number;
  readonly temporalIdNested: boolean;
  readonly profile: HevcProfile;
  /** `vps_max_num_reorder_pics` of the highest sub-layer. */
  readonly reorderDepth: number;
  /** Nominal pictures per second; absent without timing information. */
  readonly frameRate?: number;
}

/**
 * Parses a video parameter set.
 *
 * @param nalUnit - the NAL unit with its header, escaped as it comes from the stream.
 * @throws {MediaError} `TRUNCATED` or `MALFORMED`.
 */
export function parseHevcVps(nalUnit: Uint8Array): HevcVps {
  const reader = new BitReader(unescapeNalUnit(nalUnit), "HEVC VPS");
  readHevcHeader(reader, HEVC_NAL.vps);
  const id = reader.bits(4);
  reader.skip(2); // base layer internal, available
  const layers = reader.bits(6) + 1;
  const maxSubLayersMinus1 = reader.bits(3);
  if (maxSubLayersMinus1 > 6) throw reader.malformed("vps_max_sub_layers_minus1 is 7, at most 6 is allowed");
  const temporalIdNested = reader.flag();
  reader.skip(16); // vps_reserved_0xffff_16bits
  const profile = readProfileTierLevel(reader, maxSubLayersMinus1);
  const reorderDepth = readSubLayerOrdering(reader, maxSubLayersMinus1);
  const maxLayerId = reader.bits(6);
  const layerSets = reader.ueUpTo(1023, "vps_num_layer_sets_minus1");
  reader.skip(layerSets * (maxLayerId + 1));
  const frameRate = reader.flag() ? readFrameRate(reader) : undefined;
  return {
    id,
    layers,
    subLayers: maxSubLayersMinus1 + 1,
    temporalIdNested,
    profile,
    reorderDepth,
    ...(frameRate !== undefined && { frameRate }),
  };
}

function readFrameRate(reader: BitReader): number | undefined {
  const unitsInTick = reader.bits(32);
  const timeScale = reader.bits(32);
  return unitsInTick > 0 && timeScale > 0 ? timeScale / unitsInTick : undefined;
}
