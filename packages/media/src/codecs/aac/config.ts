/** The decoder configuration of AAC, an AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1). */

import { BitReader } from "../../bytes/bit-reader.ts";
import { BitWriter } from "../../bytes/bit-writer.ts";
import { MediaError } from "../../errors.ts";
import { readSpecificConfig } from "./specific-config.ts";
import {
  AAC_CHANNELS,
  AAC_SAMPLE_RATES,
  ERROR_RESILIENT,
  ESCAPED_RATE,
  ESCAPED_TYPE,
  frameLengths,
  GENERAL_AUDIO,
  LAYERED,
  TYPE,
} from "./tables.ts";

/** How spectral band replication, which doubles the sample rate, is signalled. */
export type SbrSignalling =
  /** Nothing says so. A decoder may still find it in the stream: implicit signalling. */
  | "none"
  /** In front: object type 5 or 29, understood by decoders of HE-AAC only. */
  | "hierarchical"
  /** At the end, where decoders of plain AAC do not look. */
  | "backward-compatible";

/** The content of an AudioSpecificConfig. */
export interface AudioSpecificConfig {
  /** Audio object type of the core, e.g. 2 AAC-LC, 42 xHE-AAC. */
  readonly objectType: number;
  /** Hz, of the core coder: half of the output's with SBR. */
  readonly coreSampleRate: number;
  /** 1 to 7, 11, 12 or 14; 0 where a program config element describes the channels. */
  readonly channelConfiguration: number;
  /** Channels of the output: parametric stereo makes two of one. */
  readonly channels: number;
  /** Samples per channel of one frame, of the core coder: 1024, 960, 512 or 480. */
  readonly frameLength: number;
  readonly sbr: SbrSignalling;
  /** Parametric stereo is signalled. */
  readonly ps: boolean;
  /** Hz, of the output: what {@link AudioTrack.sampleRate} is. */
  readonly sampleRate: number;
  /** Samples per channel of one frame of the output. */
  readonly samplesPerFrame: number;
}

const SYNC_SBR = 0x2b7;
const SYNC_PS = 0x548;

/**
 * Parses an AudioSpecificConfig.
 *
 * @throws {MediaError} `TRUNCATED`; `MALFORMED` for reserved values; `UNSUPPORTED` for object types that are no AAC.
 */
export function parseAudioSpecificConfig(bytes: Uint8Array): AudioSpecificConfig {
  const reader = new BitReader(bytes, "AudioSpecificConfig");
  const signalled = readObjectType(reader);
  const coreSampleRate = readSampleRate(reader);
  const channelConfiguration = reader.bits(4);
  let objectType = signalled;
  let sbr: SbrSignalling = "none";
  let ps = false;
  let sampleRate = coreSampleRate;
  if (signalled === TYPE.sbr || signalled === TYPE.ps) {
    sbr = "hierarchical";
    ps = signalled === TYPE.ps;
    sampleRate = readSampleRate(reader);
    objectType = readObjectType(reader);
  }
  if (sbr === "hierarchical" && objectType === TYPE.bsac) reader.skip(4); // extensionChannelConfiguration
  const specific = readSpecificConfig(reader, objectType, channelConfiguration);
  if (sbr === "none" && GENERAL_AUDIO.has(objectType) && reader.left >= 16 && reader.bits(11) === SYNC_SBR) {
    if (readObjectType(reader) === TYPE.sbr && reader.flag()) {
      sbr = "backward-compatible";
      sampleRate = readSampleRate(reader);
      ps = reader.left >= 12 && reader.bits(11) === SYNC_PS && reader.flag();
    }
  }
  // SBR that is signalled at the core's own rate is downsampled: it makes no more samples.
  const factor = sampleRate === 2 * coreSampleRate ? 2 : 1;
  return {
    objectType,
    coreSampleRate,
    channelConfiguration,
    channels: ps && specific.channels === 1 ? 2 : specific.channels,
    frameLength: specific.frameLength,
    sbr,
    ps,
    sampleRate,
    samplesPerFrame: specific.samplesPerFrame ?? specific.frameLength * factor,
  };
}

function readObjectType(reader: BitReader): number {
  const type = reader.bits(5);
  return type === ESCAPED_TYPE ? 32 + reader.bits(6) : type;
}

