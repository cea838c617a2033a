/** The part of an AudioSpecificConfig that depends on the object type (ISO/IEC 14496-3 §4.4.1, ISO/IEC 23003-3 §5.2). */

import type { BitReader } from "../../bytes/bit-reader.ts";
import { MediaError } from "../../errors.ts";
import { programConfigChannels } from "./program-config.ts";
import {
  AAC_CHANNELS,
  ERROR_RESILIENT,
  frameLengths,
  GENERAL_AUDIO,
  LAYERED,
  RESILIENCE_FLAGS,
  TYPE,
} from "./tables.ts";

interface SpecificConfig {
  /** Samples per channel of one frame of the core coder. */
  readonly frameLength: number;
  readonly channels: number;
  /** Samples per channel of one frame of the output, where the part says so itself. */
  readonly samplesPerFrame?: number;
}

export function readSpecificConfig(
  reader: BitReader,
  objectType: number,
  channelConfiguration: number,
): SpecificConfig {
  const channels = AAC_CHANNELS[channelConfiguration] ?? 0;
  if (channels === 0 && channelConfiguration !== 0) {
    throw reader.malformed(`channel configuration ${channelConfiguration} is reserved`);
  }
  if (objectType === TYPE.usac) return readUsac(reader, channels);
  if (objectType === TYPE.eld) {
    if (channels === 0) throw reader.malformed("AAC-ELD without a channel configuration");
    return { frameLength: readFrameLength(reader, objectType), channels };
  }
  if (!GENERAL_AUDIO.has(objectType)) {
    throw new MediaError("UNSUPPORTED", `AudioSpecificConfig: audio object type ${objectType} is no AAC`);
  }
  return readGeneralAudio(reader, objectType, channels);
}

function readFrameLength(reader: BitReader, objectType: number): number {
  const [full, reduced] = frameLengths(objectType);
  return reader.flag() ? reduced : full;
}

/** GASpecificConfig, and the error protection that follows it. */
function readGeneralAudio(reader: BitReader, objectType: number, channels: number): SpecificConfig {
  const frameLength = readFrameLength(reader, objectType);
  if (reader.flag()) reader.skip(14); // coreCoderDelay
  const extension = reader.flag();
  const described = channels === 0 ? programConfigChannels(reader) : channels;
  if (LAYERED.has(objectType)) reader.skip(3); // layerNr
  if (extension) {
    if (objectType === TYPE.bsac) reader.skip(5 + 11); // numOfSubFrame, layer_length
    if (RESILIENCE_FLAGS.has(objectType)) reader.skip(3);
    reader.skip(1); // extensionFlag3
  }
  if (ERROR_RESILIENT.has(objectType) && reader.bits(2) > 1) {
    throw new MediaError("UNSUPPORTED", "AudioSpecificConfig: error protection is not supported");
  }
  return { frameLength, channels: described };
}

/** `coreSbrFrameLengthIndex` of UsacConfig: samples of the core coder's frame, and of the output's. */
const USAC_FRAMES: readonly (readonly [number, number])[] = [
  [768, 768],
  [1024, 1024],
  [768, 2048],
  [1024, 2048],
  [1024, 4096],
];
const USAC_ESCAPED_RATE = 31;

function readUsac(reader: BitReader, channels: number): SpecificConfig {
  if (reader.bits(5) === USAC_ESCAPED_RATE) reader.skip(24);
  const frames = USAC_FRAMES[reader.bits(3)];
  if (frames === undefined) throw reader.malformed("coreSbrFrameLengthIndex is reserved");
  const described = channels || AAC_CHANNELS[reader.bits(5)];
  if (!described) throw new MediaError("UNSUPPORTED", "AudioSpecificConfig: USAC with channels of its own");
  return { frameLength: frames[0], samplesPerFrame: frames[1], channels: described };
}
