/** Buffering per temporal sub-layer, the same in VPS and SPS of HEVC (ITU-T H.265 §7.3.2.1, §7.3.2.2). */

import type { BitReader } from "../../bytes/bit-reader.ts";

/** Returns the number of pictures that may be reordered at the highest sub-layer. */
export function readSubLayerOrdering(reader: BitReader, maxSubLayersMinus1: number): number {
  let reorderDepth = 0;
  for (let layer = reader.flag() ? 0 : maxSubLayersMinus1; layer <= maxSubLayersMinus1; layer++) {
    const buffered = reader.ueUpTo(15, "max_dec_pic_buffering_minus1");
    reorderDepth = reader.ueUpTo(buffered, "max_num_reorder_pics");
    reader.ue(); // max_latency_increase_plus1
  }
  return reorderDepth;
}
