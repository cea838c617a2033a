import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { errorCode } from "../../testing/error-code.ts";
import { hex } from "../../testing/made-source.ts";
import { MessageType, type RtmpMessage } from "../message/message.ts";
import { ChunkReader } from "./chunk-reader.ts";
import { writeChunks } from "./chunk-writer.ts";

function bytesOf(length: number, start = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (start + index) & 0xff);
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** A chunk header with its payload. */
function chunk(header: string, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  return join(hex(header), payload);
}

const message: fc.Arbitrary<{ message: RtmpMessage; chunkStreamId: number }> = fc.record({
  message: fc.record({
    typeId: fc.constantFrom(MessageType.Audio, MessageType.Video, MessageType.DataAmf0, MessageType.CommandAmf0),
    streamId: fc.integer({ min: 0, max: 0xffffffff }),
    timestamp: fc.oneof(fc.integer({ min: 0, max: 0xffffffff }), fc.constantFrom(0xfffffe, 0xffffff, 0x1000000)),
    payload: fc.uint8Array({ maxLength: 700 }),
  }),
  chunkStreamId: fc.oneof(fc.integer({ min: 2, max: 20 }), fc.constantFrom(63, 64, 319, 320, 65_599)),
});

describe("round trip", () => {
  test("whatever is written is read again, in pieces of any size", () => {
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 8 }),
        fc.integer({ min: 1, max: 300 }),
        fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }),
        (items, chunkSize, cuts) => {
          const announce = {
            typeId: 1,
            streamId: 0,
            timestamp: 0,
            payload: Uint8Array.of(0, 0, chunkSize >> 8, chunkSize),
          };
          const bytes = join(
            writeChunks(announce, 2, 128),
            ...items.map((item) => writeChunks(item.message, item.chunkStreamId, chunkSize)),
          );
          const reader = new ChunkReader();
          const read: RtmpMessage[] = [];
          for (let offset = 0, index = 0; offset < bytes.length; index += 1) {
            const end = offset + cuts[index % cuts.length]!;
            read.push(...reader.push(bytes.subarray(offset, end)));
            offset = end;
          }
          expect(read).toEqual(items.map((item) => item.message));
          expect(reader.partialBytes).toBe(0);
        },
      ),
    );
  });

  test("interleaved messages of several chunk streams come out whole", () => {
    const reader = new ChunkReader();
    const video = bytesOf(200);
    const audio = bytesOf(150, 7);
    const read = reader.push(
      join(
        chunk("06 000000 0000c8 09 01000000", video.subarray(0, 128)),
        chunk("04 000005 000096 08 01000000", audio.subarray(0, 128)),
        chunk("c6", video.subarray(128)),
        chunk("c4", audio.subarray(128)),
      ),
    );
    expect(read).toEqual([
      { typeId: 9, streamId: 1, timestamp: 0, payload: video },
      { typeId: 8, streamId: 1, timestamp: 5, payload: audio },
    ]);
  });

  test("arbitrary bytes give messages or a typed error, never anything else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const reader = new ChunkReader({ maxMessageSize: 1000, maxChunkStreams: 4 });
        errorCode(() => reader.push(bytes));
        expect(reader.partialBytes).toBeLessThanOrEqual(1000 + bytes.length);
      }),
    );
  });
});

