/** How often keys were asked for lately, in a few bytes each (count-min sketch with halving, as TinyLFU has it). */

/** Counters stop here; a key that is asked for more often is as good as one that is asked for this often. */
const MAX_COUNT = 15;
const ROWS = 4;
const MULTIPLIERS = [0x9e3779b1, 0x85ebca6b, 0xc2b2ae35, 0x27d4eb2f] as const;
/** Keys that the smallest sketch is for. */
const MIN_KEYS = 1024;
/** All counts are halved after so many additions per key that it is for: what was asked for then counts less and less. */
const ADDITIONS_PER_KEY = 4;

/** Never tells less than was added, but for the halving; sometimes more, where keys share all their counters. */
export class FrequencySketch {
  #counts = new Uint8Array(MIN_KEYS * ROWS);
  #keys = MIN_KEYS;
  #additions = 0;

  /** How often a key was asked for, 0 to 15. */
  of(hash: number): number {
    const counts = this.#counts;
    const mask = this.#keys - 1;
    const one = counts[place(hash, 0, mask)]!;
    const two = counts[place(hash, 1, mask)]!;
    const three = counts[place(hash, 2, mask)]!;
    const four = counts[place(hash, 3, mask)]!;
    return Math.min(one, two, three, four);
  }

  add(hash: number): void {
    const least = this.of(hash);
    if (least < MAX_COUNT) this.#raise(hash, least);
    this.#additions += 1;
    if (this.#additions >= this.#keys * ADDITIONS_PER_KEY) this.#halve();
  }

  /** Makes it large enough for so many keys; what it knows stays. */
  fit(keys: number): void {
    while (this.#keys < keys) {
      const { length } = this.#counts;
      const wider = new Uint8Array(length * 2);
      // A key's counter is at its place, or that far behind it, where the other half says the same.
      wider.set(this.#counts);
      wider.set(this.#counts, length);
      this.#counts = wider;
      this.#keys *= 2;
    }
  }

  #raise(hash: number, least: number): void {
    const counts = this.#counts;
    const mask = this.#keys - 1;
    for (let row = 0; row < ROWS; row += 1) {
      const at = place(hash, row, mask);
      if (counts[at] === least) counts[at] = least + 1;
    }
  }

  #halve(): void {
    this.#additions = 0;
    const fours = new Uint32Array(this.#counts.buffer);
    for (let at = 0; at < fours.length; at += 1) fours[at] = (fours[at]! >>> 1) & 0x07070707;
  }
}

function place(hash: number, row: number, mask: number): number {
  const mixed = Math.imul(hash, MULTIPLIERS[row]!);
  return ((mixed ^ (mixed >>> 15)) & mask) * ROWS + row;
}

/** A 32-bit hash of a key (FNV-1a), other for each seed: clients choose keys, and must not choose collisions. */
export function hashKey(key: string, seed: number): number {
  let hash = seed | 0;
  for (let at = 0; at < key.length; at += 1) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  return hash ^ (hash >>> 15);
}
