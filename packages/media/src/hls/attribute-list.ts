/** Reads attribute lists strictly (RFC 8216bis §4.2). */

import { parseDateTime } from "../date-time.ts";
import { documentError } from "../document-error.ts";
import type { MediaError } from "../errors.ts";
import type { AttributeValue, ByteRange } from "./media-playlist.ts";
import type { Resolution } from "./multivariant-playlist.ts";
import type { Variables } from "./variables.ts";

/** Attributes of one tag. The longest of the RFC has two dozen; date ranges may bring more of their own. */
const MAX_ATTRIBUTES = 256;

const COMMA = 0x2c;
const QUOTE = 0x22;
const EQUALS = 0x3d;
const DECIMAL_INTEGER = /^[0-9]{1,20}$/;
const DECIMAL = /^[0-9]+(?:\.[0-9]*)?$|^\.[0-9]+$/;
const SIGNED_DECIMAL = /^-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)$/;
const HEXADECIMAL = /^0[xX][0-9A-Fa-f]+$/;

/** A decimal-integer as it stands in a tag. */
export function readInteger(text: string, line: number, what: string): number {
  if (!DECIMAL_INTEGER.test(text))
    throw documentError("MALFORMED", line, `${what} is no decimal-integer: ${show(text)}`);
  const value = Number(text);
  if (!Number.isSafeInteger(value))
    throw documentError("LIMIT_EXCEEDED", line, `${what} is above 2^53 - 1: ${show(text)}`);
  return value;
}

/** A decimal-floating-point as it stands in a tag. */
export function readDecimal(text: string, line: number, what: string): number {
  if (!DECIMAL.test(text))
    throw documentError("MALFORMED", line, `${what} is no decimal-floating-point: ${show(text)}`);
  const value = Number(text);
  if (!(value < 1e15)) throw documentError("LIMIT_EXCEEDED", line, `${what} is not below 10^15: ${show(text)}`);
  return value;
}

/** `n[@o]` of EXT-X-BYTERANGE. */
export function readByteRange(text: string, line: number, what: string): ByteRange {
  const at = text.indexOf("@");
  if (at === -1) return { length: readInteger(text, line, what) };
  return { length: readInteger(text.slice(0, at), line, what), offset: readInteger(text.slice(at + 1), line, what) };
}

/** A text cut to what an error message can show. */
export function show(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text);
}

/** The attributes of one tag. Each reader gives undefined where the attribute is absent, and throws where it has another type. */
export class AttributeList {
  readonly tag: string;
  readonly line: number;
  readonly #variables: Variables;
  readonly #names: string[] = [];
  readonly #values: string[] = [];

  /** @param start - where in `text`, the whole line, the list begins. */
  constructor(tag: string, text: string, start: number, line: number, variables: Variables) {
    this.tag = tag;
    this.line = line;
    this.#variables = variables;
    this.#read(text, start);
  }

  #read(text: string, start: number): void {
    let at = start;
    const end = text.length;
    while (at < end) {
      const nameStart = at;
      while (at < end && isNameCharacter(text.charCodeAt(at))) at += 1;
      if (at === nameStart || text.charCodeAt(at) !== EQUALS) {
        throw this.#malformed(`expected an attribute name and '=' at column ${at + 1}`);
      }
      const name = text.slice(nameStart, at);
      if (this.#names.length === MAX_ATTRIBUTES) {
        throw documentError("LIMIT_EXCEEDED", this.line, `${this.tag} has more than ${MAX_ATTRIBUTES} attributes`);
      }
      if (this.#names.includes(name)) throw this.#malformed(`has ${name} twice`);
      at += 1;
      const valueStart = at;
      if (text.charCodeAt(at) === QUOTE) {
        at = text.indexOf('"', at + 1);
        if (at === -1) throw this.#malformed(`the quotation mark of ${name} is never closed`);
        at += 1;
      } else {
        at = text.indexOf(",", at);
        if (at === -1) at = end;
      }
      const value = text.slice(valueStart, at);
      if (value === "" || (value.charCodeAt(0) !== QUOTE && /["\s]/.test(value))) {
        throw this.#malformed(`the value of ${name} is empty or holds a quotation mark or white space: ${show(value)}`);
      }
      this.#names.push(name);
      this.#values.push(value);
      if (at === end) return;
      if (text.charCodeAt(at) !== COMMA || at + 1 === end)
        throw this.#malformed(`expected ',' and an attribute at column ${at + 1}`);
      at += 1;
    }
    throw this.#malformed("has no attributes");
  }

  /** All names, as they came. */
  get names(): readonly string[] {
    return this.#names;
  }

  /** The value with its quotation marks. */
  #raw(name: string): string | undefined {
    const index = this.#names.indexOf(name);
    return index === -1 ? undefined : this.#values[index];
  }

  #malformed(message: string): MediaError {
    return documentError("MALFORMED", this.line, `${this.tag} ${message}`);
  }

