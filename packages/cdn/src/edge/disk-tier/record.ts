/**
 * An object's record: what describes it and where its slices lie, checksummed. Those lie before it in the log, but for the one of an object of
 * one slice, which follows.
 *
 * ```
 * u32 magic · u32 CRC-32 of all after it · u32 bytes of this head · u32 volume · u32 offset · u32 key bytes · u32 head bytes
 * u32 slice bytes · u64 body length · key · head · per slice: u32 volume, u32 offset, u32 CRC-32
 * ```
 *
 * Numbers are little-endian. Volume and offset say where it was written, so that a record found elsewhere is none.
 */

import { crc32 } from "node:zlib";

const MAGIC = 0x0a52_4441;
const FIXED_BYTES = 40;
const CHECKED_FROM = 8;
/** Words per slice in {@link StoredRecord.slices}. */
export const SLICE_WORDS = 3;

/** What a record says. */
export interface StoredRecord {
  readonly key: string;
  /** The caller's own description of the object. */
  readonly head: Uint8Array;
  /** Bytes of the body. */
  readonly length: number;
  /** Bytes of each slice but the last. */
  readonly sliceBytes: number;
  /** Volume, offset and CRC-32 of each slice. */
  readonly slices: readonly number[];
}

/** How many slices a body has. */
export function sliceCount(length: number, sliceBytes: number): number {
  return Math.ceil(length / sliceBytes);
}

/** Bytes of a slice. */
export function sliceLength(
  { length, sliceBytes }: Pick<StoredRecord, "length" | "sliceBytes">,
  slice: number,
): number {
  return Math.min(sliceBytes, length - slice * sliceBytes);
}

/** Bytes of a record. */
export function recordBytes(keyBytes: number, headBytes: number, slices: number): number {
  return FIXED_BYTES + keyBytes + headBytes + slices * SLICE_WORDS * 4;
}

/** A record for the place it will be written to. */
export function encodeRecord(record: StoredRecord, volume: number, offset: number): Buffer {
  const { head, length, sliceBytes, slices } = record;
  const keyBytes = Buffer.byteLength(record.key);
  const bytes = Buffer.allocUnsafe(recordBytes(keyBytes, head.byteLength, slices.length / SLICE_WORDS));
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt32LE(bytes.length, 8);
  bytes.writeUInt32LE(volume, 12);
  bytes.writeUInt32LE(offset, 16);
  bytes.writeUInt32LE(keyBytes, 20);
  bytes.writeUInt32LE(head.byteLength, 24);
  bytes.writeUInt32LE(sliceBytes, 28);
  bytes.writeUInt32LE(length % 2 ** 32, 32);
  bytes.writeUInt32LE(Math.floor(length / 2 ** 32), 36);
  bytes.write(record.key, FIXED_BYTES);
  bytes.set(head, FIXED_BYTES + keyBytes);
  let at = FIXED_BYTES + keyBytes + head.byteLength;
  for (const word of slices) at = bytes.writeUInt32LE(word, at);
  bytes.writeUInt32LE(crc32(bytes.subarray(CHECKED_FROM)), 4);
  return bytes;
}

/** Reads a record that lies at a place; its own copy of everything. Undefined where the bytes are not that record, whole and unchanged. */
export function decodeRecord(
  bytes: Buffer,
  volume: number,
  offset: number,
): (StoredRecord & { readonly bytes: number }) | undefined {
  if (bytes.length < FIXED_BYTES || bytes.readUInt32LE(0) !== MAGIC) return undefined;
  const size = bytes.readUInt32LE(8);
  if (size < FIXED_BYTES || size > bytes.length) return undefined;
  if (crc32(bytes.subarray(CHECKED_FROM, size)) !== bytes.readUInt32LE(4)) return undefined;
  if (bytes.readUInt32LE(12) !== volume || bytes.readUInt32LE(16) !== offset) return undefined;
  const keyBytes = bytes.readUInt32LE(20);
  const headBytes = bytes.readUInt32LE(24);
  const sliceBytes = bytes.readUInt32LE(28);
  const length = bytes.readUInt32LE(32) + bytes.readUInt32LE(36) * 2 ** 32;
  if (sliceBytes === 0 || size !== recordBytes(keyBytes, headBytes, sliceCount(length, sliceBytes))) return undefined;
  const headAt = FIXED_BYTES + keyBytes;
  const slices: number[] = [];
  for (let at = headAt + headBytes; at < size; at += 4) slices.push(bytes.readUInt32LE(at));
  return {
    key: bytes.toString("utf8", FIXED_BYTES, headAt),
    head: new Uint8Array(bytes.subarray(headAt, headAt + headBytes)),
    length,
    sliceBytes,
    slices,
    bytes: size,
  };
}
