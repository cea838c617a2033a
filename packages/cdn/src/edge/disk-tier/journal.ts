/**
 * A volume's journal: what was stored in it and what was deleted while it was written, in that order, in entries of one size.
 *
 * An entry is six words in the machine's own byte order: kind and span, hash (2), offset, bytes to read, check. Each is checked on its own,
 * so a torn tail or a rotten page costs the entries in it and no others.
 */

import type { Place } from "./disk-index.ts";
import type { KeyHash } from "./key-hash.ts";

const WORDS = 6;
export const JOURNAL_ENTRY_BYTES = WORDS * 4;

const STORED = 1;
const STORED_WHOLE = 2;
const DELETED = 3;

/** An entry; without a place it says that the key was deleted. */
export interface JournalEntry {
  readonly hash: KeyHash;
  readonly place: Place | undefined;
}

/** Entries for a volume's journal. */
export function encodeJournal(entries: readonly JournalEntry[], volume: number): Uint8Array {
  const words = new Uint32Array(entries.length * WORDS);
  entries.forEach(({ hash, place }, index) => {
    const at = index * WORDS;
    const kind = place === undefined ? DELETED : place.whole ? STORED_WHOLE : STORED;
    words[at] = kind | ((place?.span ?? 0) << 8);
    words[at + 1] = hash.a;
    words[at + 2] = hash.b;
    words[at + 3] = place?.offset ?? 0;
    words[at + 4] = place?.readBytes ?? 0;
    words[at + 5] = check(words, at, volume);
  });
  return new Uint8Array(words.buffer);
}

/**
 * Reads a volume's journal, in order.
 *
 * @param bytes - aligned to four bytes; what is left over at the end is a torn entry.
 * @returns how many entries did not pass their check.
 */
export function replayJournal(bytes: Uint8Array, volume: number, visit: (entry: JournalEntry) => void): number {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.byteLength / 4));
  let bad = 0;
  for (let at = 0; at + WORDS <= words.length; at += WORDS) {
    const kind = words[at]! & 0xff;
    if (words[at + 5] !== check(words, at, volume) || kind < STORED || kind > DELETED) {
      bad += 1;
      continue;
    }
    const hash = { a: words[at + 1]!, b: words[at + 2]! };
    const place = {
      volume,
      offset: words[at + 3]!,
      readBytes: words[at + 4]!,
      whole: kind === STORED_WHOLE,
      span: words[at]! >>> 8,
    };
    visit({ hash, place: kind === DELETED ? undefined : place });
  }
  return bad;
}

/** A checksum of an entry and its volume. A call of crc32 for each entry would be half the time of a restart. */
function check(words: Uint32Array, from: number, volume: number): number {
  let mixed = volume ^ 0x5d1e_7a0b;
  for (let at = from; at < from + WORDS - 1; at += 1) {
    // Multiplying by an odd number and folding can both be undone, so that one word that differs always shows.
    mixed = Math.imul(mixed ^ words[at]!, 0x9e37_79b1);
    mixed ^= mixed >>> 15;
  }
  mixed = Math.imul(mixed, 0x9e37_79b1);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}
