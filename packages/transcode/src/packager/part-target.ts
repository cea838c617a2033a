/** Chooses the part target of a stream: fixed for its life, because players do not forgive a changing one. */

import type { Packet, Track } from "@ami-streams/media";

/** Every part but the last of a segment is at least this much of the part target (RFC 8216bis §4.4.4.9). */
export const MIN_PART_FILL = 0.85;

const STEP = 0.005;
/** Frame durations that a publisher who comes back may bring: common frame rates, AAC, Opus and MP3 frames. */
const COMMON_FRAMES = [
  1001 / 24000,
  1 / 24,
  1 / 25,
  1001 / 30000,
  1 / 30,
  1 / 50,
  1001 / 60000,
  1 / 60,
  1024 / 48000,
  1024 / 44100,
  0.02,
  1152 / 48000,
  1152 / 44100,
];
/** Timestamps of RTMP are whole milliseconds: a part of N frames may be this much longer than N frames are. Seconds. */
const ROUNDING = 0.001;

/**
 * The part target nearest to 5 % above `partDuration` that whole frames of every track fill by 85 % to 100 %, and if possible those of the
 * usual frame rates too: the publisher may come back with another one.
 *
 * @param partDuration - wanted, in seconds.
 * @param frames - seconds of one frame of each track.
 * @returns seconds, a multiple of 5 ms.
 */
export function choosePartTarget(partDuration: number, frames: readonly number[]): number {
  const preferred = Math.round((partDuration * 1.05) / STEP);
  const longest = Math.max(partDuration * 2, ...frames.map((frame) => frame * 1.05 + ROUNDING));
  let best = preferred;
  let bestScore = -1;
  for (let steps = Math.max(1, Math.round(partDuration / STEP)); steps <= Math.ceil(longest / STEP); steps++) {
    const own = frames.filter((frame) => fills(steps * STEP, frame)).length;
    const common = COMMON_FRAMES.filter((frame) => fills(steps * STEP, frame)).length;
    const score = own * 1000 + common * 10 - Math.abs(steps - preferred) / 100;
    if (score > bestScore) [best, bestScore] = [steps, score];
  }
  return Math.round(best * STEP * 1000) / 1000;
}

/** Seconds of one frame, as the track says or its first packet shows. */
export function frameDuration(track: Track, packet?: Packet): number | undefined {
  if (track.kind === "video" && track.frameRate !== undefined && track.frameRate > 0) return 1 / track.frameRate;
  if (track.kind === "audio" && track.codec === "mp4a.40.2") return 1024 / track.sampleRate;
  return packet === undefined ? undefined : packet.duration / track.timescale;
}

function fills(target: number, frame: number): boolean {
  const count = Math.floor((target - ROUNDING) / frame + 1e-9);
  return count >= 1 && count * frame >= target * (MIN_PART_FILL + 0.005);
}
