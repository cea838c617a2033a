/** The error of a text document: where it is wrong. */
import { MediaError, type MediaErrorCode } from "./errors.ts";

/** A {@link MediaError} with its line, with which the message begins too. */
export function documentError(code: MediaErrorCode, line: number, message: string): MediaError {
  return new MediaError(code, `line ${line}: ${message}`, { line });
}
