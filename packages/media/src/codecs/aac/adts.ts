/** ADTS, the framing of AAC in MPEG-TS and files: a header before each frame (ISO/IEC 14496-3 §1.A.2). */

import { MediaError } from "../../errors.ts";
import type { AudioSpecificConfigFields } from "./config.ts";
import { AAC_CHANNELS, AAC_SAMPLE_RATES } from "./tables.ts";

/** A header of ADTS. */
export interface AdtsHeader {
  /** Audio object type, 1 to 4: 2 is AAC-LC. */
  readonly objectType: number;
  /** Hz, of the core coder. */
  readonly sampleRate: number;
  /** 1 to 7; 0 where the frame describes its channels itself. */
  readonly channelConfiguration: number;
  /** 7, or 9 with a checksum. */
  readonly headerLength: number;
  /** Bytes of the frame with its header. */
  readonly frameLength: number;
  /** Raw data blocks in the frame, nearly always 1, of 1024 samples each. */
  readonly blocks: number;
}

/** A frame without its header. */
export interface AdtsFrame {
  readonly header: AdtsHeader;
  /** Raw AAC, as a view. */
  readonly data: Uint8Array;
}

const HEADER_LENGTH = 7;
const CHECKSUM_LENGTH = 2;

/**
 * Parses the header at the start of the bytes; the frame itself need not be whole.
 *
 * @throws {MediaError} `TRUNCATED` or `MALFORMED`.
 */
export function parseAdtsHeader(bytes: Uint8Array): AdtsHeader {
  if (bytes.byteLength < HEADER_LENGTH) throw new MediaError("TRUNCATED", "ADTS: the header ends early");
  // 12 bits of syncword, then the MPEG version, then a layer that is always 0.
  if (bytes[0] !== 0xff || (bytes[1]! & 0xf6) !== 0xf0) throw malformed("there is no syncword");
  const sampleRate = AAC_SAMPLE_RATES[(bytes[2]! >> 2) & 0x0f];
  if (sampleRate === undefined) throw malformed("the sample rate is reserved");
  const headerLength = (bytes[1]! & 1) === 1 ? HEADER_LENGTH : HEADER_LENGTH + CHECKSUM_LENGTH;
  const frameLength = ((bytes[3]! & 3) << 11) | (bytes[4]! << 3) | (bytes[5]! >> 5);
  if (frameLength < headerLength) throw malformed("the frame is shorter than its header");
  return {
    objectType: (bytes[2]! >> 6) + 1,
    sampleRate,
    channelConfiguration: ((bytes[2]! & 1) << 2) | (bytes[3]! >> 6),
    headerLength,
    frameLength,
    blocks: (bytes[6]! & 3) + 1,
  };
}

function malformed(message: string): MediaError {
  return new MediaError("MALFORMED", `ADTS: ${message}`);
}

/**
 * The frames of ADTS bytes that begin with a header.
 *
 * @throws {MediaError} `TRUNCATED` when the last frame is not whole; `MALFORMED` where the next header should be and is none; `UNSUPPORTED` for
 * several raw data blocks in one frame.
 */
export function* readAdtsFrames(bytes: Uint8Array): Generator<AdtsFrame, void, undefined> {
  let position = 0;
  while (position < bytes.byteLength) {
    const header = parseAdtsHeader(bytes.subarray(position, position + HEADER_LENGTH));
    if (header.blocks > 1) throw new MediaError("UNSUPPORTED", "ADTS: several raw data blocks in one frame");
    const end = position + header.frameLength;
    if (end > bytes.byteLength) throw new MediaError("TRUNCATED", "ADTS: the last frame is not whole");
    yield { header, data: bytes.subarray(position + header.headerLength, end) };
    position = end;
  }
}

/**
 * What the AudioSpecificConfig for frames with this header says: for `writeAudioSpecificConfig`.
 *
 * @throws {MediaError} `UNSUPPORTED` where the frames describe their channels themselves.
 */
export function audioSpecificConfigFromAdts(header: AdtsHeader): AudioSpecificConfigFields {
  if ((AAC_CHANNELS[header.channelConfiguration] ?? 0) === 0) {
    throw new MediaError("UNSUPPORTED", "ADTS: channels are described in the frames");
  }
  return {
    objectType: header.objectType,
    coreSampleRate: header.sampleRate,
    channelConfiguration: header.channelConfiguration,
  };
}
