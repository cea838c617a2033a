/** What is remembered of keys: forgotten, the oldest first, where there are too many or they are too long together. */

import { OldestFirst } from "../oldest-first.ts";

/** Entries. */
const MAX_ENTRIES = 16_384;
/** Characters of all keys together: clients choose how long each is. */
const MAX_CHARACTERS = 4 * 1024 * 1024;

/** A `Map` by key with a bound. Setting a key again makes it the newest. */
export class BoundedMemory<Value> {
  readonly #values = new Map<string, Value>();
  readonly #oldest = new OldestFirst(this.#values);
  #characters = 0;

  get size(): number {
    return this.#values.size;
  }

  get(key: string): Value | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: Value): void {
    this.delete(key);
    this.#values.set(key, value);
    this.#characters += key.length;
    while (this.#values.size > MAX_ENTRIES || this.#characters > MAX_CHARACTERS) this.delete(this.#oldest.next()!);
  }

  delete(key: string): void {
    if (this.#values.delete(key)) this.#characters -= key.length;
  }
}
