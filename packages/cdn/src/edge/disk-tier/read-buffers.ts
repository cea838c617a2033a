/** Buffers that slices are read into: used again and again, and bounded together. */

/** Reading ahead stops when so much of the bound is lent. */
const READ_AHEAD_SHARE = 0.5;
/** Unused buffers kept, as a share of the bound. */
const KEPT_SHARE = 0.25;

export class ReadBuffers {
  /** Bytes of each. */
  readonly size: number;
  readonly #most: number;
  readonly #kept: number;
  readonly #unused: Buffer[] = [];
  readonly #waiting: ((buffer: Buffer) => void)[] = [];
  #lent = 0;

  constructor(size: number, maxBytes: number) {
    this.size = size;
    this.#most = Math.max(2, Math.floor(maxBytes / size));
    this.#kept = Math.max(2, Math.floor(this.#most * KEPT_SHARE));
  }

  /** Bytes that are with readers, or with clients. */
  get lentBytes(): number {
    return this.#lent * this.size;
  }

  /** How many wait for a buffer. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** A buffer, as soon as there is one. */
  take(): Buffer | Promise<Buffer> {
    if (this.#lent < this.#most) return this.#lend();
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  /** A buffer to read ahead into, where there are plenty. */
  takeSpare(): Buffer | undefined {
    return this.isCrowded ? undefined : this.#lend();
  }

  /** So many are lent that the rest is for those who need one. */
  get isCrowded(): boolean {
    return this.#lent >= this.#most * READ_AHEAD_SHARE;
  }

  /** Takes a buffer back, to be used again. */
  give(buffer: Buffer): void {
    if (this.#unused.length < this.#kept) this.#unused.push(buffer);
    this.forget();
  }

  /** Counts one as back that somebody may still look at. */
  forget(): void {
    this.#lent -= 1;
    const next = this.#waiting.shift();
    next?.(this.#lend());
  }

  /** One to write from, which does not count as lent; {@link recycle} takes it back. */
  unused(): Buffer {
    return this.#unused.pop() ?? Buffer.allocUnsafeSlow(this.size);
  }

  recycle(buffer: Buffer): void {
    if (this.#unused.length < this.#kept) this.#unused.push(buffer);
  }

  #lend(): Buffer {
    this.#lent += 1;
    return this.unused();
  }
}
