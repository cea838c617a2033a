/** Which paths are asked for most: counted with a memory of fixed size (Misra and Gries, 1982). */

/** Paths that are counted at a time. */
const MAX_HOT_PATHS = 256;
/** Requests between two fades of which each is counted; of those that follow, one in so many. */
const ALL_COUNTED = 1000;
const SAMPLE = 16;

/** One path, and about how often it was asked for lately. */
export interface HotPath {
  readonly path: string;
  /** At most too low, by the requests of a 256th of all. */
  readonly requests: number;
}

/**
 * Counts. When a new path finds no room, all counts fall by one, and paths at zero leave: each such fall was paid for by as many requests, so
 * a request costs one look-up on average. A path with more than a 257th of all requests is never missing.
 */
export class HotPaths {
  readonly #most: number;
  readonly #counts = new Map<string, number>();
  #seen = 0;

  constructor(most = MAX_HOT_PATHS) {
    this.#most = most;
  }

  /** Counts one request, or leaves it to another to stand for it where there are many. @param target - with or without a query. */
  see(target: string): void {
    this.#seen += 1;
    if (this.#seen > ALL_COUNTED && this.#seen % SAMPLE !== 0) return;
    const query = target.indexOf("?");
    this.count(query === -1 ? target : target.slice(0, query), this.#seen > ALL_COUNTED ? SAMPLE : 1);
  }

  /** @param path - without a query. @param requests - for how many it stands. */
  count(path: string, requests = 1): void {
    const count = this.#counts.get(path);
    if (count !== undefined) this.#counts.set(path, count + requests);
    else if (this.#counts.size < this.#most) this.#counts.set(Buffer.from(path, "latin1").toString("latin1"), requests);
    else this.#fall(requests);
  }

  /** Forgets half of all that was: called every few seconds, it makes counts those of the last while. */
  fade(): void {
    this.#seen = 0;
    for (const [path, count] of this.#counts) {
      const half = count >> 1;
      if (half === 0) this.#counts.delete(path);
      else this.#counts.set(path, half);
    }
  }

  /** The highest counts, the highest first. */
  top(count: number): HotPath[] {
    return [...this.#counts]
      .map(([path, requests]) => ({ path, requests }))
      .sort((a, b) => b.requests - a.requests || (a.path < b.path ? -1 : 1))
      .slice(0, count);
  }

  #fall(by: number): void {
    for (const [path, count] of this.#counts) {
      if (count <= by) this.#counts.delete(path);
      else this.#counts.set(path, count - by);
    }
  }
}
