/** What a video configuration says of colours and pixel shape, for `colr` and `pasp`. */

import { av1ConfigSequenceHeader, parseAv1Config } from "../codecs/av1/config.ts";
import { parseAvcConfig } from "../codecs/h264/config.ts";
import { parseH264Sps } from "../codecs/h264/sps.ts";
import { parseHevcConfig, writeHevcConfig } from "../codecs/hevc/config.ts";
import { HEVC_NAL } from "../codecs/hevc/nal-unit.ts";
import { parseHevcSps } from "../codecs/hevc/sps.ts";
import type { Colour, SampleAspectRatio } from "../codecs/nal/vui.ts";
import { MediaError } from "../errors.ts";
import type { VideoTrack } from "../track.ts";

export interface VideoPresentation {
  readonly colour?: Colour | undefined;
  readonly sampleAspectRatio?: SampleAspectRatio | undefined;
}

/** Empty for a configuration without, or one that cannot be read: decoders find the same facts in the stream itself. */
export function videoPresentation({ codec, config }: VideoTrack): VideoPresentation {
  return unlessMalformed(() => read(codec.slice(0, 3), config)) ?? {};
}

function read(family: string, config: Uint8Array): VideoPresentation {
  if (family === "avc") {
    const sps = parseAvcConfig(config).sps[0];
    return sps === undefined ? {} : parseH264Sps(sps);
  }
  if (family === "hvc" || family === "hev") {
    const sps = parseHevcConfig(config).arrays.find((array) => array.type === HEVC_NAL.sps)?.nalUnits[0];
    return sps === undefined ? {} : parseHevcSps(sps);
  }
  const colour = av1ConfigSequenceHeader(parseAv1Config(config))?.colour;
  // AV1 always writes the three; all unspecified is what it writes for "nothing to say".
  const says = colour !== undefined && (colour.primaries !== 2 || colour.transfer !== 2 || colour.matrix !== 2);
  return says ? { colour } : {};
}

/**
 * `hvc1` promises that all parameter sets are in the configuration (ISO 14496-15 §8.4.1); one that came from `hev1`
 * does not say so.
 */
export function completeHevcConfig(config: Uint8Array): Uint8Array {
  const parsed = unlessMalformed(() => parseHevcConfig(config));
  if (parsed === undefined || parsed.arrays.every((array) => array.complete || !isParameterSet(array.type)))
    return config;
  const arrays = parsed.arrays.map((array) => (isParameterSet(array.type) ? { ...array, complete: true } : array));
  return writeHevcConfig({ ...parsed, arrays });
}

function isParameterSet(type: number): boolean {
  return type === HEVC_NAL.vps || type === HEVC_NAL.sps || type === HEVC_NAL.pps;
}

function unlessMalformed<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof MediaError) return undefined;
    throw error;
  }
}