describe("traps of field notes", () => {
  const time = "01020304";

  test("the extended timestamp is read from type 3 chunks that repeat it, as the specification says", () => {
    const payload = bytesOf(200);
    const bytes = join(
      chunk(`06 ffffff 0000c8 09 01000000 ${time}`, payload.subarray(0, 128)),
      chunk(`c6 ${time}`, payload.subarray(128)),
    );
    expect(new ChunkReader().push(bytes)).toEqual([{ typeId: 9, streamId: 1, timestamp: 0x01020304, payload }]);
  });

  test("the extended timestamp may be missing from type 3 chunks: some clients omit it", () => {
    const payload = bytesOf(200, 0x80);
    const bytes = join(
      chunk(`06 ffffff 0000c8 09 01000000 ${time}`, payload.subarray(0, 128)),
      chunk("c6", payload.subarray(128)),
    );
    for (let size = 1; size < bytes.length; size += 1) {
      const reader = new ChunkReader();
      const read = [...reader.push(bytes.subarray(0, size)), ...reader.push(bytes.subarray(size))];
      expect(read).toEqual([{ typeId: 9, streamId: 1, timestamp: 0x01020304, payload }]);
    }
  });

  test("an omitted extended timestamp is seen through payload that begins like it, however the bytes are cut", () => {
    for (const [start, size] of [
      ["01", 200],
      ["0102", 200],
      ["010203", 131],
      ["01", 129],
    ] as const) {
      const payload = bytesOf(size, 0x80);
      payload.set(hex(start), 128);
      const audio = bytesOf(3);
      const bytes = join(
        chunk(`06 ffffff 0000${size.toString(16)} 09 01000000 ${time}`, payload.subarray(0, 128)),
        chunk("c6", payload.subarray(128)),
        chunk("05 000005 000003 08 01000000", audio),
      );
      for (let cut = 1; cut < bytes.length; cut += 1) {
        const reader = new ChunkReader();
        const read = [bytes.subarray(0, cut), bytes.subarray(cut)].flatMap((piece) => reader.push(piece));
        expect(read).toEqual([
          { typeId: 9, streamId: 1, timestamp: 0x01020304, payload },
          { typeId: 8, streamId: 1, timestamp: 5, payload: audio },
        ]);
      }
      const reader = new ChunkReader();
      expect([...bytes].flatMap((byte) => reader.push(Uint8Array.of(byte)))).toHaveLength(2);
    }
  });

  test("an omitted extended timestamp does not hold a short last chunk back", () => {
    const payload = bytesOf(130, 0x80);
    const bytes = join(
      chunk(`06 ffffff 000082 09 01000000 ${time}`, payload.subarray(0, 128)),
      chunk("c6", payload.subarray(128)),
    );
    expect(new ChunkReader().push(bytes)).toHaveLength(1);
  });

  test("the extended value of types 1 and 2 is a delta", () => {
    const bytes = join(
      chunk("06 000064 000001 09 01000000", bytesOf(1)),
      chunk("46 ffffff 000001 09 01000000", bytesOf(1)),
      chunk("86 ffffff 02000000", bytesOf(1)),
    );
    expect(new ChunkReader().push(bytes).map(({ timestamp }) => timestamp)).toEqual([
      100,
      100 + 0x01000000,
      100 + 0x03000000,
    ]);
  });

  test("the extended timestamp is always sent on type 3 chunks: ffmpeg drops out at 4 h 38 min otherwise", () => {
    const written = writeChunks({ typeId: 9, streamId: 1, timestamp: 0x01020304, payload: bytesOf(5) }, 6, 2);
    expect(written).toEqual(hex(`06 ffffff 000005 09 01000000 ${time} 0001 c6 ${time} 0203 c6 ${time} 04`));
  });

  test("a type 3 chunk repeats the delta only when it starts a new message (OBS)", () => {
    const long = bytesOf(130);
    const bytes = join(
      chunk("06 0003e8 000082 09 01000000", long.subarray(0, 128)),
      chunk("c6", long.subarray(128)),
      chunk("46 000021 000082 09", long.subarray(0, 128)),
      chunk("c6", long.subarray(128)),
      chunk("c6", long.subarray(0, 128)),
      chunk("c6", long.subarray(128)),
    );
    expect(new ChunkReader().push(bytes).map(({ timestamp }) => timestamp)).toEqual([1000, 1033, 1066]);
  });

  test("a type 3 chunk that starts a message after a type 0 keeps its time, as librtmp means it", () => {
    const bytes = join(chunk("06 0003e8 000001 09 01000000", bytesOf(1)), chunk("c6", bytesOf(1)));
    expect(new ChunkReader().push(bytes).map(({ timestamp }) => timestamp)).toEqual([1000, 1000]);
  });

  test("librtmp's ping opens a chunk stream with type 1", () => {
    const read = new ChunkReader().push(chunk("42 000000 000006 04", hex("0007 00000000")));
    expect(read).toEqual([{ typeId: 4, streamId: 0, timestamp: 0, payload: hex("000700000000") }]);
  });

  test("a chunk stream that opens with type 2 or 3 is an error with a code", () => {
    expect(errorCode(() => new ChunkReader().push(hex("86 000000")))).toBe("INVALID_CHUNK");
    expect(errorCode(() => new ChunkReader().push(hex("c6")))).toBe("INVALID_CHUNK");
  });

  test("a 3-byte chunk stream id is 64 + b1 + b2 * 256", () => {
    // The same chunk stream, by 3 bytes and by 2: 64 + 5.
    const bytes = join(chunk("01 0500 00000a 000002 09 01000000", bytesOf(1)), chunk("", bytesOf(1)));
    const reader = new ChunkReader();
    reader.push(bytes);
    expect(reader.push(chunk("40 05 000001 000001 09", bytesOf(1)))[0]?.timestamp).toBe(11);
    // 64 + 1 + 2 * 256 = 577 is not 64 + 2 + 1 * 256.
    const other = new ChunkReader();
    other.push(chunk("01 0102 00000a 000001 09 01000000", bytesOf(1)));
    expect(errorCode(() => other.push(hex("c1 0201")))).toBe("INVALID_CHUNK");
    expect(writeChunks({ typeId: 9, streamId: 1, timestamp: 0, payload: bytesOf(1) }, 577, 128).subarray(0, 3)).toEqual(
      hex("01 0102"),
    );
  });

  test("a chunk size that changes in the middle of another message applies to its next chunk", () => {
    const payload = bytesOf(400);
    const bytes = join(
      chunk("06 000000 000190 09 01000000", payload.subarray(0, 128)),
      chunk("02 000000 000004 01 00000000", hex("00000064")),
      chunk("c6", payload.subarray(128, 228)),
      chunk("02 000000 000004 01 00000000", hex("00001000")),
      chunk("c6", payload.subarray(228)),
    );
    expect(new ChunkReader().push(bytes)).toEqual([{ typeId: 9, streamId: 1, timestamp: 0, payload }]);
  });

  test("a message over the limit is refused by its header", () => {
    const reader = new ChunkReader({ maxMessageSize: 1000 });
    expect(errorCode(() => reader.push(hex("06 000000 0003e9 09 01000000")))).toBe("MESSAGE_TOO_LARGE");
    expect(reader.partialBytes).toBe(0);
  });
});

