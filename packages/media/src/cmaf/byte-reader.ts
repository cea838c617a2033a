/** Reads big-endian fields of one box body; running out of bytes is a MediaError that names the box. */

import { MediaError } from "../errors.ts";
import { fourCharacterText } from "./four-character-code.ts";
import { readUint64 } from "./uint64.ts";

const utf8 = new TextDecoder();

export class ByteReader {
  readonly #name: string;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(name: string, bytes: Uint8Array) {
    this.#name = name;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  u24(): number {
    return (this.u8() << 16) | this.u16();
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  i32(): number {
    return this.#view.getInt32(this.#take(4));
  }

  /** @throws {MediaError} `LIMIT_EXCEEDED` above 2^53 - 1. */
  u64(): number {
    const value = readUint64(this.#view, this.#take(8));
    if (!Number.isSafeInteger(value))
      throw new MediaError("LIMIT_EXCEEDED", `a 64-bit value of "${this.#name}" is above 2^53`);
    return value;
  }

  /** Two's complement. @throws {MediaError} `LIMIT_EXCEEDED` beyond 2^53 - 1 on either side. */
  i64(): number {
    const at = this.#take(8);
    const value = this.#view.getInt32(at) * 2 ** 32 + this.#view.getUint32(at + 4);
    if (!Number.isSafeInteger(value))
      throw new MediaError("LIMIT_EXCEEDED", `a 64-bit value of "${this.#name}" is beyond 2^53`);
    return value;
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8));
  }

  fourCharacters(): string {
    return fourCharacterText(this.u32());
  }

  skip(count: number): void {
    this.#take(count);
  }

  bytes(count: number): Uint8Array {
    const at = this.#take(count);
    return this.#bytes.subarray(at, at + count);
  }

  rest(): Uint8Array {
    return this.bytes(this.remaining);
  }

  /** UTF-8 up to a NUL, which is consumed; a missing one is an error. */
  text(): string {
    const end = this.#bytes.indexOf(0, this.#at);
    if (end < 0) throw new MediaError("TRUNCATED", `a text of "${this.#name}" has no end`);
    const text = utf8.decode(this.#bytes.subarray(this.#at, end));
    this.#at = end + 1;
    return text;
  }

  #take(count: number): number {
    const at = this.#at;
    if (count > this.#bytes.length - at) {
      throw new MediaError("TRUNCATED", `"${this.#name}" ends after ${this.#bytes.length} bytes, within a field`);
    }
    this.#at = at + count;
    return at;
  }
}
