/** From what FFmpeg's encoders give to what tracks and packets carry. Runs in the encoder process. */

import {
  annexBToLengthPrefixed,
  av1ConfigFromTemporalUnit,
  avcConfigFromNalUnits,
  H264_NAL,
  HEVC_NAL,
  h264NalType,
  hevcConfigFromNalUnits,
  hevcNalType,
  parseOpusHead,
  readNalUnits,
  stripTemporalDelimiters,
  writeAv1Config,
  writeAvcConfig,
  writeHevcConfig,
  writeOpusConfig,
} from "@ami-streams/media";
import type { WireTrack } from "./wire.ts";

/** Turns an encoder's output into samples. */
export interface Packetizer {
  /** As `Track.config`. */
  readonly config: Uint8Array;
  /** Memory of its own. */
  sample(data: Uint8Array): Uint8Array;
}

/**
 * @param header - the encoder's global header.
 * @param first - its first packet.
 */
export function createPacketizer(codec: WireTrack["codec"], header: Uint8Array, first: Uint8Array): Packetizer {
  switch (codec) {
    case "h264": {
      const config = present(avcConfigFromNalUnits(readNalUnits(header)), "H.264");
      return { config: writeAvcConfig(config), sample: (data) => annexBToLengthPrefixed(data, isH264Picture) };
    }
    case "hevc": {
      const config = present(hevcConfigFromNalUnits(readNalUnits(header)), "HEVC");
      return { config: writeHevcConfig(config), sample: (data) => annexBToLengthPrefixed(data, isHevcPicture) };
    }
    case "av1": {
      const config = present(av1ConfigFromTemporalUnit(first), "AV1");
      return { config: writeAv1Config(config), sample: (data) => new Uint8Array(stripTemporalDelimiters(data)) };
    }
    case "opus":
      return { config: writeOpusConfig(parseOpusHead(header)), sample: (data) => new Uint8Array(data) };
    case "aac":
      return { config: new Uint8Array(header), sample: (data) => new Uint8Array(data) };
  }
}

/** Parameter sets are in the configuration, and delimiters have no place in samples (ISO 14496-15 §5.3.2). */
function isH264Picture(unit: Uint8Array): boolean {
  const type = h264NalType(unit[0] ?? 0);
  return type !== H264_NAL.sps && type !== H264_NAL.pps && type !== H264_NAL.accessUnitDelimiter;
}

function isHevcPicture(unit: Uint8Array): boolean {
  const type = hevcNalType(unit[0] ?? 0);
  return (
    type !== HEVC_NAL.vps && type !== HEVC_NAL.sps && type !== HEVC_NAL.pps && type !== HEVC_NAL.accessUnitDelimiter
  );
}

function present<T>(config: T | undefined, codec: string): T {
  if (config === undefined) throw new Error(`the ${codec} encoder gave no parameter sets`);
  return config;
}
