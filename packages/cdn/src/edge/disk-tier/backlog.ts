/** Bytes that wait to be written, of all objects together. */

/** New objects are begun while less than this share of the bound waits; the rest is for those that are begun. */
const BEGIN_SHARE = 0.5;

export class Backlog {
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** There is room to begin another object. */
  get hasRoom(): boolean {
    return this.#bytes < this.#maxBytes * BEGIN_SHARE;
  }

  /** Counts bytes in. False, and not counted, where they are too many. */
  hold(bytes: number): boolean {
    if (this.#bytes + bytes > this.#maxBytes) return false;
    this.#bytes += bytes;
    return true;
  }

  free(bytes: number): void {
    this.#bytes -= bytes;
  }
}
