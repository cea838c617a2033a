/** Writes bits, most significant first. */

import { MediaError } from "../errors.ts";

/** Names what is written, for the message of a failure, e.g. `avcC`. */
export class BitWriter {
  readonly #subject: string;
  readonly #bytes: number[] = [];
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
    for (let bit = count - 1; bit >= 0; bit--) {
      if (this.#length % 8 === 0) this.#bytes.push(0);
      const one = Math.floor(value / 2 ** bit) % 2;
      this.#bytes[this.#bytes.length - 1]! |= one << (7 - (this.#length % 8));
      this.#length += 1;
    }
    return this;
  }

  flag(value: boolean): this {
    return this.bits(value ? 1 : 0, 1);
  }

  /** Whole bytes, at any position. */
  append(bytes: Uint8Array): this {
    for (const byte of bytes) this.bits(byte, 8);
    return this;
  }

  /** What was written, the last byte filled up with zeros. */
  finish(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}
