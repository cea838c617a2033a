/** Keeps a live player near its target latency by playing a little faster, or jumping when it is far off. No I/O, no timers. */

/** What {@link liveSync} looks at. Seconds. */
export interface LiveSyncInput {
  readonly latency: number;
  readonly targetLatency: number;
  readonly bufferAhead: number;
}

/** Playback rate to set, and whether to jump to the live edge instead. */
export interface LiveSyncOutput {
  readonly rate: number;
  readonly seek: boolean;
}

/** Within this many seconds of the target nothing is done. */
const LATENCY_TOLERANCE = 0.08;
/** Further behind than this many seconds, catching up by rate would take too long: jump. */
export const MAX_CATCH_UP = 4;
/** Faster than this is audible. */
export const MAX_LIVE_RATE = 1.25;

/**
 * hls.js has a controller of its own, but it only acts with more than a second of buffer ahead, which a low-latency player with a
 * 0.6 s hold-back never has. This one asks for a part or so, and speeds up less the thinner the buffer is.
 */
export function liveSync({ latency, targetLatency, bufferAhead }: LiveSyncInput): LiveSyncOutput {
  const behind = latency - targetLatency;
  if (behind > MAX_CATCH_UP) return { rate: 1, seek: true };
  if (behind <= LATENCY_TOLERANCE) return { rate: 1, seek: false };
  const safe = Math.min(0.3, targetLatency / 2);
  if (bufferAhead <= safe) return { rate: 1, seek: false };
  const byDistance = 1 + Math.min(MAX_LIVE_RATE - 1, behind * 0.2);
  const byBuffer = 1 + (bufferAhead - safe) * 0.5;
  return { rate: Math.round(Math.min(byDistance, byBuffer, MAX_LIVE_RATE) * 100) / 100, seek: false };
}
