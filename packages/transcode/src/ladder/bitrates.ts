/** How many bits a picture needs. */

import type { VideoCodec } from "./rung.ts";

/** One row of a ladder, for 16:9. Other shapes fit inside its box and get bits by their area. */
interface BitrateRow {
  /** Pixels of the longer side. */
  readonly long: number;
  /** Pixels of the shorter side. */
  readonly short: number;
  /** Bits per second of H.264 up to 30 frames per second. */
  readonly bitrate: number;
  /** Above 30 frames per second a rung this small halves them. */
  readonly halvesFrameRate: boolean;
}

/**
 * H.264 rates of the HLS Authoring Specification for Apple Devices (§1.24, the 16:9 table: 7800 and 4500 kb/s for 1080p and 720p at
 * their upper rates, 365 for 360p at its lower, at most 30 frames per second up to 432p), between its rows where a live encoder without lookahead wants
 * more, and continued above 1080p along its HEVC rows (8.1 and 16.8 Mb/s).
 */
export const bitrateRows: readonly BitrateRow[] = [
  { long: 3840, short: 2160, bitrate: 18_000_000, halvesFrameRate: false },
  { long: 2560, short: 1440, bitrate: 10_000_000, halvesFrameRate: false },
  { long: 1920, short: 1080, bitrate: 6_000_000, halvesFrameRate: false },
  { long: 1280, short: 720, bitrate: 3_000_000, halvesFrameRate: false },
  { long: 854, short: 480, bitrate: 1_400_000, halvesFrameRate: true },
  { long: 640, short: 360, bitrate: 730_000, halvesFrameRate: true },
  { long: 426, short: 240, bitrate: 365_000, halvesFrameRate: true },
];

/** Bits of HEVC and AV1 for the picture H.264 needs 1 for: the same table, 2400/3000 and 4500/6000 kb/s, and AV1 as measured since. */
const efficiency: Record<VideoCodec, number> = { h264: 1, hevc: 0.75, av1: 0.65 };

/** Above 30 frames per second each frame differs less from the one before: double the frames cost half as many bits again. */
const highFrameRateFactor = 1.5;

/** Bits do not grow as fast as pixels do: the table above follows this power of the area closely. */
const areaExponent = 0.85;

/** Average bits per second for a picture, in steps of 10 kb/s. */
export function bitrateFor(picture: { width: number; height: number; frameRate: number; codec: VideoCodec }): number {
  const area = picture.width * picture.height;
  const row = bitrateRows.findLast(({ long, short }) => long * short >= area * 0.98) ?? bitrateRows[0]!;
  const bits =
    row.bitrate *
    (area / (row.long * row.short)) ** areaExponent *
    efficiency[picture.codec] *
    (picture.frameRate > 31 ? highFrameRateFactor : 1);
  return Math.max(Math.round(bits / 10_000), 5) * 10_000;
}
