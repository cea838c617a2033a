/** Open bitstream units of AV1 (AV1 specification §5.3, §5.9.2). */

import { BitReader } from "../../bytes/bit-reader.ts";
import { MediaError } from "../../errors.ts";

/** Types of OBUs (§6.2.2). */
export const AV1_OBU = {
  sequenceHeader: 1,
  temporalDelimiter: 2,
  frameHeader: 3,
  tileGroup: 4,
  metadata: 5,
  frame: 6,
  redundantFrameHeader: 7,
  tileList: 8,
  padding: 15,
} as const;

/** OBUs of one temporal unit: room for sixteen frames of 4096 tiles, each tile in a group of its own. */
const MAX_OBUS = 65_536;

/** One open bitstream unit. */
export interface Av1Obu {
  /** `obu_type`, see {@link AV1_OBU}. */
  readonly type: number;
  readonly temporalId: number;
  readonly spatialId: number;
  /** Header, size and payload, as a view. */
  readonly bytes: Uint8Array;
  /** As a view. */
  readonly payload: Uint8Array;
}

/**
 * The OBUs of a temporal unit in the low-overhead format: each with its size, the last one perhaps without.
 *
 * @throws {MediaError} `TRUNCATED` when a size exceeds what is left; `MALFORMED` for a header or size that the specification forbids;
 * `LIMIT_EXCEEDED` above 65,536 OBUs.
 */
export function* readObus(temporalUnit: Uint8Array): Generator<Av1Obu, void, undefined> {
  let position = 0;
  for (let count = 0; position < temporalUnit.byteLength; count++) {
    if (count === MAX_OBUS)
      throw new MediaError("LIMIT_EXCEEDED", `AV1: more than ${MAX_OBUS} OBUs in a temporal unit`);
    const obu = readObu(temporalUnit, position);
    position += obu.bytes.byteLength;
    yield obu;
  }
}

function readObu(bytes: Uint8Array, start: number): Av1Obu {
  const header = bytes[start]!;
  if (header & 0x80) throw new MediaError("MALFORMED", "AV1: the forbidden bit of an OBU header is set");
  let position = start + 1;
  let extension = 0;
  if (header & 0x04) {
    if (position >= bytes.byteLength) throw truncated();
    extension = bytes[position]!;
    position += 1;
  }
  let size = bytes.byteLength - position;
  if (header & 0x02) {
    const announced = readLeb128(bytes, position);
    position += announced.length;
    size = announced.value;
    if (size > bytes.byteLength - position) throw truncated();
  }
  return {
    type: (header >> 3) & 0x0f,
    temporalId: extension >> 5,
    spatialId: (extension >> 3) & 3,
    bytes: bytes.subarray(start, position + size),
    payload: bytes.subarray(position, position + size),
  };
}

/** §4.10.5: up to 8 bytes, up to 32 bits. */
function readLeb128(bytes: Uint8Array, position: number): { value: number; length: number } {
  let value = 0;
  for (let index = 0; index < 8; index++) {
    const byte = bytes[position + index];
    if (byte === undefined) throw truncated();
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) {
      if (value > 0xffffffff) break;
      return { value, length: index + 1 };
    }
  }
  throw new MediaError("MALFORMED", "AV1: the size of an OBU has more than 32 bits");
}

function truncated(): MediaError {
  return new MediaError("TRUNCATED", "AV1: an OBU ends before its announced size");
}

/**
 * A temporal unit without its temporal delimiters, as samples carry it (AV1 in ISO BMFF §2.4). A view where that is enough, as it is for what
 * encoders write.
 *
 * @throws {MediaError} as {@link readObus}.
 */
export function stripTemporalDelimiters(temporalUnit: Uint8Array): Uint8Array {
  const kept: Uint8Array[] = [];
  let size = 0;
  let delimiters = 0;
  for (const { type, bytes } of readObus(temporalUnit)) {
    if (type === AV1_OBU.temporalDelimiter) {
      delimiters += 1;
    } else {
      kept.push(bytes);
      size += bytes.byteLength;
    }
  }
  if (delimiters === 0) return temporalUnit;
  const [first] = kept;
  if (first === undefined) return temporalUnit.subarray(0, 0);
  const start = first.byteOffset - temporalUnit.byteOffset;
  if (start + size === temporalUnit.byteLength) return temporalUnit.subarray(start);
  const sample = new Uint8Array(size);
  let position = 0;
  for (const bytes of kept) {
    sample.set(bytes, position);
    position += bytes.byteLength;
  }
  return sample;
}

/**
 * Whether a decoder that has the sequence header can start at a temporal unit: its first frame is a key frame that is shown.
 *
 * @throws {MediaError} as {@link readObus}.
 */
export function isAv1Keyframe(temporalUnit: Uint8Array): boolean {
  for (const { type, payload } of readObus(temporalUnit)) {
    if (type === AV1_OBU.sequenceHeader && isReducedStillPicture(payload)) return true;
    if (type !== AV1_OBU.frame && type !== AV1_OBU.frameHeader) continue;
    const reader = new BitReader(payload, "AV1 frame header");
    const showExistingFrame = reader.flag();
    if (showExistingFrame) return false;
    const isKeyFrame = reader.bits(2) === 0;
    return isKeyFrame && reader.flag();
  }
  return false;
}

function isReducedStillPicture(sequenceHeader: Uint8Array): boolean {
  const reader = new BitReader(sequenceHeader, "AV1 sequence header");
  reader.skip(4); // seq_profile, still_picture
  return reader.flag();
}
