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
 * H.264 rates of the HLS Authoring Specification for Apple Devices (its 16:9 table of average rates), which names two for most sizes: 6000 and
 * 7800 kb/s for 1080p, 3000 and 4500 for 720p, 365 and once 730 for 360p, at most 30 frames per second up to 432p. Here is the lower of the two for large
 * pictures and the upper for small ones, where a live encoder without lookahead wants more; 480p lies between its rows of 432p (1100) and 540p
 * (2000), and above 1080p the table goes on as its HEVC column does (8.1 and 16.8 Mb/s).
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

/** Bits of HEVC and AV1 for the picture H.264 needs 1 for: HEVC as in that table (720p 2400 for 3000 kb/s, 1080p 4500 for 6000), AV1 below it. */
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
