/** What a request counts for: the folders of its path, as many as are told, and not too many different ones. */

/** Folders that requests are counted by. `/live/demo/720p/1.m4s` counts for `live/demo/720p`. */
export const DEFAULT_SEGMENTS = 3;
/** Different ones that are counted. */
export const DEFAULT_MAX_RENDITIONS = 100;
/** For which all others count. */
const OTHER_RENDITION = "other";

/** The folders of a target, at most `segments`; `/` for what lies at the root. */
export function foldersOf(segments: number): (target: string) => string {
  return (target) => {
    let end = target.indexOf("?");
    if (end === -1) end = target.length;
    let slash = 0;
    for (let count = 0; count < segments; count += 1) {
      const next = target.indexOf("/", slash + 1);
      if (next === -1 || next >= end) break;
      slash = next;
    }
    return slash === 0 ? "/" : target.slice(1, slash);
  };
}

/**
 * Something for each of the first names that come, and one thing for all others.
 *
 * Names that clients make up must not use up the room: only those that were answered well are to be taken in.
 */
export class BoundedNames<T> {
  readonly #make: (name: string) => T;
  /** How many have one of their own. Fewer: those that have one keep it. */
  most: number;
  readonly #other: T;
  readonly #all = new Map<string, T>();

  constructor(most: number, make: (name: string) => T) {
    this.most = most;
    this.#make = make;
    this.#other = make(OTHER_RENDITION);
  }

  /** @param known - whether a new name may be taken in. */
  of(name: string, known: boolean): T {
    const found = this.#all.get(name);
    if (found !== undefined) return found;
    if (!known || this.#all.size >= this.most) return this.#other;
    // A slice would keep alive the whole that it was cut from.
    const own = Buffer.from(name, "latin1").toString("latin1");
    const made = this.#make(own);
    this.#all.set(own, made);
    return made;
  }

  /** All of them, the one for others last. */
  *values(): IterableIterator<T> {
    yield* this.#all.values();
    yield this.#other;
  }
}
