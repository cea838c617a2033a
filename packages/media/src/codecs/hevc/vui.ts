/** Video usability information of HEVC (ITU-T H.265 annex E). */

import type { BitReader } from "../../bytes/bit-reader.ts";
import { type Colour, readVuiPresentation, type SampleAspectRatio } from "../nal/vui.ts";

export interface HevcVui {
  readonly sampleAspectRatio: SampleAspectRatio | undefined;
  readonly colour: Colour | undefined;
  readonly frameRate: number | undefined;
  readonly minSpatialSegmentationIdc: number;
}

/** §E.2.1. */
export function readHevcVui(reader: BitReader, maxSubLayersMinus1: number): HevcVui {
  const presentation = readVuiPresentation(reader);
  reader.skip(1); // neutral_chroma_indication_flag
  const fields = reader.flag();
  reader.skip(1); // frame_field_info_present_flag
  if (reader.flag()) for (let side = 0; side < 4; side++) reader.ue(); // default display window
  let frameRate: number | undefined;
  if (reader.flag()) {
    const unitsInTick = reader.bits(32);
    const timeScale = reader.bits(32);
    if (unitsInTick > 0 && timeScale > 0) frameRate = timeScale / unitsInTick / (fields ? 2 : 1);
    if (reader.flag()) reader.ue(); // vui_num_ticks_poc_diff_one_minus1
    if (reader.flag()) skipHrd(reader, maxSubLayersMinus1);
  }
  let minSpatialSegmentationIdc = 0;
  if (reader.flag()) {
    reader.skip(3); // tiles, motion vectors, reference lists
    minSpatialSegmentationIdc = reader.ueUpTo(4095, "min_spatial_segmentation_idc");
    for (let element = 0; element < 4; element++) reader.ue();
  }
  return { ...presentation, frameRate, minSpatialSegmentationIdc };
}

/** §E.2.2, with the common information. */
function skipHrd(reader: BitReader, maxSubLayersMinus1: number): void {
  const nal = reader.flag();
  const vcl = reader.flag();
  let subPictures = false;
  if (nal || vcl) {
    subPictures = reader.flag();
    if (subPictures) reader.skip(8 + 5 + 1 + 5);
    reader.skip(8); // bit_rate_scale, cpb_size_scale
    if (subPictures) reader.skip(4); // cpb_size_du_scale
    reader.skip(15); // lengths of delays
  }
  for (let layer = 0; layer <= maxSubLayersMinus1; layer++) {
    const fixedRate = reader.flag() || reader.flag();
    let lowDelay = false;
    if (fixedRate) reader.ueUpTo(2047, "elemental_duration_in_tc_minus1");
    else lowDelay = reader.flag();
    const buffers = lowDelay ? 1 : reader.ueUpTo(31, "cpb_cnt_minus1") + 1;
    if (nal) skipSubLayerHrd(reader, buffers, subPictures);
    if (vcl) skipSubLayerHrd(reader, buffers, subPictures);
  }
}

/** §E.2.3. */
function skipSubLayerHrd(reader: BitReader, buffers: number, subPictures: boolean): void {
  for (let buffer = 0; buffer < buffers; buffer++) {
    for (let element = 0; element < (subPictures ? 4 : 2); element++) reader.ue();
    reader.skip(1); // cbr_flag
  }
}
