/** The table of contents of an Opus packet (RFC 6716 §3.1). */

import { MediaError } from "../../errors.ts";

/** Samples per second of every Opus timestamp. */
export const OPUS_SAMPLE_RATE = 48_000;

/** 120 ms, the longest packet (RFC 6716 §3.2.5). */
const MAX_DURATION = 5760;
/** Samples of a frame by configuration: four sizes of SILK, two of hybrid, four of CELT (table 2). */
const SILK = [480, 960, 1920, 2880] as const;
const HYBRID = [480, 960] as const;
const CELT = [120, 240, 480, 960] as const;

/**
 * How long a packet plays, in samples at 48 kHz.
 *
 * @throws {MediaError} `TRUNCATED` when the packet is empty or ends before its frame count; `MALFORMED` above 120 ms, and for no frames.
 */
export function opusPacketDuration(packet: Uint8Array): number {
  const toc = packet[0];
  if (toc === undefined) throw new MediaError("TRUNCATED", "Opus: the packet is empty");
  const duration = frameSamples(toc >> 3) * frameCount(toc & 3, packet);
  if (duration === 0) throw new MediaError("MALFORMED", "Opus: the packet has no frames");
  if (duration > MAX_DURATION) throw new MediaError("MALFORMED", "Opus: the packet plays longer than 120 ms");
  return duration;
}

function frameSamples(configuration: number): number {
  if (configuration < 12) return SILK[configuration & 3]!;
  return configuration < 16 ? HYBRID[configuration & 1]! : CELT[configuration & 3]!;
}

function frameCount(code: number, packet: Uint8Array): number {
  if (code < 3) return code === 0 ? 1 : 2;
  const count = packet[1];
  if (count === undefined) throw new MediaError("TRUNCATED", "Opus: the packet ends before its frame count");
  return count & 0x3f;
}
