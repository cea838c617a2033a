/** Reads bits, most significant first, as codec headers are written. */

import { MediaError } from "../errors.ts";

/** Names what is read, for the message of a failure, e.g. `H.264 SPS`. */
export class BitReader {
  readonly #bytes: Uint8Array;
  readonly #subject: string;
  readonly #length: number;
  /** In bits. */
  #position = 0;

  constructor(bytes: Uint8Array, subject: string) {
    this.#bytes = bytes;
    this.#subject = subject;
    this.#length = bytes.byteLength * 8;
  }

  /** Bits read so far. */
  get position(): number {
    return this.#position;
  }

  /** Bits left. */
  get left(): number {
    return this.#length - this.#position;
  }

  /** An unsigned number of 0 to 32 bits. */
  bits(count: number): number {
    if (count > this.left) throw this.truncated();
    let value = 0;
    let left = count;
    while (left > 0) {
      const used = this.#position & 7;
      const taken = Math.min(8 - used, left);
      const byte = this.#bytes[this.#position >> 3]!;
      value = value * 2 ** taken + ((byte >> (8 - used - taken)) & (0xff >> (8 - taken)));
      this.#position += taken;
      left -= taken;
    }
    return value;
  }

  flag(): boolean {
    return this.bits(1) === 1;
  }

  skip(count: number): void {
    if (count > this.left) throw this.truncated();
    this.#position += count;
  }

  align(): void {
    this.#position = (this.#position + 7) & ~7;
  }

  /** Exp-Golomb, `ue(v)` of H.264 §9.1 and HEVC §9.2. */
  ue(): number {
    let zeros = 0;
    while (!this.flag()) {
      zeros += 1;
      if (zeros > 32) throw this.malformed("an Exp-Golomb number has more than 32 bits");
    }
    const value = 2 ** zeros - 1 + this.bits(zeros);
    if (value > 0xffffffff - 1) throw this.malformed("an Exp-Golomb number exceeds 32 bits");
    return value;
  }

  /** {@link ue}, refusing what the named element may not be. */
  ueUpTo(limit: number, element: string): number {
    const value = this.ue();
    if (value > limit) throw this.malformed(`${element} is ${value}, at most ${limit} is allowed`);
    return value;
  }

  /** Signed Exp-Golomb, `se(v)`. */
  se(): number {
    const value = this.ue();
    return value % 2 === 1 ? (value + 1) / 2 : value === 0 ? 0 : -(value / 2);
  }

  /** Whether syntax follows before the stop bit, `more_rbsp_data()` of H.264 §7.2. */
  moreRbspData(): boolean {
    let last = this.#bytes.byteLength - 1;
    while (last >= 0 && this.#bytes[last] === 0) last -= 1;
    if (last < 0) return false;
    const byte = this.#bytes[last]!;
    const stop = last * 8 + 7 - Math.log2(byte & -byte);
    return this.#position < stop;
  }

  truncated(): MediaError {
    return new MediaError("TRUNCATED", `${this.#subject} ends in the middle of a value`);
  }

  malformed(message: string): MediaError {
    return new MediaError("MALFORMED", `${this.#subject}: ${message}`);
  }
}
