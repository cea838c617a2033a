/** The frame header of MPEG audio, whose layer III is MP3 (ISO/IEC 11172-3 §2.4.1.3, ISO/IEC 13818-3). */

import { MediaError } from "../../errors.ts";

/** A frame header of MPEG audio. */
export interface Mp3Header {
  /** 1 MPEG-1, 2 MPEG-2 with half its sample rates, 2.5 with a quarter. */
  readonly version: 1 | 2 | 2.5;
  /** 3 for MP3. */
  readonly layer: 1 | 2 | 3;
  /** Bits per second. */
  readonly bitrate: number;
  /** Hz. */
  readonly sampleRate: number;
  readonly channels: 1 | 2;
  /** Bytes of the frame, its header included. */
  readonly frameLength: number;
  /** Samples per channel of the frame. */
  readonly samples: number;
}

const HEADER_LENGTH = 4;

/** Kilobits per second by index, of MPEG-1 layer I, II, III and of MPEG-2 layer I, the other two. 0 is free format. */
const BITRATES_1: readonly (readonly number[])[] = [
  [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
  [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
  [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
];
const LOW_RATES = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160] as const;
const BITRATES_2: readonly (readonly number[])[] = [
  [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
  LOW_RATES,
  LOW_RATES,
];
const SAMPLE_RATES = [44100, 48000, 32000] as const;

/**
 * Parses the header at the start of the bytes; the frame itself need not be whole.
 *
 * @throws {MediaError} `TRUNCATED`; `MALFORMED` without a syncword and for reserved values; `UNSUPPORTED` for the free format, whose frames do not
 * say how long they are.
 */
export function parseMp3Header(bytes: Uint8Array): Mp3Header {
  if (bytes.byteLength < HEADER_LENGTH) throw new MediaError("TRUNCATED", "MP3: the header ends early");
  const second = bytes[1]!;
  const third = bytes[2]!;
  if (bytes[0] !== 0xff || (second & 0xe0) !== 0xe0) throw malformed("there is no syncword");
  const version = ([2.5, undefined, 2, 1] as const)[(second >> 3) & 3];
  const layer = ([undefined, 3, 2, 1] as const)[(second >> 1) & 3];
  const baseRate = SAMPLE_RATES[(third >> 2) & 3];
  if (version === undefined) throw malformed("the MPEG version is reserved");
  if (layer === undefined) throw malformed("the layer is reserved");
  if (baseRate === undefined) throw malformed("the sample rate is reserved");
  const kilobits = (version === 1 ? BITRATES_1 : BITRATES_2)[layer - 1]![third >> 4];
  if (kilobits === undefined) throw malformed("the bit rate is reserved");
  if (kilobits === 0) throw new MediaError("UNSUPPORTED", "MP3: frames of the free format do not say their length");
  const sampleRate = version === 1 ? baseRate : version === 2 ? baseRate / 2 : baseRate / 4;
  const bitrate = kilobits * 1000;
  const samples = samplesPerFrame(version, layer);
  // Padding is a slot: four bytes in layer I, one in the others.
  const slot = layer === 1 ? 4 : 1;
  const frameLength = (Math.floor((samples / 8 / slot) * (bitrate / sampleRate)) + ((third >> 1) & 1)) * slot;
  const channels = bytes[3]! >> 6 === 3 ? 1 : 2;
  return { version, layer, bitrate, sampleRate, channels, frameLength, samples };
}

function samplesPerFrame(version: number, layer: number): number {
  if (layer === 1) return 384;
  return layer === 3 && version !== 1 ? 576 : 1152;
}

function malformed(message: string): MediaError {
  return new MediaError("MALFORMED", `MP3: ${message}`);
}

/** RFC 6381 codec string: `mp4a.6b` for MPEG-1 audio, `mp4a.69` for MPEG-2 (object types of ISO/IEC 14496-1). */
export function mp3CodecString(header: Pick<Mp3Header, "version">): string {
  return header.version === 1 ? "mp4a.6b" : "mp4a.69";
}
