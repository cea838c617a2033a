/** Reassembles messages from the chunk stream (RTMP 1.0 §5.3). No I/O: bytes in, messages out. */

import { IngestError } from "../../errors.ts";
import { MessageType, type RtmpMessage } from "../message/message.ts";

/** What chunk streams use until a Set Chunk Size (RTMP 1.0 §5.4.1). */
const INITIAL_CHUNK_SIZE = 128;

/** Largest message taken: a keyframe of a very fat 4K stream fits. Bytes. */
export const DEFAULT_MAX_MESSAGE_SIZE = 10 * 1024 * 1024;

/** Chunk streams that one connection may open. Real peers use fewer than ten. */
export const DEFAULT_MAX_CHUNK_STREAMS = 64;

/** What a message holds before its first byte has come. */
const NOTHING = new Uint8Array(0);

/** Basic header (3), message header (11) and extended timestamp (4). */
const MAX_HEADER_SIZE = 18;

/** The 24-bit timestamp that says: the real one follows in 32 bits. */
const EXTENDED = 0xffffff;

/** Bounds of what a peer may make the reader hold. */
export interface ChunkReaderOptions {
  /** Bytes of one message, and of all unfinished messages together. Default 10 MiB. */
  readonly maxMessageSize?: number;
  /** Default 64. */
  readonly maxChunkStreams?: number;
}

interface ChunkStream {
  /** Absolute, 32 bits unsigned. */
  timestamp: number;
  /** What a type 3 chunk adds when it starts a message. */
  delta: number;
  /** The value of the last explicit timestamp field: absolute for type 0, a delta for types 1 and 2. */
  field: number;
  extended: boolean;
  length: number;
  typeId: number;
  streamId: number;
  buffer: Uint8Array | null;
  received: number;
}

/** The receiving half of a chunk stream. Feed it what the socket gives, in pieces of any size. */
export class ChunkReader {
  readonly #streams = new Map<number, ChunkStream>();
  readonly #maxChunkStreams: number;
  readonly #header = new Uint8Array(MAX_HEADER_SIZE);
  #headerLength = 0;
  #maxMessageSize: number;
  #chunkSize = INITIAL_CHUNK_SIZE;
  #partialBytes = 0;
  #current: ChunkStream | null = null;
  #chunkRemaining = 0;

  constructor(options: ChunkReaderOptions = {}) {
    this.#maxMessageSize = options.maxMessageSize ?? DEFAULT_MAX_MESSAGE_SIZE;
    this.#maxChunkStreams = options.maxChunkStreams ?? DEFAULT_MAX_CHUNK_STREAMS;
  }

  /** Bytes of unfinished messages held now. */
  get partialBytes(): number {
    return this.#partialBytes;
  }

  /** Changes the bound from the next message on: small until a peer is authorised. */
  set maxMessageSize(bytes: number) {
    this.#maxMessageSize = bytes;
  }

  /**
   * Takes bytes and returns the messages they complete. Set Chunk Size and Abort are obeyed here and not returned.
   *
   * @throws {IngestError} `INVALID_CHUNK`, `MESSAGE_TOO_LARGE`, `TOO_MANY_CHUNK_STREAMS`. The connection is of no use afterwards.
   */
  push(bytes: Uint8Array): RtmpMessage[] {
    const messages: RtmpMessage[] = [];
    this.#consume(bytes, messages);
    return messages;
  }

