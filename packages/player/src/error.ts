/** The one error class of the player. */

/**
 * What went wrong, stable across versions:
 *
 * - `SOURCE_INVALID`: a source is no http(s), blob or data URL.
 * - `ENGINE_UNSUPPORTED`: this browser plays the source neither by Media Source Extensions nor by itself.
 * - `ENGINE_LOAD_FAILED`: the engine's own script did not load.
 * - `CONTROLS_LOAD_FAILED`: the controls' script did not load; the browser's own controls are shown instead.
 * - `NETWORK`: a playlist, manifest or segment could not be fetched.
 * - `STREAM_OFFLINE`: every source answers, and none has the stream (404, ended, or standing still).
 * - `MEDIA`: the browser could not decode or append the media.
 * - `STALLED`: playback stood still although it should move.
 */
export type PlayerErrorCode =
  | "SOURCE_INVALID"
  | "ENGINE_UNSUPPORTED"
  | "ENGINE_LOAD_FAILED"
  | "CONTROLS_LOAD_FAILED"
  | "NETWORK"
  | "STREAM_OFFLINE"
  | "MEDIA"
  | "STALLED";

/** Thrown by the player's functions, and carried by its `ami-error` event. */
export class PlayerError extends Error {
  override readonly name = "PlayerError";
  readonly code: PlayerErrorCode;
  /** HTTP status that caused it, where there was one. */
  readonly status: number | undefined;

  constructor(code: PlayerErrorCode, message: string, options: { cause?: unknown; status?: number } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = options.status;
  }
}
