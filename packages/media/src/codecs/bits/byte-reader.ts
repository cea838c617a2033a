/** Reads the big-endian fields of configuration records. */

import { MediaError } from "../../errors.ts";

/** Names what is read, for the message of a failure, e.g. `avcC`. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #subject: string;
  #position = 0;

  constructor(bytes: Uint8Array, subject: string) {
    this.#bytes = bytes;
    this.#subject = subject;
  }

  get left(): number {
    return this.#bytes.byteLength - this.#position;
  }

  u8(): number {
    if (this.left < 1) throw this.#truncated();
    const value = this.#bytes[this.#position]!;
    this.#position += 1;
    return value;
  }

  u16(): number {
    return this.u8() * 0x100 + this.u8();
  }

  u32(): number {
    return this.u16() * 0x10000 + this.u16();
  }

  /** A view, not a copy. */
  bytes(count: number): Uint8Array {
    if (this.left < count) throw this.#truncated();
    const value = this.#bytes.subarray(this.#position, this.#position + count);
    this.#position += count;
    return value;
  }

  /** What is left, as a view. */
  rest(): Uint8Array {
    return this.bytes(this.left);
  }

  malformed(message: string): MediaError {
    return new MediaError("MALFORMED", `${this.#subject}: ${message}`);
  }

  #truncated(): MediaError {
    return new MediaError("TRUNCATED", `${this.#subject} ends in the middle of a field`);
  }
}