  #consume(bytes: Uint8Array, messages: RtmpMessage[]): void {
    let offset = 0;
    while (offset < bytes.length || (this.#current !== null && this.#chunkRemaining === 0)) {
      if (this.#current === null) offset = this.#readHeader(bytes, offset, messages);
      if (this.#current !== null) offset = this.#readPayload(bytes, offset, messages);
    }
  }

  /** Returns the offset after what it took: the header, or all there is when that must wait for more. */
  #readHeader(bytes: Uint8Array, offset: number, messages: RtmpMessage[]): number {
    if (this.#headerLength === 0) {
      const size = this.#parseHeader(bytes, offset, bytes.length);
      if (size > 0) return offset + size;
      this.#header.set(bytes.subarray(offset));
      this.#headerLength = bytes.length - offset;
      return bytes.length;
    }
    const kept = this.#headerLength;
    const taken = Math.min(MAX_HEADER_SIZE - kept, bytes.length - offset);
    this.#header.set(bytes.subarray(offset, offset + taken), kept);
    const size = this.#parseHeader(this.#header, 0, kept + taken);
    if (size === 0) {
      this.#headerLength = kept + taken;
      return offset + taken;
    }
    this.#headerLength = 0;
    if (size >= kept) return offset + size - kept;
    // What looked like the start of an extended timestamp was payload all along.
    this.#consume(this.#header.slice(size, kept), messages);
    return offset;
  }

  /** Returns the header's size, or 0 when there are too few bytes. Changes nothing in that case. */
  #parseHeader(bytes: Uint8Array, start: number, end: number): number {
    const available = end - start;
    if (available < 1) return 0;
    const first = bytes[start]!;
    const format = first >> 6;
    let id = first & 0x3f;
    let offset = start + 1;
    if (id === 0) {
      if (available < 2) return 0;
      id = 64 + bytes[offset]!;
      offset += 1;
    } else if (id === 1) {
      if (available < 3) return 0;
      id = 64 + bytes[offset]! + bytes[offset + 1]! * 256;
      offset += 2;
    }
    const stream = this.#streams.get(id);
    if (format === 3) return this.#continueStream(stream, id, bytes, start, offset, end);
    // librtmp opens a chunk stream with type 1 for its ping: no earlier timestamp or stream id is needed for that. Type 2 lacks a length.
    if (stream === undefined && format === 2) {
      throw new IngestError(
        "INVALID_CHUNK",
        `chunk stream ${id} starts with a type 2 chunk, which has no message length`,
      );
    }
    const headerSize = format === 0 ? 11 : format === 1 ? 7 : 3;
    if (end - offset < headerSize) return 0;
    let field = readUint24(bytes, offset);
    const extended = field === EXTENDED;
    if (extended) {
      if (end - offset < headerSize + 4) return 0;
      field = readUint32(bytes, offset + headerSize);
    }
    const target = stream ?? this.#openStream(id);
    // A new header in the middle of a message: the sender gave the old one up.
    if (target.buffer !== null) this.#discard(target);
    target.extended = extended;
    target.field = field;
    if (format === 0) {
      target.timestamp = field;
      // §5.3.1.2.4 would have a following type 3 add the absolute time again. librtmp means "same time" by it, and nothing else sends it.
      target.delta = 0;
      target.streamId = readUint32LittleEndian(bytes, offset + 7);
    } else {
      target.delta = field;
      target.timestamp = (target.timestamp + field) >>> 0;
    }
    if (format < 2) {
      target.length = readUint24(bytes, offset + 3);
      target.typeId = bytes[offset + 6]!;
    }
    this.#startMessage(target, id);
    return offset + headerSize + (extended ? 4 : 0) - start;
  }

