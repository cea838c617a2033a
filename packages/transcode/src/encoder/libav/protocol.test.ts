import fc from "fast-check";
import { expect, test } from "vitest";
import {
  MAX_MESSAGE_BYTES,
  MessageReader,
  messageType,
  readJson,
  readPacket,
  writeJson,
  writePacketHeader,
} from "./protocol.ts";

const packet = fc.record({
  stream: fc.integer({ min: 0, max: 255 }),
  keyframe: fc.boolean(),
  dts: fc.maxSafeNat(),
  pts: fc.maxSafeNat(),
  duration: fc.maxSafeNat(),
  data: fc.uint8Array({ maxLength: 300 }),
});

test("packets survive the pipe, however it cuts them", () => {
  fc.assert(
    fc.property(
      fc.array(packet, { maxLength: 8 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 200 })),
      (packets, cuts) => {
        const bytes = Buffer.concat(packets.flatMap((each) => [writePacketHeader(each, each.stream), each.data]));
        const reader = new MessageReader();
        const read: unknown[] = [];
        for (let at = 0; at < bytes.length; ) {
          const size: number = cuts.next().value ?? 1;
          for (const { type, body } of reader.push(bytes.subarray(at, at + size))) {
            expect(type).toBe(messageType.packet);
            read.push(readPacket(body));
          }
          at += size;
        }
        expect(read).toEqual(packets);
      },
    ),
  );
});

test("JSON survives, and what is none is an error", () => {
  const [message] = new MessageReader().push(writeJson(messageType.track, { codec: "h264", name: "ä" }));
  expect(message!.type).toBe(messageType.track);
  expect(readJson(message!.body)).toEqual({ codec: "h264", name: "ä" });
  expect(() => readJson(Uint8Array.of(0x7b))).toThrow(expect.objectContaining({ code: "ENCODER_PROTOCOL" }));
  expect(() => readPacket(new Uint8Array(3))).toThrow(expect.objectContaining({ code: "ENCODER_PROTOCOL" }));
});

test.each([0, MAX_MESSAGE_BYTES + 1, 0xffff_ffff])(
  "a message of %i bytes is refused before memory is taken for it",
  (length) => {
    const prefix = new Uint8Array(5);
    new DataView(prefix.buffer).setUint32(0, length);
    expect(() => [...new MessageReader().push(prefix)]).toThrow(expect.objectContaining({ code: "ENCODER_PROTOCOL" }));
  },
);
