/** What a playlist says beside its segments. */

/** The facts of a stream that all its playlists share. Durations in seconds. */
export interface PlaylistState {
  readonly targetDuration: number;
  readonly partTarget: number;
  /** Nothing will be added any more. */
  readonly ended: boolean;
  /** The publisher is away: what comes next has a new initialisation segment. */
  readonly away: boolean;
}

/** Delta updates skip what is further than this many target durations from the end: the least that is allowed (RFC 8216bis §4.4.3.8). */
export const SKIP_TARGETS = 6;
/** Parts are listed this many target durations back from the end (§4.4.4.9). */
export const PART_TARGETS = 3;
/** Clients of plain HLS stay this many target durations behind the end (§4.4.3.8). */
export const HOLD_BACK_TARGETS = 3;
/**
 * Clients of low-latency HLS stay this many part targets behind the end (§4.4.3.8). Three is the least that is allowed; with parts of
 * 0.2 s that leaves a player that joins on a busy machine, or over a slow line, too little in hand.
 */
export const HOLD_BACK_PARTS = 4;