  #continueStream(
    stream: ChunkStream | undefined,
    id: number,
    bytes: Uint8Array,
    start: number,
    offset: number,
    end: number,
  ): number {
    if (stream === undefined) {
      throw new IngestError("INVALID_CHUNK", `chunk stream ${id} starts with a type 3 chunk, which has no header`);
    }
    const headerSize = offset - start;
    let size = headerSize;
    if (stream.extended) {
      const match = matchesTimestamp(bytes, offset, end, stream);
      if (match === undefined) return 0;
      if (match) size += 4;
    }
    if (stream.buffer === null) {
      stream.timestamp = (stream.timestamp + stream.delta) >>> 0;
      this.#startMessage(stream, id);
    } else {
      this.#startChunk(stream);
    }
    return size;
  }

  #openStream(id: number): ChunkStream {
    if (this.#streams.size >= this.#maxChunkStreams) {
      throw new IngestError(
        "TOO_MANY_CHUNK_STREAMS",
        `the peer opened more than ${this.#maxChunkStreams} chunk streams`,
      );
    }
    const stream: ChunkStream = {
      timestamp: 0,
      delta: 0,
      field: 0,
      extended: false,
      length: 0,
      typeId: 0,
      streamId: 0,
      buffer: null,
      received: 0,
    };
    this.#streams.set(id, stream);
    return stream;
  }

  #startMessage(stream: ChunkStream, id: number): void {
    if (stream.length > this.#maxMessageSize) {
      throw new IngestError(
        "MESSAGE_TOO_LARGE",
        `a message of ${stream.length} bytes on chunk stream ${id} is over the limit of ${this.#maxMessageSize}; raise limits.messageSize if the stream is right`,
      );
    }
    stream.buffer = NOTHING;
    stream.received = 0;
    this.#startChunk(stream);
  }

  // The chunk's size is fixed when it starts: a Set Chunk Size between two chunks of this message applies to the later one.
  #startChunk(stream: ChunkStream): void {
    this.#current = stream;
    this.#chunkRemaining = Math.min(this.#chunkSize, stream.length - stream.received);
  }

  #readPayload(bytes: Uint8Array, offset: number, messages: RtmpMessage[]): number {
    const stream = this.#current!;
    const taken = Math.min(this.#chunkRemaining, bytes.length - offset);
    if (taken > 0) {
      this.#reserve(stream, stream.received + taken);
      stream.buffer!.set(bytes.subarray(offset, offset + taken), stream.received);
      stream.received += taken;
      this.#chunkRemaining -= taken;
      this.#partialBytes += taken;
      if (this.#partialBytes > this.#maxMessageSize) {
        throw new IngestError(
          "MESSAGE_TOO_LARGE",
          `unfinished messages hold more than ${this.#maxMessageSize} bytes together`,
        );
      }
    }
    if (this.#chunkRemaining === 0) {
      this.#current = null;
      if (stream.received === stream.length) this.#finish(stream, messages);
    }
    return offset + taken;
  }

  // Memory is taken as bytes come in, at most twice as much: a header that promises megabytes costs none.
  #reserve(stream: ChunkStream, size: number): void {
    const buffer = stream.buffer!;
    if (size <= buffer.length) return;
    const larger = new Uint8Array(Math.min(stream.length, Math.max(size, buffer.length * 2)));
    larger.set(buffer.subarray(0, stream.received));
    stream.buffer = larger;
  }

  #finish(stream: ChunkStream, messages: RtmpMessage[]): void {
    const payload = stream.buffer!;
    this.#discard(stream);
    if (stream.typeId === MessageType.SetChunkSize) {
      this.#setChunkSize(payload);
      return;
    }
    if (stream.typeId === MessageType.Abort) {
      this.#abort(payload);
      return;
    }
    messages.push({ typeId: stream.typeId, streamId: stream.streamId, timestamp: stream.timestamp, payload });
  }

  #discard(stream: ChunkStream): void {
    this.#partialBytes -= stream.received;
    stream.buffer = null;
    stream.received = 0;
  }

  #setChunkSize(payload: Uint8Array): void {
    const size = payload.length < 4 ? 0 : readUint32(payload, 0) & 0x7fffffff;
    if (size < 1) throw new IngestError("INVALID_CHUNK", "a chunk size must be at least 1");
    // Messages have 24 bits of length, so larger chunks mean the same (§5.4.1).
    this.#chunkSize = Math.min(size, 0xffffff);
  }

  #abort(payload: Uint8Array): void {
    if (payload.length < 4) throw new IngestError("INVALID_CHUNK", "an abort message names no chunk stream");
    const stream = this.#streams.get(readUint32(payload, 0));
    if (stream !== undefined && stream.buffer !== null) this.#discard(stream);
  }
}

/**
 * Whether the four bytes at `offset` repeat the extended timestamp: §5.3.1.3 demands it on type 3 chunks, some senders leave it out.
 * Decides with fewer bytes where they already differ; undefined means that more are needed.
 */
function matchesTimestamp(bytes: Uint8Array, offset: number, end: number, stream: ChunkStream): boolean | undefined {
  const available = Math.min(4, end - offset);
  const field = startsWith(bytes, offset, available, stream.field);
  const absolute = startsWith(bytes, offset, available, stream.timestamp);
  if (!field && !absolute) return false;
  return available === 4 ? true : undefined;
}

function startsWith(bytes: Uint8Array, offset: number, count: number, value: number): boolean {
  for (let index = 0; index < count; index += 1) {
    if (bytes[offset + index] !== ((value >>> (24 - 8 * index)) & 0xff)) return false;
  }
  return true;
}

function readUint24(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! << 16) | (bytes[offset + 1]! << 8) | bytes[offset + 2]!;
}

function readUint32(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset]! << 24) | readUint24(bytes, offset + 1)) >>> 0;
}

function readUint32LittleEndian(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset + 3]! << 24) | (bytes[offset + 2]! << 16) | (bytes[offset + 1]! << 8) | bytes[offset]!) >>> 0;
}
