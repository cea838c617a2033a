/** Where each object lies: all that is kept in memory of what is on disk, in typed arrays outside the heap. */

import type { KeyHash } from "./key-hash.ts";

/** Where an object's record lies, and how to begin reading it. */
export interface Place {
  /** Sequence number of the volume with the record. */
  readonly volume: number;
  /** Bytes from the volume's start. */
  readonly offset: number;
  /** Bytes to read for the record's head, and its body where that is `whole`. */
  readonly readBytes: number;
  /** The body follows the head, and is read with it. */
  readonly whole: boolean;
  /** How many volumes before `volume` the body begins: 0 where it is all in one. */
  readonly span: number;
}

/** The sequence numbers of an index's volumes lie within so many of each other. */
export const MAX_VOLUMES = 1024;

/** Entries are allocated in pages of so many. */
const PAGE_BITS = 13;
const PAGE_ENTRIES = 1 << PAGE_BITS;
/** The table is split by the hash, so that growing one part of it takes microseconds and not a pause. */
const SHARDS = 256;
const MAX_HITS = 255;

// Words of an entry. NEXT also chains the free ones.
const WORDS = 8;
const HASH_A = 0;
const HASH_B = 1;
const NEXT = 2;
const OLDER = 3;
const NEWER = 4;
const OFFSET = 5;
const READ_BYTES = 6;
/** slot 12 bits, span 10 bits, hits 8 bits, whole 1 bit. */
const META = 7;
const SLOT_MASK = 0xfff;
const SPAN_SHIFT = 12;
const SPAN_MASK = 0x3ff;
const HITS_SHIFT = 22;
const WHOLE_SHIFT = 30;

/**
 * A hash table of {@link Place}s whose entries are chained by the oldest volume that they need, so that a volume's leaving costs
 * what it held. An entry takes 32 bytes, and 4 to 8 of table. Ids are valid until the entry is removed; 0 is none.
 */
export class DiskIndex {
  readonly #pages: Uint32Array[] = [];
  readonly #shards: Uint32Array[];
  readonly #shardSizes = new Uint32Array(SHARDS);
  /** First entry of each volume's chain, by slot. */
  readonly #chains = new Uint32Array(SLOT_MASK + 1);
  /** Volume of each slot. */
  readonly #sequences = new Float64Array(SLOT_MASK + 1);
  #free = 0;
  #used = 1;
  #size = 0;

  constructor() {
    this.#shards = Array.from({ length: SHARDS }, () => new Uint32Array(16));
  }

  get size(): number {
    return this.#size;
  }

