/** Records: what was written is read, and nothing else. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeRecord, encodeRecord, SLICE_WORDS, sliceCount } from "./record.ts";

const word = fc.integer({ min: 0, max: 0xffff_ffff });
const record = fc
  .record({
    key: fc.string({ unit: "grapheme", maxLength: 40 }),
    head: fc.uint8Array({ maxLength: 60 }),
    length: fc.oneof(fc.nat(5000), fc.constant(2 ** 33 + 5)),
    words: fc.array(word, { minLength: 30, maxLength: 30 }),
  })
  .map(({ key, head, length, words }) => {
    const sliceBytes = length > 5000 ? 2 ** 30 : 512;
    const slices = words.slice(0, sliceCount(length, sliceBytes) * SLICE_WORDS);
    while (slices.length < sliceCount(length, sliceBytes) * SLICE_WORDS) slices.push(7);
    return { key, head, length, sliceBytes, slices };
  });

test("a record is read as it was written, with what follows it", () => {
  fc.assert(
    fc.property(record, word, word, fc.nat(50), (written, volume, offset, more) => {
      const bytes = encodeRecord(written, volume, offset);
      const read = decodeRecord(Buffer.concat([bytes, Buffer.alloc(more, 0xff)]), volume, offset);
      expect(read).toEqual({ ...written, bytes: bytes.length });
    }),
  );
});

test("a record with any bit changed, cut short or found in another place is none", () => {
  fc.assert(
    fc.property(record, word, word, fc.nat(), fc.nat(7), (written, volume, offset, at, bit) => {
      const bytes = encodeRecord(written, volume, offset);
      expect(decodeRecord(bytes, volume, (offset + 1) >>> 0)).toBeUndefined();
      expect(decodeRecord(bytes, (volume + 1) >>> 0, offset)).toBeUndefined();
      expect(decodeRecord(bytes.subarray(0, at % bytes.length), volume, offset)).toBeUndefined();
      bytes[at % bytes.length]! ^= 1 << bit;
      expect(decodeRecord(bytes, volume, offset)).toBeUndefined();
    }),
  );
});

test("no bytes make the reading of a record fail", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(decodeRecord(Buffer.from(bytes), 1, 0)).toBeUndefined();
    }),
  );
});
