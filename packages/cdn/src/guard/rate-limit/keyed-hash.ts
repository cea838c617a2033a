/** 64 bits of a client, keyed so that nobody outside knows which clients share a place. */

import { randomBytes } from "node:crypto";

/** A hash: `set` and `fingerprint`, 32 bits each. Valid until the next call, which writes into the same object. */
export interface KeyedHash {
  set: number;
  fingerprint: number;
}

/** Hashes clients with a key of its own. Not cryptographic: it has to be fast, and only to be unknown. */
export class KeyedHasher {
  readonly #result: KeyedHash = { set: 0, fingerprint: 0 };
  readonly #seedA: number;
  readonly #seedB: number;

  /** @param key - 8 bytes. Default random. */
  constructor(key: Uint8Array = randomBytes(8)) {
    const view = new DataView(key.buffer, key.byteOffset, 8);
    this.#seedA = view.getUint32(0);
    this.#seedB = view.getUint32(4);
  }

  text(text: string): KeyedHash {
    let a = this.#seedA;
    let b = this.#seedB;
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      a = Math.imul(a ^ code, 0x9e3779b1);
      b = Math.imul(b ^ code, 0x5f356495);
      a = (a << 13) | (a >>> 19);
      b = (b << 15) | (b >>> 17);
    }
    return this.#finish(a, b, text.length);
  }

  /** @param kind - sets apart words that mean something else. */
  words(first: number, second: number, kind: number): KeyedHash {
    const a = Math.imul(mixed(this.#seedA ^ first) ^ second, 0x9e3779b1);
    const b = Math.imul(mixed(this.#seedB ^ second) ^ first, 0x5f356495);
    return this.#finish(a, b, kind);
  }

  #finish(a: number, b: number, tweak: number): KeyedHash {
    this.#result.set = mixed(a ^ tweak) ^ mixed(b + this.#seedA);
    this.#result.fingerprint = mixed(b ^ tweak ^ mixed(a + this.#seedB));
    return this.#result;
  }
}

/** MurmurHash3's finalizer: every bit of the input changes half of the output's. */
function mixed(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