  /** Bytes of memory taken. */
  get bytes(): number {
    let table = 0;
    for (const shard of this.#shards) table += shard.byteLength;
    return table + this.#pages.length * PAGE_ENTRIES * WORDS * 4;
  }

  find({ a, b }: KeyHash): number {
    const shard = this.#shards[a & (SHARDS - 1)]!;
    for (let id = shard[b & (shard.length - 1)]!; id !== 0; id = this.#word(id, NEXT)) {
      if (this.#word(id, HASH_B) === b && this.#word(id, HASH_A) === a) return id;
    }
    return 0;
  }

  /** Where an entry lies. */
  placeOf(id: number): Place {
    const meta = this.#word(id, META);
    return {
      volume: this.#sequences[meta & SLOT_MASK]!,
      offset: this.#word(id, OFFSET),
      readBytes: this.#word(id, READ_BYTES),
      whole: meta >>> WHOLE_SHIFT === 1,
      span: (meta >>> SPAN_SHIFT) & SPAN_MASK,
    };
  }

  hashOf(id: number): KeyHash {
    return { a: this.#word(id, HASH_A), b: this.#word(id, HASH_B) };
  }

  /** The entry of a hash, where it still lies at that place. */
  findAt(hash: KeyHash, { volume, offset }: Place): number {
    const id = this.find(hash);
    if (id === 0 || this.#word(id, OFFSET) !== offset) return 0;
    return this.#sequences[this.#word(id, META) & SLOT_MASK] === volume ? id : 0;
  }

  /** Times the entry was asked for since it was written to its present place; stops counting at 255. */
  hitsOf(id: number): number {
    return (this.#word(id, META) >>> HITS_SHIFT) & MAX_HITS;
  }

  /** Counts hits. @returns all of them. */
  hit(id: number, count = 1): number {
    const before = this.hitsOf(id);
    const hits = Math.min(MAX_HITS, before + count);
    this.#page(id)[this.#at(id) + META]! += (hits - before) << HITS_SHIFT;
    return hits;
  }

  /** Puts an entry in the place of one with the same hash, with no hits yet. */
  set(hash: KeyHash, place: Place, hits = 0): void {
    const before = this.find(hash);
    if (before !== 0) this.remove(before);
    const id = this.#allocate();
    const page = this.#page(id);
    const at = this.#at(id);
    const slot = place.volume & SLOT_MASK;
    page[at + HASH_A] = hash.a;
    page[at + HASH_B] = hash.b;
    page[at + OFFSET] = place.offset;
    page[at + READ_BYTES] = place.readBytes;
    page[at + META] =
      (slot | (place.span << SPAN_SHIFT) | (hits << HITS_SHIFT) | (place.whole ? 1 << WHOLE_SHIFT : 0)) >>> 0;
    this.#sequences[slot] = place.volume;
    const chain = (place.volume - place.span) & SLOT_MASK;
    const newest = this.#chains[chain]!;
    page[at + OLDER] = newest;
    page[at + NEWER] = 0;
    if (newest !== 0) this.#page(newest)[this.#at(newest) + NEWER] = id;
    this.#chains[chain] = id;
    this.#insert(id, hash);
    this.#size += 1;
  }

  remove(id: number): void {
    const { a, b } = this.hashOf(id);
    const shard = this.#shards[a & (SHARDS - 1)]!;
    const bucket = b & (shard.length - 1);
    const next = this.#word(id, NEXT);
    if (shard[bucket] === id) shard[bucket] = next;
    else {
      let previous = shard[bucket]!;
      while (this.#word(previous, NEXT) !== id) previous = this.#word(previous, NEXT);
      this.#page(previous)[this.#at(previous) + NEXT] = next;
    }
    this.#shardSizes[a & (SHARDS - 1)]! -= 1;
    const older = this.#word(id, OLDER);
    const newer = this.#word(id, NEWER);
    if (older !== 0) this.#page(older)[this.#at(older) + NEWER] = newer;
    if (newer !== 0) this.#page(newer)[this.#at(newer) + OLDER] = older;
    else {
      const meta = this.#word(id, META);
      this.#chains[((meta & SLOT_MASK) - ((meta >>> SPAN_SHIFT) & SPAN_MASK)) & SLOT_MASK] = older;
    }
    this.#page(id)[this.#at(id) + NEXT] = this.#free;
    this.#free = id;
    this.#size -= 1;
  }

  /** Entries that need a volume as their oldest, newest first. */
  idsOf(volume: number): number[] {
    const ids: number[] = [];
    for (let id = this.#chains[volume & SLOT_MASK]!; id !== 0; id = this.#word(id, OLDER)) ids.push(id);
    return ids;
  }

  #word(id: number, word: number): number {
    return this.#page(id)[this.#at(id) + word]!;
  }

  #page(id: number): Uint32Array {
    return this.#pages[id >>> PAGE_BITS]!;
  }

  #at(id: number): number {
    return (id & (PAGE_ENTRIES - 1)) * WORDS;
  }

  #allocate(): number {
    if (this.#free !== 0) {
      const id = this.#free;
      this.#free = this.#word(id, NEXT);
      return id;
    }
    const id = this.#used;
    this.#used += 1;
    if (id >>> PAGE_BITS >= this.#pages.length) this.#pages.push(new Uint32Array(PAGE_ENTRIES * WORDS));
    return id;
  }

  #insert(id: number, { a, b }: KeyHash): void {
    const number = a & (SHARDS - 1);
    let shard = this.#shards[number]!;
    if (this.#shardSizes[number]! >= shard.length) shard = this.#grow(number);
    const bucket = b & (shard.length - 1);
    this.#page(id)[this.#at(id) + NEXT] = shard[bucket]!;
    shard[bucket] = id;
    this.#shardSizes[number]! += 1;
  }

  #grow(number: number): Uint32Array {
    const before = this.#shards[number]!;
    const grown = new Uint32Array(before.length * 2);
    for (const first of before) {
      for (let id = first, next = 0; id !== 0; id = next) {
        next = this.#word(id, NEXT);
        const bucket = this.#word(id, HASH_B) & (grown.length - 1);
        this.#page(id)[this.#at(id) + NEXT] = grown[bucket]!;
        grown[bucket] = id;
      }
    }
    this.#shards[number] = grown;
    return grown;
  }
}
