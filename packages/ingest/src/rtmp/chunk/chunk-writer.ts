/** Cuts messages into chunks (RTMP 1.0 §5.3). */

import type { RtmpMessage } from "../message/message.ts";

/** What we send at most in one chunk once we have said so: large enough that most frames are one chunk. Bytes. */
export const DEFAULT_OUTPUT_CHUNK_SIZE = 65_536;

const EXTENDED = 0xffffff;

/**
 * The bytes of one message: a type 0 chunk with the absolute time, then type 3 chunks.
 *
 * Depends on nothing sent before, so that one buffer can go to every viewer. The extended timestamp is repeated on every
 * type 3 chunk (§5.3.1.3), without which ffmpeg loses track after 4 h 39 min.
 *
 * @param chunkStreamId - 2 to 65599.
 * @param chunkSize - what the peer was told, bytes.
 */
export function writeChunks(message: RtmpMessage, chunkStreamId: number, chunkSize: number): Uint8Array {
  const { payload, typeId, streamId } = message;
  const timestamp = message.timestamp >>> 0;
  const extended = timestamp >= EXTENDED;
  const basicSize = chunkStreamId < 64 ? 1 : chunkStreamId < 320 ? 2 : 3;
  const extendedSize = extended ? 4 : 0;
  const continuations = payload.length === 0 ? 0 : Math.ceil(payload.length / chunkSize) - 1;
  const bytes = new Uint8Array(
    basicSize + 11 + extendedSize + continuations * (basicSize + extendedSize) + payload.length,
  );
  let offset = writeBasicHeader(bytes, 0, 0, chunkStreamId);
  offset = writeUint24(bytes, offset, extended ? EXTENDED : timestamp);
  offset = writeUint24(bytes, offset, payload.length);
  bytes[offset] = typeId;
  bytes[offset + 1] = streamId;
  bytes[offset + 2] = streamId >>> 8;
  bytes[offset + 3] = streamId >>> 16;
  bytes[offset + 4] = streamId >>> 24;
  offset += 5;
  if (extended) offset = writeUint32(bytes, offset, timestamp);
  for (let position = 0; position < payload.length; position += chunkSize) {
    if (position > 0) {
      offset = writeBasicHeader(bytes, offset, 3, chunkStreamId);
      if (extended) offset = writeUint32(bytes, offset, timestamp);
    }
    const piece = payload.subarray(position, position + chunkSize);
    bytes.set(piece, offset);
    offset += piece.length;
  }
  return bytes;
}

function writeBasicHeader(bytes: Uint8Array, offset: number, format: number, id: number): number {
  if (id < 64) {
    bytes[offset] = (format << 6) | id;
    return offset + 1;
  }
  if (id < 320) {
    bytes[offset] = format << 6;
    bytes[offset + 1] = id - 64;
    return offset + 2;
  }
  bytes[offset] = (format << 6) | 1;
  bytes[offset + 1] = (id - 64) & 0xff;
  bytes[offset + 2] = (id - 64) >> 8;
  return offset + 3;
}

function writeUint24(bytes: Uint8Array, offset: number, value: number): number {
  bytes[offset] = value >>> 16;
  bytes[offset + 1] = value >>> 8;
  bytes[offset + 2] = value;
  return offset + 3;
}

function writeUint32(bytes: Uint8Array, offset: number, value: number): number {
  bytes[offset] = value >>> 24;
  return writeUint24(bytes, offset + 1, value);
}
