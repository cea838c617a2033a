/**
 * Rate limits of any number of clients in a table of fixed size.
 *
 * Each client is a number to the table: a keyed hash of its address, token or path. The algorithm is GCRA (ITU-T I.371), a leaky bucket that
 * needs one time per client: when it will be back at rest. A client at rest is the same as one never seen, so its place is free.
 *
 * ```
 * hash ─► set (one of entries / 8) ─► 8 places, each { fingerprint: 4 bytes, back at rest at: 8 bytes }
 * ```
 *
 * Which way it errs:
 * - All 8 places of a set taken by clients that are not at rest: the one nearest to rest is forgotten, and so gets its burst again. Heavy
 *   hitters are farthest from rest, and stay. This lets requests pass; it never refuses one.
 * - Two clients with the same set and fingerprint share a limit: for a client, with a probability of at most 8 / 2^32, one in 500 million,
 *   that any of the others in the table is such a one. The hash has a random key, so nobody can look for them.
 */

import { CdnError } from "../../errors.ts";

/** Places of a set. */
const WAYS = 8;
/** Bytes of a place. */
export const BYTES_PER_ENTRY = 12;
/** 262,144 clients that are not at rest, in 3 MiB. */
export const DEFAULT_ENTRIES = 262_144;

/** Options of `GcraTable`. */
export interface GcraTableOptions {
  /** Requests per second. */
  readonly rate: number;
  /** Requests that may come at once from a client at rest. */
  readonly burst: number;
  /** Clients that are kept, rounded up to a power of two. Default 262,144. */
  readonly entries?: number;
}

export class GcraTable {
  readonly #interval: number;
  readonly #tolerance: number;
  readonly #mask: number;
  readonly #fingerprints: Uint32Array;
  readonly #atRest: Float64Array;

  /** @throws {CdnError} `INVALID_OPTION`. */
  constructor({ rate, burst, entries = DEFAULT_ENTRIES }: GcraTableOptions) {
    if (!(rate > 0 && burst >= 1 && entries >= WAYS && entries <= 2 ** 28)) {
      const message = `rate is ${rate}, burst ${burst}, entries ${entries}: give a rate above 0, a burst of 1 or more, 8 to 2^28 entries`;
      throw new CdnError("INVALID_OPTION", message);
    }
    const size = 2 ** Math.ceil(Math.log2(entries));
    this.#interval = 1000 / rate;
    this.#tolerance = (burst - 1) * this.#interval;
    this.#mask = size / WAYS - 1;
    this.#fingerprints = new Uint32Array(size);
    this.#atRest = new Float64Array(size);
  }

  /** Bytes of the table: all it ever takes. */
  get bytes(): number {
    return this.#fingerprints.byteLength + this.#atRest.byteLength;
  }

  /**
   * Counts a request. One that is refused does not count.
   *
   * @param set - 32 bits of the client's hash.
   * @param fingerprint - 32 others.
   * @param now - milliseconds of a steady clock.
   * @returns 0 when it passes, otherwise in how many milliseconds one will.
   */
  take(set: number, fingerprint: number, now: number): number {
    const first = (set & this.#mask) * WAYS;
    const print = fingerprint >>> 0;
    let place = first;
    let least = Number.POSITIVE_INFINITY;
    for (let at = first; at < first + WAYS; at += 1) {
      const atRest = this.#atRest[at]!;
      if (atRest > now && this.#fingerprints[at] === print) {
        const wait = atRest - now - this.#tolerance;
        if (wait > 0) return wait;
        this.#atRest[at] = atRest + this.#interval;
        return 0;
      }
      if (atRest < least) {
        least = atRest;
        place = at;
      }
    }
    this.#fingerprints[place] = print;
    this.#atRest[place] = now + this.#interval;
    return 0;
  }
}
