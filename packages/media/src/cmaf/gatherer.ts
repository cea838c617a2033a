/** Puts together a known number of bytes out of chunks, without a copy when one chunk holds them all. */

/** Memory taken before the bytes are there: a length that merely claims to be large costs no more than this. */
const FIRST_CAPACITY = 64 * 1024;

export class Gatherer {
  #target = 0;
  #buffer = new Uint8Array(0);
  #length = 0;

  /** Bytes still missing. */
  get missing(): number {
    return this.#target - this.#length;
  }

  /** Forgets what it holds and waits for this many bytes. */
  start(target: number): void {
    this.#target = target;
    this.#length = 0;
  }

  /**
   * Takes from `chunk` at `at` what is missing or there.
   *
   * @returns all bytes once they are complete: a view of the chunk, or memory of their own.
   */
  take(chunk: Uint8Array, at: number): Uint8Array | undefined {
    const available = chunk.length - at;
    if (this.#length === 0 && available >= this.#target) return chunk.subarray(at, at + this.#target);
    const count = Math.min(available, this.#target - this.#length);
    this.#reserve(this.#length + count);
    this.#buffer.set(chunk.subarray(at, at + count), this.#length);
    this.#length += count;
    if (this.#length < this.#target) return undefined;
    const gathered = this.#buffer.subarray(0, this.#length);
    // Given away: whoever has it may keep it, so the next bytes need a buffer of their own.
    this.#buffer = new Uint8Array(0);
    return gathered;
  }

  #reserve(needed: number): void {
    if (needed <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.min(this.#target, Math.max(needed, this.#buffer.length * 2, FIRST_CAPACITY)));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
  }
}
