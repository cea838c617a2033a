/** Box types and brands as 32-bit numbers, which compare faster than strings. */

import { MediaError } from "../errors.ts";

/** @throws {MediaError} `INVALID_ARGUMENT` unless it is four Latin-1 characters. */
export function fourCharacterCode(text: string): number {
  const code =
    ((text.charCodeAt(0) << 24) | (text.charCodeAt(1) << 16) | (text.charCodeAt(2) << 8) | text.charCodeAt(3)) >>> 0;
  if (text.length !== 4 || fourCharacterText(code) !== text) {
    throw new MediaError("INVALID_ARGUMENT", `"${text}" is not a four-character code`);
  }
  return code;
}

export function fourCharacterText(code: number): string {
  return String.fromCharCode(code >>> 24, (code >>> 16) & 0xff, (code >>> 8) & 0xff, code & 0xff);
}
