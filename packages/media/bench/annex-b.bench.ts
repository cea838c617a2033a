/**
 * Annex B to 4-byte lengths and back, in access units of 1.2 kB (a P-frame of 300 kb/s), 10 kB (2.5 Mb/s) and 200 kB (a keyframe of 4K).
 *
 * Peers: the same by a loop over single bytes, as one writes it first, and what mediabunny has inside for its own muxer.
 */

import {
  concatNalUnitsInLengthPrefixed,
  iterateNalUnitsInAnnexB,
} from "../node_modules/mediabunny/dist/modules/src/codec-data.js";
import { annexBToLengthPrefixed, lengthPrefixedToAnnexB } from "../src/index.ts";

const ROUNDS = 9;
const BYTES_PER_ROUND = 20_000_000;

/** An access unit of an access unit delimiter and four slices, whose bytes are as random as CABAC's. */
function accessUnit(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let state = 1;
  for (let at = 0; at < size; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[at] = Math.max(1, state >>> 24);
    // Zeros as often as random bytes have them, but never two.
    if (state >>> 24 === 0 && bytes[at - 1] !== 0) bytes[at] = 0;
  }
  bytes.set([0, 0, 0, 1, 0x09, 0xf0], 0);
  for (let slice = 0; slice < 4; slice++)
    bytes.set([0, 0, 0, 1, 0x41, 0x9a], 6 + Math.floor((slice * (size - 20)) / 4));
  return bytes;
}

function byteByByte(annexB: Uint8Array): Uint8Array {
  const nalUnits: Uint8Array[] = [];
  let start = -1;
  for (let at = 0; at < annexB.length; at++) {
    if (annexB[at] === 0 && annexB[at + 1] === 0 && annexB[at + 2] === 1) {
      if (start >= 0) nalUnits.push(annexB.slice(start, annexB[at - 1] === 0 ? at - 1 : at));
      start = at + 3;
    }
  }
  if (start >= 0) nalUnits.push(annexB.slice(start));
  const sample = new Uint8Array(nalUnits.reduce((sum, { length }) => sum + 4 + length, 0));
  let position = 0;
  for (const nalUnit of nalUnits) {
    new DataView(sample.buffer).setUint32(position, nalUnit.length);
    sample.set(nalUnit, position + 4);
    position += 4 + nalUnit.length;
  }
  return sample;
}

function mediabunny(annexB: Uint8Array): Uint8Array {
  const nalUnits: Uint8Array[] = [];
  for (const { offset, length } of iterateNalUnitsInAnnexB(annexB))
    nalUnits.push(annexB.subarray(offset, offset + length));
  return concatNalUnitsInLengthPrefixed(nalUnits, 4);
}

type Convert = (bytes: Uint8Array) => Uint8Array;

/** Best of all rounds for each, taken in turns: what else runs on the machine hits all alike. */
function gigabytesPerSecond(conversions: readonly (readonly [Convert, Uint8Array])[]): number[] {
  const best = conversions.map(() => 0);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [which, [convert, bytes]] of conversions.entries()) {
      const count = Math.ceil(BYTES_PER_ROUND / bytes.byteLength);
      const started = performance.now();
      for (let index = 0; index < count; index++) convert(bytes);
      const rate = (count * bytes.byteLength) / (performance.now() - started) / 1e6;
      best[which] = Math.max(best[which]!, rate);
    }
  }
  return best;
}

console.log(`best of ${ROUNDS} rounds of ${BYTES_PER_ROUND / 1e6} MB, GB/s`);
const rows: Record<string, Record<string, string>> = {};
for (const size of [1_200, 10_000, 200_000]) {
  const annexB = accessUnit(size);
  const sample = annexBToLengthPrefixed(annexB);
  if (Buffer.compare(sample, byteByByte(annexB)) !== 0) throw new Error("the conversions differ");
  const [ours, single, peer, back] = gigabytesPerSecond([
    [(bytes) => annexBToLengthPrefixed(bytes), annexB],
    [byteByByte, annexB],
    [mediabunny, annexB],
    [(bytes) => lengthPrefixedToAnnexB(bytes), sample],
  ]);
  rows[`${size} bytes`] = {
    annexBToLengthPrefixed: ours!.toFixed(2),
    "byte by byte": single!.toFixed(2),
    mediabunny: peer!.toFixed(2),
    "ours / mediabunny": (ours! / peer!).toFixed(2),
    lengthPrefixedToAnnexB: back!.toFixed(2),
  };
}
console.table(rows);