function readSampleRate(reader: BitReader): number {
  const index = reader.bits(4);
  const rate = index === ESCAPED_RATE ? reader.bits(24) : AAC_SAMPLE_RATES[index];
  if (rate === undefined || rate === 0) throw reader.malformed(`the sample rate with index ${index} is reserved`);
  return rate;
}

/** What {@link writeAudioSpecificConfig} needs of a configuration: a parsed one will do. */
export type AudioSpecificConfigFields = Pick<
  AudioSpecificConfig,
  "objectType" | "coreSampleRate" | "channelConfiguration"
> &
  Partial<Pick<AudioSpecificConfig, "frameLength" | "sampleRate" | "sbr" | "ps">>;

/**
 * Writes an AudioSpecificConfig of AAC-LC or another type with a GASpecificConfig.
 *
 * The inverse of {@link parseAudioSpecificConfig}, but for what that leaves out: core coder delays and program config elements.
 *
 * @throws {MediaError} `INVALID_ARGUMENT` when a field does not fit; `UNSUPPORTED` for object types or channels it cannot describe.
 */
export function writeAudioSpecificConfig(config: AudioSpecificConfigFields): Uint8Array {
  const { objectType, coreSampleRate, channelConfiguration, sbr = "none", ps = false } = config;
  if (!GENERAL_AUDIO.has(objectType) || LAYERED.has(objectType)) {
    throw new MediaError(
      "UNSUPPORTED",
      `AudioSpecificConfig: writing audio object type ${objectType} is not supported`,
    );
  }
  if ((AAC_CHANNELS[channelConfiguration] ?? 0) === 0) {
    throw new MediaError("UNSUPPORTED", "AudioSpecificConfig: writing a program config element is not supported");
  }
  const [full, reduced] = frameLengths(objectType);
  const frameLength = config.frameLength ?? full;
  if (frameLength !== full && frameLength !== reduced) {
    throw new MediaError(
      "INVALID_ARGUMENT",
      `AudioSpecificConfig: frames have ${full} or ${reduced} samples, not ${frameLength}`,
    );
  }
  const sampleRate = config.sampleRate ?? (sbr === "none" ? coreSampleRate : coreSampleRate * 2);
  const writer = new BitWriter("AudioSpecificConfig");
  if (sbr === "hierarchical") {
    writeObjectType(writer, ps ? TYPE.ps : TYPE.sbr);
    writeSampleRate(writer, coreSampleRate);
    writer.bits(channelConfiguration, 4);
    writeSampleRate(writer, sampleRate);
    writeObjectType(writer, objectType);
  } else {
    writeObjectType(writer, objectType);
    writeSampleRate(writer, coreSampleRate);
    writer.bits(channelConfiguration, 4);
  }
  writer.flag(frameLength === reduced).bits(0, 2);
  if (ERROR_RESILIENT.has(objectType)) writer.bits(0, 2); // epConfig
  if (sbr === "backward-compatible") {
    writer.bits(SYNC_SBR, 11);
    writeObjectType(writer, TYPE.sbr);
    writer.flag(true);
    writeSampleRate(writer, sampleRate);
    if (ps) writer.bits(SYNC_PS, 11).flag(true);
  }
  return writer.finish();
}

function writeObjectType(writer: BitWriter, type: number): void {
  if (type < ESCAPED_TYPE) writer.bits(type, 5);
  else writer.bits(ESCAPED_TYPE, 5).bits(type - 32, 6);
}

function writeSampleRate(writer: BitWriter, rate: number): void {
  const index = AAC_SAMPLE_RATES.indexOf(rate);
  if (index >= 0) writer.bits(index, 4);
  else writer.bits(ESCAPED_RATE, 4).bits(rate, 24);
}

/** RFC 6381 codec string: `mp4a.40.2` for AAC-LC, `.5` for HE-AAC, `.29` for HE-AAC v2, however these are signalled. */
export function aacCodecString(config: Pick<AudioSpecificConfig, "objectType" | "ps" | "sbr">): string {
  const type = config.ps ? TYPE.ps : config.sbr === "none" ? config.objectType : TYPE.sbr;
  return `mp4a.40.${type}`;
}
