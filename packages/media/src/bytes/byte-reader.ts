/** Reads the big-endian fields of boxes and configuration records; running out of bytes is a MediaError that names them. */

import { MediaError } from "../errors.ts";
import { readUint64 } from "./uint64.ts";

const utf8 = new TextDecoder();

/** A position in bytes. Names what is read, for the message of a failure, e.g. `avcC`. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #subject: string;
  #at = 0;

  constructor(bytes: Uint8Array, subject: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#subject = subject;
  }

  /** Bytes left. */
  get left(): number {
    return this.#bytes.byteLength - this.#at;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  i32(): number {
    return this.#view.getInt32(this.#take(4));
  }

  /** @throws {MediaError} `LIMIT_EXCEEDED` above 2^53 - 1. */
  u64(): number {
    return this.#safe(readUint64(this.#view, this.#take(8)));
  }

  /** Two's complement. @throws {MediaError} `LIMIT_EXCEEDED` beyond 2^53 - 1 on either side. */
  i64(): number {
    const at = this.#take(8);
    return this.#safe(this.#view.getInt32(at) * 2 ** 32 + this.#view.getUint32(at + 4));
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8));
  }

  skip(count: number): void {
    this.#take(count);
  }

  /** A view, not a copy. */
  bytes(count: number): Uint8Array {
    const at = this.#take(count);
    return this.#bytes.subarray(at, at + count);
  }

  /** What is left, as a view. */
  rest(): Uint8Array {
    return this.bytes(this.left);
  }

  /** UTF-8 up to a NUL, which is consumed; a missing one is an error. */
  text(): string {
    const end = this.#bytes.indexOf(0, this.#at);
    if (end < 0) throw new MediaError("TRUNCATED", `${this.#subject}: a text has no end`);
    const text = utf8.decode(this.#bytes.subarray(this.#at, end));
    this.#at = end + 1;
    return text;
  }

  malformed(message: string): MediaError {
    return new MediaError("MALFORMED", `${this.#subject}: ${message}`);
  }

  #safe(value: number): number {
    if (Number.isSafeInteger(value)) return value;
    throw new MediaError("LIMIT_EXCEEDED", `${this.#subject}: a 64-bit value is beyond 2^53`);
  }

  #take(count: number): number {
    const at = this.#at;
    if (count > this.left) {
      throw new MediaError("TRUNCATED", `${this.#subject} ends after ${this.#bytes.byteLength} bytes, within a field`);
    }
    this.#at = at + count;
    return at;
  }
}
