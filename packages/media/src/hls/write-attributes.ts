/** How values are spelled in a playlist (RFC 8216bis §4.2). */
import { MediaError } from "../errors.ts";
import type { AttributeValue } from "./media-playlist.ts";

const FORBIDDEN_IN_QUOTES = /["\p{Cc}]/u;
const CONTROL = /\p{Cc}/u;
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).toUpperCase().padStart(2, "0"));

/** A decimal-integer. */
export function integer(value: number, what: string): number {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new MediaError("INVALID_ARGUMENT", `${what} must be a whole number from 0 on, not ${value}`);
  }
  return value;
}

/** A decimal-floating-point, to the microsecond. Never in exponent form, which HLS has not. */
export function decimal(value: number, what: string): number {
  if (!(value >= 0 && value < 1e15)) {
    throw new MediaError("INVALID_ARGUMENT", `${what} must be a number from 0 on, not ${value}`);
  }
  return round(value);
}

/** A signed-decimal-floating-point, to the microsecond. */
export function signedDecimal(value: number, what: string): number {
  if (!(value > -1e15 && value < 1e15))
    throw new MediaError("INVALID_ARGUMENT", `${what} must be a finite number, not ${value}`);
  return round(value);
}

// Numbers become text without an exponent between 1e-6 and 1e21, so a multiple of a millionth below 1e15 needs no formatter.
function round(value: number): number {
  if (Number.isInteger(value)) return value + 0;
  return Math.abs(value) < 1e9 ? Math.round(value * 1e6) / 1e6 : Math.round(value);
}

/** A quoted-string. */
export function quoted(value: string, what: string): string {
  if (FORBIDDEN_IN_QUOTES.test(value)) {
    throw new MediaError(
      "INVALID_ARGUMENT",
      `${what} must hold no quotation mark, line break or control character: ${JSON.stringify(value)}`,
    );
  }
  return `"${value}"`;
}

/** A quoted-string that lists, separated as the attribute has it. */
export function quotedList(values: readonly string[], separator: string, what: string): string {
  if (values.length === 0) throw new MediaError("INVALID_ARGUMENT", `${what} must list something or be absent`);
  for (const value of values) {
    if (value === "" || value.includes(separator)) {
      throw new MediaError(
        "INVALID_ARGUMENT",
        `an item of ${what} must be neither empty nor hold its separator: ${JSON.stringify(value)}`,
      );
    }
    quoted(value, what);
  }
  return `"${values.join(separator)}"`;
}

/** An enumerated-string. */
export function enumerated(value: string, what: string): string {
  if (value === "" || /[",\s\p{Cc}]/u.test(value)) {
    throw new MediaError(
      "INVALID_ARGUMENT",
      `${what} must hold no quotation mark, comma or white space: ${JSON.stringify(value)}`,
    );
  }
  return value;
}

/** A hexadecimal-sequence. */
export function hexadecimal(bytes: Uint8Array): string {
  if (bytes.length === 0) throw new MediaError("INVALID_ARGUMENT", "a hexadecimal-sequence has at least one digit");
  let text = "0x";
  for (const byte of bytes) text += HEX[byte];
  return text;
}

/** A date/time of ISO 8601, in UTC with milliseconds. */
export function dateTime(milliseconds: number, what: string): string {
  if (!Number.isSafeInteger(milliseconds) || Math.abs(milliseconds) > 8.64e15) {
    throw new MediaError(
      "INVALID_ARGUMENT",
      `${what} must be whole milliseconds since the Unix epoch, not ${milliseconds}`,
    );
  }
  return new Date(milliseconds).toISOString();
}

/** A URI on a line of its own. */
export function uriLine(uri: string): string {
  if (uri === "" || uri.charCodeAt(0) === 0x23 || uri.trim() !== uri || CONTROL.test(uri)) {
    throw new MediaError("INVALID_ARGUMENT", `not a URI that can stand on a line of its own: ${JSON.stringify(uri)}`);
  }
  return uri;
}

/** Text to the end of a line. */
export function lineText(text: string, what: string): string {
  if (CONTROL.test(text))
    throw new MediaError(
      "INVALID_ARGUMENT",
      `${what} must hold no line break or control character: ${JSON.stringify(text)}`,
    );
  return text;
}

/** The value of an attribute that may have any type. */
export function anyValue(value: AttributeValue, what: string): string {
  if (typeof value === "string") return quoted(value, what);
  return typeof value === "number" ? String(signedDecimal(value, what)) : hexadecimal(value);
}
