/** What the video usability information of H.264 (Annex E) and HEVC (Annex E) has in common. */

import type { BitReader } from "../../bytes/bit-reader.ts";

/** Width to height of one sample (pixel). */
export interface SampleAspectRatio {
  readonly width: number;
  readonly height: number;
}

/** How to show the colours: code points of ITU-T H.273. */
export interface Colour {
  /** `colour_primaries`, e.g. 1 for BT.709, 9 for BT.2020; 2 where unspecified. */
  readonly primaries: number;
  /** `transfer_characteristics`, e.g. 1 for BT.709, 16 for PQ, 18 for HLG; 2 where unspecified. */
  readonly transfer: number;
  /** `matrix_coefficients`, e.g. 1 for BT.709, 9 for BT.2020; 2 where unspecified. */
  readonly matrix: number;
  /** Samples use the full range, not the studio range. */
  readonly fullRange: boolean;
}

/** H.264 table E-1, HEVC table E.1; index 0 means unspecified. */
const SAMPLE_ASPECT_RATIOS: readonly (readonly [number, number])[] = [
  [0, 0],
  [1, 1],
  [12, 11],
  [10, 11],
  [16, 11],
  [40, 33],
  [24, 11],
  [20, 11],
  [32, 11],
  [80, 33],
  [18, 11],
  [15, 11],
  [64, 33],
  [160, 99],
  [4, 3],
  [3, 2],
  [2, 1],
];
const EXTENDED_SAR = 255;

/** The first part of both kinds of VUI, up to the chroma location. */
export interface VuiPresentation {
  readonly sampleAspectRatio: SampleAspectRatio | undefined;
  readonly colour: Colour | undefined;
}

export function readVuiPresentation(reader: BitReader): VuiPresentation {
  const sampleAspectRatio = reader.flag() ? readSampleAspectRatio(reader) : undefined;
  if (reader.flag()) reader.skip(1); // overscan_appropriate_flag
  const colour = reader.flag() ? readVideoSignalType(reader) : undefined;
  if (reader.flag()) {
    reader.ueUpTo(5, "chroma_sample_loc_type_top_field");
    reader.ueUpTo(5, "chroma_sample_loc_type_bottom_field");
  }
  return { sampleAspectRatio, colour };
}

function readSampleAspectRatio(reader: BitReader): SampleAspectRatio | undefined {
  const index = reader.bits(8);
  const [width, height] =
    index === EXTENDED_SAR ? [reader.bits(16), reader.bits(16)] : (SAMPLE_ASPECT_RATIOS[index] ?? [0, 0]);
  return width > 0 && height > 0 ? { width, height } : undefined;
}

function readVideoSignalType(reader: BitReader): Colour {
  reader.skip(3); // video_format
  const fullRange = reader.flag();
  if (!reader.flag()) return { primaries: 2, transfer: 2, matrix: 2, fullRange };
  return { primaries: reader.bits(8), transfer: reader.bits(8), matrix: reader.bits(8), fullRange };
}
