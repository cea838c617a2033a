/** The decoder configuration of Opus: OpusHead of Ogg and RTMP (RFC 7845 §5.1), and `dOps` of CMAF (Opus in ISO BMFF §4.3.2). */

import { BitWriter } from "../../bytes/bit-writer.ts";
import { ByteReader } from "../../bytes/byte-reader.ts";
import { MediaError } from "../../errors.ts";

/** What OpusHead and `dOps` both say. */
export interface OpusConfig {
  /** Channels of the output, 1 to 255. */
  readonly channels: number;
  /** Samples at 48 kHz to throw away at the start. */
  readonly preSkip: number;
  /** Hz, of what was encoded; 0 where unspecified. The output is 48 kHz always. */
  readonly inputSampleRate: number;
  /** Gain to apply, in 1/256 dB, -32768 to 32767. */
  readonly outputGain: number;
  /** 0 mono or stereo, 1 surround in the order of Vorbis, 2 and 3 ambisonics, 255 unspecified. */
  readonly mappingFamily: number;
  /** How streams make channels; absent in family 0. */
  readonly mapping?: OpusChannelMapping;
}

/** The channel mapping table (RFC 7845 §5.1.1). */
export interface OpusChannelMapping {
  /** Streams in each packet. */
  readonly streams: number;
  /** How many of them are stereo. */
  readonly coupledStreams: number;
  /** For each channel its decoded channel, 255 for silence. Of families with a matrix: that. */
  readonly table: Uint8Array;
}

const MAGIC = Uint8Array.from("OpusHead", (letter) => letter.charCodeAt(0));
/** The mapping family whose table is a matrix of 16-bit coefficients (RFC 8486 §3.2). */
const MATRIX_FAMILY = 3;
const SILENCE = 255;

/** Whether the bytes start as OpusHead does; `dOps` never does. */
export function isOpusHead(bytes: Uint8Array): boolean {
  return bytes.byteLength >= MAGIC.byteLength && MAGIC.every((byte, index) => byte === bytes[index]);
}

/**
 * Parses OpusHead, with its magic signature.
 *
 * @throws {MediaError} `TRUNCATED`; `MALFORMED`; `UNSUPPORTED` for a version above 15.
 */
export function parseOpusHead(bytes: Uint8Array): OpusConfig {
  const reader = new ByteReader(bytes, "OpusHead");
  if (!MAGIC.every((byte) => byte === reader.u8())) throw reader.malformed("the signature is missing");
  const version = reader.u8();
  if (version > 15) throw new MediaError("UNSUPPORTED", `OpusHead: version ${version} is unknown, 1 is expected`);
  const channels = reader.u8();
  const preSkip = swap16(reader.u16());
  const inputSampleRate = swap32(reader.u32());
  const outputGain = signed16(swap16(reader.u16()));
  return readMapping(reader, { channels, preSkip, inputSampleRate, outputGain });
}

/**
 * Parses the body of `dOps`.
 *
 * @throws {MediaError} `TRUNCATED`; `MALFORMED`; `UNSUPPORTED` for a version other than 0.
 */
export function parseOpusConfig(bytes: Uint8Array): OpusConfig {
  const reader = new ByteReader(bytes, "dOps");
  const version = reader.u8();
  if (version !== 0) throw new MediaError("UNSUPPORTED", `dOps: version ${version} is unknown, 0 is expected`);
  const channels = reader.u8();
  const preSkip = reader.u16();
  const inputSampleRate = reader.u32();
  const outputGain = signed16(reader.u16());
  return readMapping(reader, { channels, preSkip, inputSampleRate, outputGain });
}

type Fields = Pick<OpusConfig, "channels" | "inputSampleRate" | "outputGain" | "preSkip">;

function readMapping(reader: ByteReader, fields: Fields): OpusConfig {
  const { channels } = fields;
  const mappingFamily = reader.u8();
  if (channels === 0) throw reader.malformed("there are no channels");
  if (mappingFamily === 0) {
    if (channels > 2) throw reader.malformed("mapping family 0 has at most 2 channels");
    return { ...fields, mappingFamily };
  }
  const streams = reader.u8();
  const coupledStreams = reader.u8();
  if (streams === 0 || coupledStreams > streams || streams + coupledStreams > 255) {
    throw reader.malformed("the numbers of streams are impossible");
  }
  const decoded = streams + coupledStreams;
  const matrix = mappingFamily === MATRIX_FAMILY;
  const table = reader.bytes(matrix ? 2 * channels * decoded : channels);
  if (!matrix && table.some((index) => index >= decoded && index !== SILENCE)) {
    throw reader.malformed("a channel is mapped to a stream that does not exist");
  }
  return { ...fields, mappingFamily, mapping: { streams, coupledStreams, table } };
}

/**
 * Writes OpusHead, version 1: the inverse of {@link parseOpusHead}.
 *
 * @throws {MediaError} `INVALID_ARGUMENT` when a field does not fit.
 */
export function writeOpusHead(config: OpusConfig): Uint8Array {
  const writer = new BitWriter("OpusHead").append(MAGIC).bits(1, 8).bits(config.channels, 8);
  writer.bits(swap16(config.preSkip), 16).bits(swap32(config.inputSampleRate), 32);
  writer.bits(swap16(unsigned16(config.outputGain)), 16);
  return writeMapping(writer, config);
}

/**
 * Writes the body of `dOps`: the inverse of {@link parseOpusConfig}.
 *
 * @throws {MediaError} `INVALID_ARGUMENT` when a field does not fit.
 */
export function writeOpusConfig(config: OpusConfig): Uint8Array {
  const writer = new BitWriter("dOps").bits(0, 8).bits(config.channels, 8);
  writer.bits(config.preSkip, 16).bits(config.inputSampleRate, 32).bits(unsigned16(config.outputGain), 16);
  return writeMapping(writer, config);
}

function writeMapping(writer: BitWriter, config: OpusConfig): Uint8Array {
  writer.bits(config.mappingFamily, 8);
  if ((config.mappingFamily === 0) !== (config.mapping === undefined)) {
    throw new MediaError("INVALID_ARGUMENT", "Opus: mapping family 0 has no mapping, all others need one");
  }
  const { mapping } = config;
  if (mapping !== undefined) writer.bits(mapping.streams, 8).bits(mapping.coupledStreams, 8).append(mapping.table);
  return writer.finish();
}

function swap16(value: number): number {
  return ((value & 0xff) << 8) | ((value >> 8) & 0xff);
}

function swap32(value: number): number {
  return swap16(value % 0x10000) * 0x10000 + swap16(Math.floor(value / 0x10000));
}

function signed16(value: number): number {
  return value >= 0x8000 ? value - 0x10000 : value;
}

function unsigned16(value: number): number {
  if (value < -0x8000 || value > 0x7fff)
    throw new MediaError("INVALID_ARGUMENT", "Opus: the gain does not fit 16 bits");
  return value < 0 ? value + 0x10000 : value;
}
