/** The one error class of this package. */

/**
 * What went wrong, for programs:
 *
 * - `TRUNCATED`: the bytes end before what they announce.
 * - `MALFORMED`: a value or structure that the specification forbids.
 * - `UNSUPPORTED`: legal, but not handled here; the message names it.
 * - `LIMIT_EXCEEDED`: larger than a bound that protects memory or time.
 * - `INVALID_ARGUMENT`: the caller's mistake, not the input's.
 * - `UNKNOWN_TRACK`: a packet of a track that was not announced.
 * - `SOURCE_ENDED`: written to after its end.
 * - `READER_TOO_SLOW`: a reader fell behind too often and was disconnected.
 */
export type MediaErrorCode =
  | "TRUNCATED"
  | "MALFORMED"
  | "UNSUPPORTED"
  | "LIMIT_EXCEEDED"
  | "INVALID_ARGUMENT"
  | "UNKNOWN_TRACK"
  | "SOURCE_ENDED"
  | "READER_TOO_SLOW";

/** Options of {@link MediaError}. */
export interface MediaErrorOptions extends ErrorOptions {
  /** See {@link MediaError.line}. */
  readonly line?: number;
}

/** Every error this package throws. */
export class MediaError extends Error {
  override readonly name = "MediaError";
  /** Stable, for programs; the message is for people. */
  readonly code: MediaErrorCode;
  /** From 1: the line of the playlist or MPD that cannot be read. Absent where no text is read. */
  declare readonly line?: number;

  constructor(code: MediaErrorCode, message: string, options?: MediaErrorOptions) {
    super(message, options);
    this.code = code;
    if (options?.line !== undefined) this.line = options.line;
  }
}
