/** Journals: torn and rotten ones lose the entries that are hit, and no others. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeJournal, JOURNAL_ENTRY_BYTES, type JournalEntry, replayJournal } from "./journal.ts";

const word = fc.integer({ min: 0, max: 0xffff_ffff });
const VOLUME = 77;
const entry = fc
  .record({
    hash: fc.record({ a: word, b: word }),
    place: fc.option(
      fc.record({
        volume: fc.constant(VOLUME),
        offset: word,
        readBytes: word,
        whole: fc.boolean(),
        span: fc.nat(1023),
      }),
      { nil: undefined },
    ),
  })
  .map((each): JournalEntry => each);
const entries = fc.array(entry, { minLength: 1, maxLength: 30 });

function replay(bytes: Uint8Array, volume = VOLUME): { read: JournalEntry[]; bad: number } {
  const read: JournalEntry[] = [];
  const bad = replayJournal(bytes, volume, (each) => read.push(each));
  return { read, bad };
}

test("a journal is read in the order in which it was written, up to where it is torn", () => {
  fc.assert(
    fc.property(entries, fc.nat(), (written, cut) => {
      const bytes = encodeJournal(written, VOLUME);
      expect(replay(bytes)).toEqual({ read: written, bad: 0 });
      const length = cut % bytes.length;
      const whole = Math.floor(length / JOURNAL_ENTRY_BYTES);
      expect(replay(bytes.slice(0, length))).toEqual({ read: written.slice(0, whole), bad: 0 });
    }),
  );
});

test("a changed bit costs the entry that it is in", () => {
  fc.assert(
    fc.property(entries, fc.nat(), fc.nat(7), (written, at, bit) => {
      const bytes = encodeJournal(written, VOLUME);
      bytes[at % bytes.length]! ^= 1 << bit;
      const hit = Math.floor((at % bytes.length) / JOURNAL_ENTRY_BYTES);
      expect(replay(bytes)).toEqual({ read: written.filter((_, index) => index !== hit), bad: 1 });
    }),
  );
});

test("zeros, which a file may have where the power went, and another volume's journal are no entries", () => {
  fc.assert(
    fc.property(entries, (written) => {
      expect(replay(new Uint8Array(10 * JOURNAL_ENTRY_BYTES)).read).toEqual([]);
      expect(replay(encodeJournal(written, VOLUME + 1)).read).toEqual([]);
    }),
  );
});
