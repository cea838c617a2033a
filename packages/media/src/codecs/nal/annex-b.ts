/** NAL units in their two framings: start codes (Annex B of H.264 and HEVC) and length prefixes (ISO 14496-15). */

import { MediaError } from "../../errors.ts";

/** Bytes of a NAL unit's length in samples of this suite. */
export const NAL_LENGTH_SIZE = 4;

/**
 * Where the next `00 00 01` begins at or after `from`, or the end of the bytes.
 *
 * Looks at every third byte only: a start code cannot hide between.
 */
function findStartCode(bytes: Uint8Array, from: number): number {
  const end = bytes.byteLength - 2;
  let at = from;
  while (at < end) {
    const third = bytes[at + 2]!;
    if (third > 1) at += 3;
    else if (third === 0) at += 1;
    else if (bytes[at + 1] === 0 && bytes[at] === 0) return at;
    else at += 3;
  }
  return bytes.byteLength;
}

/** Where a NAL unit ends that is followed by a start code at `next`: zeros before that belong to it (H.264 §7.4.1). */
function endOfNalUnit(bytes: Uint8Array, start: number, next: number): number {
  let end = next;
  while (end > start && bytes[end - 1] === 0) end -= 1;
  return end;
}

/** Start and end of each NAL unit, one after the other. */
function findNalUnits(bytes: Uint8Array, keep: ((nalUnit: Uint8Array) => boolean) | undefined): number[] {
  const bounds: number[] = [];
  let start = findStartCode(bytes, 0) + 3;
  while (start < bytes.byteLength) {
    const next = findStartCode(bytes, start);
    const end = endOfNalUnit(bytes, start, next);
    if (end > start && (keep === undefined || keep(bytes.subarray(start, end)))) bounds.push(start, end);
    start = next + 3;
  }
  return bounds;
}

/**
 * The NAL units of an Annex B byte stream, as views without start codes. Empty ones and what comes before the first start code are left out.
 *
 * Still escaped: see {@link unescapeNalUnit}.
 */
export function* readNalUnits(annexB: Uint8Array): Generator<Uint8Array, void, undefined> {
  let start = findStartCode(annexB, 0) + 3;
  while (start < annexB.byteLength) {
    const next = findStartCode(annexB, start);
    const end = endOfNalUnit(annexB, start, next);
    if (end > start) yield annexB.subarray(start, end);
    start = next + 3;
  }
}

/**
 * The NAL units of a length-prefixed sample, as views.
 *
 * @param lengthSize - bytes of each length, 1 to 4. Default 4.
 * @throws {MediaError} `TRUNCATED` when a length exceeds what is left.
 */
export function* readLengthPrefixedNalUnits(
  sample: Uint8Array,
  lengthSize: number = NAL_LENGTH_SIZE,
): Generator<Uint8Array, void, undefined> {
  checkLengthSize(lengthSize);
  let position = 0;
  while (position < sample.byteLength) {
    const start = position + lengthSize;
    position = start + readLength(sample, position, lengthSize);
    if (position > start) yield sample.subarray(start, position);
  }
}

/**
 * Turns an Annex B access unit into a sample with 4-byte lengths, as CMAF carries it. A new array, whatever the input.
 *
 * @param keep - leave out the NAL units it refuses, e.g. parameter sets and access unit delimiters. Default: all stay.
 */
export function annexBToLengthPrefixed(annexB: Uint8Array, keep?: (nalUnit: Uint8Array) => boolean): Uint8Array {
  const bounds = findNalUnits(annexB, keep);
  let size = 0;
  for (let index = 0; index < bounds.length; index += 2) {
    size += NAL_LENGTH_SIZE + bounds[index + 1]! - bounds[index]!;
  }
  const sample = new Uint8Array(size);
  let position = 0;
  for (let index = 0; index < bounds.length; index += 2) {
    const start = bounds[index]!;
    const end = bounds[index + 1]!;
    const length = end - start;
    sample[position] = length >>> 24;
    sample[position + 1] = length >>> 16;
    sample[position + 2] = length >>> 8;
    sample[position + 3] = length;
    position += NAL_LENGTH_SIZE;
    sample.set(annexB.subarray(start, end), position);
    position += length;
  }
  return sample;
}

/**
 * Turns a length-prefixed sample into an Annex B access unit with 4-byte start codes. A new array, whatever the input.
 *
 * @param lengthSize - bytes of each length in the sample, 1 to 4. Default 4.
 * @param prefix - NAL units to put first, e.g. the parameter sets of a keyframe. Default none.
 * @throws {MediaError} `TRUNCATED` when a length exceeds what is left.
 */
export function lengthPrefixedToAnnexB(
  sample: Uint8Array,
  lengthSize: number = NAL_LENGTH_SIZE,
  prefix: readonly Uint8Array[] = [],
): Uint8Array {
  checkLengthSize(lengthSize);
  let size = 0;
  for (const nalUnit of prefix) size += 4 + nalUnit.byteLength;
  for (let position = 0; position < sample.byteLength; ) {
    const length = readLength(sample, position, lengthSize);
    if (length > 0) size += 4 + length;
    position += lengthSize + length;
  }
  const annexB = new Uint8Array(size);
  let written = 0;
  for (const nalUnit of prefix) {
    annexB[written + 3] = 1;
    annexB.set(nalUnit, written + 4);
    written += 4 + nalUnit.byteLength;
  }
  for (let position = 0; position < sample.byteLength; ) {
    const length = readLength(sample, position, lengthSize);
    const start = position + lengthSize;
    position = start + length;
    if (length === 0) continue;
    annexB[written + 3] = 1;
    annexB.set(sample.subarray(start, position), written + 4);
    written += 4 + length;
  }
  return annexB;
}

function readLength(sample: Uint8Array, position: number, lengthSize: number): number {
  const end = position + lengthSize;
  if (end > sample.byteLength)
    throw new MediaError("TRUNCATED", "the sample ends in the middle of a NAL unit's length");
  let length = 0;
  for (let at = position; at < end; at++) length = length * 0x100 + sample[at]!;
  if (length > sample.byteLength - end) {
    throw new MediaError("TRUNCATED", `a NAL unit of ${length} bytes, but ${sample.byteLength - end} are left`);
  }
  return length;
}

function checkLengthSize(lengthSize: number): void {
  if (!Number.isInteger(lengthSize) || lengthSize < 1 || lengthSize > 4) {
    throw new MediaError("INVALID_ARGUMENT", `lengths of NAL units have 1 to 4 bytes, not ${lengthSize}`);
  }
}

/**
 * Removes the emulation prevention bytes, `00 00 03` → `00 00` (H.264 §7.3.1, HEVC §7.3.1.1). Returns the same array when there are none.
 */
export function unescapeNalUnit(nalUnit: Uint8Array): Uint8Array {
  let result: Uint8Array | undefined;
  let written = 0;
  let copied = 0;
  for (let at = 2; at < nalUnit.byteLength; ) {
    const byte = nalUnit[at]!;
    if (byte === 0) {
      at += 1;
      continue;
    }
    if (byte === 3 && nalUnit[at - 1] === 0 && nalUnit[at - 2] === 0) {
      result ??= new Uint8Array(nalUnit.byteLength);
      result.set(nalUnit.subarray(copied, at), written);
      written += at - copied;
      copied = at + 1;
    }
    // Two zeros must come again before another.
    at += 3;
  }
  if (result === undefined) return nalUnit;
  result.set(nalUnit.subarray(copied), written);
  return result.subarray(0, written + nalUnit.byteLength - copied);
}
