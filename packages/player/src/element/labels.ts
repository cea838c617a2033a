/** The words a viewer reads. */

/** All texts of the player's own surface; replace some or all through {@link AmiPlayer.labels}. */
export interface PlayerLabels {
  readonly player: string;
  readonly loading: string;
  readonly waiting: string;
  readonly waitingHint: string;
  readonly error: string;
  readonly unsupported: string;
  readonly retry: string;
  readonly unmute: string;
  /** Before the seconds of latency. */
  readonly behind: string;
}

/** English. */
export const defaultLabels: PlayerLabels = {
  player: "Video player",
  loading: "Loading",
  waiting: "Waiting for the stream",
  waitingHint: "It starts by itself as soon as it is on air.",
  error: "This video cannot be played",
  unsupported: "This browser cannot play this video",
  retry: "Try again",
  unmute: "Tap for sound",
  behind: "Behind live",
};
