/** What was found out once and holds for a while, such as that a token is genuine: looked up instead of worked out again. */

/** Entries of one generation, see {@link Remembered}. */
const DEFAULT_REMEMBERED = 32_768;
/** Characters of the keys of one generation. */
const MAX_CHARACTERS = 8 * 1024 * 1024;

/**
 * A bounded map in two generations: when the young one is full it becomes the old one, and what was old and not asked for since is
 * forgotten. That keeps what is in use, like an LRU list, but a look-up of something young changes nothing.
 */
export class Remembered<Value> {
  readonly #maxEntries: number;
  #young = new Map<string, Value>();
  #old = new Map<string, Value>();
  #characters = 0;

  /** @param maxEntries - of one generation: at most twice as many are kept. */
  constructor(maxEntries: number = DEFAULT_REMEMBERED) {
    this.#maxEntries = maxEntries;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(key: string): Value | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) {
      this.#old.delete(key);
      this.set(key, old);
    }
    return old;
  }

  set(key: string, value: Value): void {
    if (this.#young.size >= this.#maxEntries || this.#characters + key.length > MAX_CHARACTERS) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#characters = 0;
    }
    this.#young.set(key, value);
    this.#characters += key.length;
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
    this.#characters = 0;
  }
}
