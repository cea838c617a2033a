/** Keys as 64 bits, which is all that memory and journals keep of them; the record has the key itself. */

import { hash } from "node:crypto";

/** Two unsigned 32-bit words. */
export interface KeyHash {
  readonly a: number;
  readonly b: number;
}

/**
 * Hashes keys with a folder's secret, so that nobody can choose keys that collide. Two keys that collide all the same take each
 * other's place, and are told apart by the key in the record.
 */
export function createKeyHash(secret: string): (key: string) => KeyHash {
  return (key) => {
    const hex = hash("sha256", secret + key, "hex");
    return { a: Number.parseInt(hex.slice(0, 8), 16), b: Number.parseInt(hex.slice(8, 16), 16) };
  };
}
