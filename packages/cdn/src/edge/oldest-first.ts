/** Queues that are maps or sets: their oldest key, however many left before it. */

/**
 * The keys of a map or set, the oldest first, each to be removed or put to the end before the next one is asked for.
 *
 * An iterator that is kept passes once over the gaps that removed keys leave; a new one would pass over all of them each time.
 */
export class OldestFirst {
  readonly #from: { keys(): Iterator<string, undefined> };
  #iterator: Iterator<string, undefined>;

  constructor(from: { keys(): Iterator<string, undefined> }) {
    this.#from = from;
    this.#iterator = from.keys();
  }

  next(): string | undefined {
    const { done, value } = this.#iterator.next();
    if (!done) return value;
    this.#iterator = this.#from.keys();
    return this.#iterator.next().value;
  }
}