test("unfinished messages of many chunk streams share one bound", () => {
  const reader = new ChunkReader({ maxMessageSize: 1000 });
  const start = (id: number) => chunk(`0${id} 000000 0003e8 09 01000000`, bytesOf(128));
  expect(errorCode(() => reader.push(join(...[3, 4, 5, 6, 7, 8, 9].map(start))))).toBeUndefined();
  expect(reader.partialBytes).toBe(7 * 128);
  expect(errorCode(() => reader.push(chunk("0a 000000 0003e8 09 01000000", bytesOf(128))))).toBe("MESSAGE_TOO_LARGE");
});

test("more chunk streams than allowed are refused", () => {
  const reader = new ChunkReader({ maxChunkStreams: 2 });
  const one = (id: number) => chunk(`0${id} 000000 000001 09 01000000`, bytesOf(1));
  reader.push(join(one(3), one(4), one(3)));
  expect(errorCode(() => reader.push(one(5)))).toBe("TOO_MANY_CHUNK_STREAMS");
});

test("abort throws the unfinished message away", () => {
  const reader = new ChunkReader();
  reader.push(chunk("06 000000 0000c8 09 01000000", bytesOf(128)));
  expect(reader.partialBytes).toBe(128);
  expect(reader.push(chunk("02 000000 000004 02 00000000", hex("00000006")))).toEqual([]);
  expect(reader.partialBytes).toBe(0);
  expect(reader.push(chunk("06 000009 000001 09 01000000", bytesOf(1)))[0]?.timestamp).toBe(9);
});

test("a chunk size of 0 is refused, one of 2^31 - 1 is taken", () => {
  expect(errorCode(() => new ChunkReader().push(chunk("02 000000 000004 01 00000000", hex("00000000"))))).toBe(
    "INVALID_CHUNK",
  );
  const reader = new ChunkReader();
  reader.push(chunk("02 000000 000004 01 00000000", hex("7fffffff")));
  const payload = bytesOf(70_000);
  expect(reader.push(chunk("06 000000 011170 09 01000000", payload))).toMatchObject([{ payload }]);
});
