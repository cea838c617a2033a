/** Reads the fields of audio and video messages. */

import { IngestError } from "../../errors.ts";

/** A position in a message. Every read past the end is `INVALID_MEDIA`. */
export class TagCursor {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  uint8(): number {
    return this.#bytes[this.#take(1)]!;
  }

  uint16(): number {
    const offset = this.#take(2);
    return (this.#bytes[offset]! << 8) | this.#bytes[offset + 1]!;
  }

  uint24(): number {
    const offset = this.#take(3);
    return (this.#bytes[offset]! << 16) | (this.#bytes[offset + 1]! << 8) | this.#bytes[offset + 2]!;
  }

  int24(): number {
    return (this.uint24() << 8) >> 8;
  }

  fourCc(): string {
    const offset = this.#take(4);
    const bytes = this.#bytes;
    return String.fromCharCode(bytes[offset]!, bytes[offset + 1]!, bytes[offset + 2]!, bytes[offset + 3]!);
  }

  bytes(count: number): Uint8Array {
    const offset = this.#take(count);
    return this.#bytes.subarray(offset, offset + count);
  }

  rest(): Uint8Array {
    return this.bytes(this.remaining);
  }

  #take(count: number): number {
    const offset = this.#offset;
    if (count > this.remaining) throw new IngestError("INVALID_MEDIA", "an audio or video message is cut off");
    this.#offset = offset + count;
    return offset;
  }
}
