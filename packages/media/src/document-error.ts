/** The error of a text document: where it is wrong. */
import { MediaError, type MediaErrorCode } from "./errors.ts";

/** A playlist or an MPD that cannot be read. The message begins with the line. */
export class DocumentError extends MediaError {
  /** From 1. */
  readonly line: number;

  constructor(code: MediaErrorCode, line: number, message: string, options?: ErrorOptions) {
    super(code, `line ${line}: ${message}`, options);
    this.line = line;
  }
}