  #required<T>(name: string, value: T | undefined): T {
    if (value === undefined) throw this.#malformed(`needs ${name}`);
    return value;
  }

  has(name: string): boolean {
    return this.#names.includes(name);
  }

  isQuoted(name: string): boolean {
    return this.#raw(name)?.charCodeAt(0) === QUOTE;
  }

  /** A quoted-string, its variables put in. */
  string(name: string): string | undefined {
    const raw = this.#raw(name);
    if (raw === undefined) return undefined;
    if (raw.charCodeAt(0) !== QUOTE) throw this.#malformed(`${name} is no quoted-string: ${show(raw)}`);
    return this.#variables.substitute(raw.slice(1, -1), this.line);
  }

  requiredString(name: string): string {
    return this.#required(name, this.string(name));
  }

  /** A quoted-string that lists. An empty string lists nothing. */
  strings(name: string, separator: string): readonly string[] | undefined {
    const text = this.string(name);
    if (text === undefined) return undefined;
    return text === "" ? [] : text.split(separator).map((item) => (separator === "," ? item.trim() : item));
  }

  /** An enumerated-string. */
  enumerated(name: string): string | undefined {
    const raw = this.#raw(name);
    if (raw?.charCodeAt(0) === QUOTE) throw this.#malformed(`${name} is no enumerated-string: ${show(raw)}`);
    return raw;
  }

  requiredEnumerated(name: string): string {
    return this.#required(name, this.enumerated(name));
  }

  /** An enumerated-string of these alone. */
  oneOf<T extends string>(name: string, values: readonly T[]): T | undefined {
    const text = this.enumerated(name);
    if (text === undefined) return undefined;
    const value = values.find((candidate) => candidate === text);
    if (value === undefined) throw this.#malformed(`${name} is none of ${values.join(", ")}: ${show(text)}`);
    return value;
  }

  requiredOneOf<T extends string>(name: string, values: readonly T[]): T {
    return this.#required(name, this.oneOf(name, values));
  }

  /** YES is true; NO and absence are undefined, which mean the same. */
  yes(name: string): true | undefined {
    return this.oneOf(name, ["YES", "NO"]) === "YES" ? true : undefined;
  }

  integer(name: string): number | undefined {
    const raw = this.#raw(name);
    return raw === undefined ? undefined : readInteger(raw, this.line, `${this.tag} ${name}`);
  }

  requiredInteger(name: string): number {
    return this.#required(name, this.integer(name));
  }

  decimal(name: string): number | undefined {
    const raw = this.#raw(name);
    return raw === undefined ? undefined : readDecimal(raw, this.line, `${this.tag} ${name}`);
  }

  requiredDecimal(name: string): number {
    return this.#required(name, this.decimal(name));
  }

  requiredSignedDecimal(name: string): number {
    const raw = this.#required(name, this.#raw(name));
    if (!SIGNED_DECIMAL.test(raw)) throw this.#malformed(`${name} is no signed-decimal-floating-point: ${show(raw)}`);
    const value = Number(raw) + 0;
    if (!(Math.abs(value) < 1e15))
      throw documentError("LIMIT_EXCEEDED", this.line, `${this.tag} ${name} is not below 10^15`);
    return value;
  }

  /** A hexadecimal-sequence; an odd number of digits has a leading zero left out. */
  hexadecimal(name: string): Uint8Array | undefined {
    const raw = this.#raw(name);
    if (raw === undefined) return undefined;
    const text = this.#variables.substitute(raw, this.line);
    if (!HEXADECIMAL.test(text)) throw this.#malformed(`${name} is no hexadecimal-sequence: ${show(text)}`);
    return fromHexadecimal(text);
  }

  resolution(name: string): Resolution | undefined {
    const raw = this.#raw(name);
    if (raw === undefined) return undefined;
    const match = /^([0-9]{1,9})x([0-9]{1,9})$/.exec(raw);
    if (match === null) throw this.#malformed(`${name} is no decimal-resolution: ${show(raw)}`);
    return { width: Number(match[1]), height: Number(match[2]) };
  }

  /** A quoted date and time, as milliseconds since the Unix epoch. */
  dateTime(name: string): number | undefined {
    const text = this.string(name);
    return text === undefined ? undefined : parseDateTime(text, this.line, `${this.tag} ${name}`);
  }

  /** A quoted `n[@o]`. */
  byteRange(name: string): ByteRange | undefined {
    const text = this.string(name);
    return text === undefined ? undefined : readByteRange(text, this.line, `${this.tag} ${name}`);
  }

  /** Whatever type a client attribute has: quoted-string, hexadecimal-sequence or decimal-floating-point. */
  any(name: string): AttributeValue {
    const raw = this.#required(name, this.#raw(name));
    if (raw.charCodeAt(0) === QUOTE) return this.requiredString(name);
    if (/^0[xX]/.test(raw)) return this.#required(name, this.hexadecimal(name));
    return this.requiredSignedDecimal(name);
  }
}

function isNameCharacter(code: number): boolean {
  return (code >= 0x41 && code <= 0x5a) || (code >= 0x30 && code <= 0x39) || code === 0x2d;
}

function fromHexadecimal(text: string): Uint8Array {
  const digits = text.length % 2 === 0 ? text.slice(2) : `0${text.slice(2)}`;
  const bytes = new Uint8Array(digits.length / 2);
  for (let index = 0; index < bytes.length; index += 1) {
    bytes[index] = Number.parseInt(digits.slice(index * 2, index * 2 + 2), 16);
  }
  return bytes;
}
