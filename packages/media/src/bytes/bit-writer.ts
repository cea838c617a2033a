/** Writes bits, most significant first. */

import { MediaError } from "../errors.ts";

/** Names what is written, for the message of a failure, e.g. `avcC`. */
export class BitWriter {
  readonly #subject: string;
  #bytes = new Uint8Array(64);
  /** Bits written. */
  #length = 0;

  constructor(subject: string) {
    this.#subject = subject;
  }

  /**
   * An unsigned number of 0 to 53 bits.
   *
   * @throws {MediaError} `INVALID_ARGUMENT` when the value does not fit.
   */
  bits(value: number, count: number): this {
    if (!Number.isInteger(value) || value < 0 || value >= 2 ** count) {
      throw new MediaError("INVALID_ARGUMENT", `${this.#subject}: ${value} does not fit its field of ${count} bits`);
    }
    this.#reserve(count);
    for (let bit = count - 1; bit >= 0; bit--) {
      const one = Math.floor(value / 2 ** bit) % 2;
      this.#bytes[this.#length >> 3]! |= one << (7 - (this.#length & 7));
      this.#length += 1;
    }
    return this;
  }

  flag(value: boolean): this {
    return this.bits(value ? 1 : 0, 1);
  }

  /** Whole bytes, at any position. */
  append(bytes: Uint8Array): this {
    if (this.#length % 8 !== 0) {
      for (const byte of bytes) this.bits(byte, 8);
      return this;
    }
    this.#reserve(bytes.byteLength * 8);
    this.#bytes.set(bytes, this.#length / 8);
    this.#length += bytes.byteLength * 8;
    return this;
  }

  /** What was written, the last byte filled up with zeros, in memory of its own. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, Math.ceil(this.#length / 8));
  }

  #reserve(bits: number): void {
    const needed = Math.ceil((this.#length + bits) / 8);
    if (needed <= this.#bytes.byteLength) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.byteLength * 2));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}
