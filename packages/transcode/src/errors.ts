/** What can go wrong between a publication and the renditions that leave. */

/** Stable names of the failures of this package. Branch on these, never on messages. */
export type TranscodeErrorCode =
  /** An optional peer dependency, or the program behind it, is missing. The message says what to install. */
  | "BACKEND_NOT_INSTALLED"
  /** An option makes no sense. The message names it. */
  | "INVALID_OPTION"
  /** The source has no track that anything can be made of. */
  | "NO_TRACKS"
  /** A codec that this backend can neither decode nor pass through. */
  | "UNSUPPORTED_CODEC"
  /** The encoder process exited although it was not told to. */
  | "ENCODER_EXITED"
  /** The encoder process took media and gave none back for longer than `hangTimeout`. */
  | "ENCODER_HUNG"
  /** The encoder failed more often than its restart policy allows: encoded renditions have ended. */
  | "ENCODER_GAVE_UP"
  /** Encoder and host disagree on their framing: versions differ, or something else wrote to the pipe. */
  | "ENCODER_PROTOCOL"
  /** Renditions disagree on where a segment starts. */
  | "UNALIGNED_KEYFRAMES"
  /** The object is closed. */
  | "CLOSED";

/** The one error class of this package. */
export class TranscodeError extends Error {
  readonly code: TranscodeErrorCode;

  constructor(code: TranscodeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "TranscodeError";
    this.code = code;
  }
}
