import fc from "fast-check";
import { expect, test } from "vitest";
import { MediaError } from "../errors.ts";
import { type Box, readBoxes } from "./box-reader.ts";
import { readEventMessage, writeEventMessage } from "./event-message.ts";
import { readProducerReference, writeProducerReference } from "./producer-reference.ts";
import { readSegmentIndex, writeSegmentIndex } from "./segment-index.ts";
import { writeSegmentType } from "./segment-type.ts";
import { fixture, hex } from "./testing.ts";

function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));
}

function only(data: Uint8Array): Box {
  const boxes = [...readBoxes(data)];
  expect(boxes).toHaveLength(1);
  return boxes[0]!;
}

const FREE = "66726565";

test("boxes of 32-bit size, of 64-bit size and to the end", () => {
  const found = [...readBoxes(bytes(`00000009${FREE}01 00000001${FREE}0000000000000012 0203 00000000${FREE}040506`))];
  expect(found.map(({ offset, size, body }) => [offset, size, hex(body)])).toEqual([
    [0, 9, "01"],
    [9, 18, "0203"],
    [27, 11, "040506"],
  ]);
});

test("a body is a view, not a copy", () => {
  const data = bytes(`0000000a${FREE}0102`);
  expect(only(data).body.buffer).toBe(data.buffer);
});

test("containers are entered as deep as asked", () => {
  const file = fixture("ffmpeg-opus.mp4");
  const paths = (depth: number) => [...readBoxes(file, { depth })].map((box) => "-".repeat(box.depth) + box.type);
  expect(paths(0).slice(0, 4)).toEqual(["ftyp", "moov", "moof", "mdat"]);
  expect(paths(1).slice(0, 6)).toEqual(["ftyp", "moov", "-mvhd", "-trak", "-mvex", "-udta"]);
  expect(paths(Number.POSITIVE_INFINITY)).toContain("-----stsd");
  for (const box of readBoxes(file, { depth: 16 })) {
    expect(Buffer.from(file.subarray(box.offset + 4, box.offset + 8)).toString("latin1")).toBe(box.type);
  }
});

test.each([
  ["a header cut short", `00000009${FREE}01 000000`, "TRUNCATED"],
  ["a box longer than the bytes", `0000000a${FREE}01`, "TRUNCATED"],
  ["a 64-bit size cut short", `00000001${FREE}00000000`, "TRUNCATED"],
  ["a size below the header's", `00000007${FREE}`, "MALFORMED"],
  ["a 64-bit size below the header's", `00000001${FREE}000000000000000f`, "MALFORMED"],
  ["a 64-bit size of zero", `00000001${FREE}0000000000000000`, "MALFORMED"],
  ["a size above 2^53", `00000001${FREE}ffffffffffffffff`, "LIMIT_EXCEEDED"],
])("%s is %s", (_, data, code) => {
  expect(() => [...readBoxes(bytes(data))]).toThrow(expect.objectContaining({ name: "MediaError", code }));
});

test("a box inside another cannot reach beyond it", () => {
  const data = bytes(`00000010 6d6f6f76 00000009 ${FREE} 00000008 ${FREE}`);
  expect(() => [...readBoxes(data, { depth: 1 })]).toThrow(expect.objectContaining({ code: "TRUNCATED" }));
});

test("a million containers in one another are entered to the bound only", () => {
  const depth = 100_000;
  const data = new Uint8Array(depth * 8);
  const view = new DataView(data.buffer);
  for (let i = 0; i < depth; i++) {
    view.setUint32(i * 8, (depth - i) * 8);
    view.setUint32(i * 8 + 4, 0x6d6f6f76);
  }
  expect([...readBoxes(data, { depth: Number.POSITIVE_INFINITY })]).toHaveLength(17);
});

test("arbitrary bytes are boxes or a MediaError", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (data) => {
      try {
        for (const box of readBoxes(data, { depth: 16 })) expect(box.size).toBeLessThanOrEqual(data.length);
      } catch (error) {
        expect(error).toBeInstanceOf(MediaError);
      }
    }),
  );
});

test("styp, byte for byte", () => {
  expect(hex(writeSegmentType(["cmfs", "cmff", "lmsg"]))).toBe(
    "0000001c 73747970 636d6673 00000000 636d6673 636d6666 6c6d7367".replaceAll(" ", ""),
  );
});

test("prft, byte for byte, and back", () => {
  const reference = { wallClock: 1_700_000_000_250, mediaTime: 2 ** 40 + 1, trackId: 3, meaning: "captured" } as const;
  const data = writeProducerReference(reference);
  expect(hex(data)).toBe("00000020 70726674 01000018 00000003 e8fe6f80 40000000 0000010000000001".replaceAll(" ", ""));
  expect(readProducerReference(only(data).body)).toEqual(reference);
});

test("prft of version 0 has a 32-bit media time", () => {
  const { mediaTime, meaning } = readProducerReference(bytes("00000000 00000001 e8fe6f80 00000000 0000002a"));
  expect({ mediaTime, meaning }).toEqual({ mediaTime: 42, meaning: "encoder-input" });
});

test("prft goes on when NTP's 32 bits of seconds begin anew in 2036", () => {
  const wallClock = Date.UTC(2040, 0, 1);
  expect(
    readProducerReference(only(writeProducerReference({ wallClock, mediaTime: 0, trackId: 1 })).body),
  ).toMatchObject({ wallClock });
});

test("a wall clock survives prft to the microsecond", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4_000_000_000_000 }), fc.integer({ min: 0, max: 999 }), (ms, us) => {
      const wallClock = ms + us / 1000;
      const read = readProducerReference(only(writeProducerReference({ wallClock, mediaTime: 0, trackId: 1 })).body);
      expect(Math.abs(read.wallClock - wallClock)).toBeLessThan(0.001);
    }),
  );
});

test("emsg, byte for byte, and back", () => {
  const event = {
    schemeIdUri: "urn:é",
    value: "1",
    timescale: 1000,
    presentationTime: 2 ** 33,
    eventDuration: 5,
    id: 9,
    messageData: Uint8Array.of(7, 8),
  };
  const data = writeEventMessage(event);
  expect(hex(data)).toBe(
    "0000002b 656d7367 01000000 000003e8 0000000200000000 00000005 00000009 75726e3ac3a900 3100 0708".replaceAll(
      " ",
      "",
    ),
  );
  expect(readEventMessage(only(data).body)).toEqual({ ...event, presentationTimeDelta: undefined });
});

test("emsg of version 0 counts from its segment", () => {
  const body = bytes("00000000 7500 00 000003e8 00000064 ffffffff 00000002 2a");
  expect(readEventMessage(body)).toEqual({
    schemeIdUri: "u",
    value: "",
    timescale: 1000,
    presentationTime: undefined,
    presentationTimeDelta: 100,
    eventDuration: 0xffffffff,
    id: 2,
    messageData: Uint8Array.of(0x2a),
  });
  expect(() => readEventMessage(bytes("02000000"))).toThrow(expect.objectContaining({ code: "UNSUPPORTED" }));
});

test("sidx, byte for byte, and back", () => {
  const index = {
    referenceId: 1,
    timescale: 90_000,
    earliestPresentationTime: 180_000,
    firstOffset: 0,
    references: [
      { size: 1000, duration: 180_000, index: false, startsWithSap: true, sapType: 1, sapDelta: 0 },
      { size: 0x7fffffff, duration: 0, index: true, startsWithSap: false, sapType: 0, sapDelta: 5 },
    ],
  };
  const data = writeSegmentIndex(index);
  expect(hex(data)).toBe(
    `00000040 73696478 01000000 00000001 00015f90 000000000002bf20 0000000000000000 0000 0002
     000003e8 0002bf20 90000000
     ffffffff 00000000 00000005`.replaceAll(/\s/g, ""),
  );
  expect(readSegmentIndex(data)).toEqual(index);
  expect(readSegmentIndex(writeSegmentType(["msdh"]))).toBeUndefined();
});

test("an emsg or prft that does not fit its fields is refused", () => {
  const event = { schemeIdUri: "urn:x", timescale: 1000, presentationTime: 0, id: 1 };
  const refused = expect.objectContaining({ code: "INVALID_ARGUMENT" });
  for (const change of [
    { id: -1 },
    { timescale: 1.5 },
    { eventDuration: 2 ** 32 },
    { presentationTime: -1 },
    { value: "\0" },
  ]) {
    expect(() => writeEventMessage({ ...event, ...change })).toThrow(refused);
  }
  const reference = { wallClock: 0, mediaTime: 0, trackId: 1 };
  for (const wallClock of [Date.UTC(1968, 0, 20), Date.UTC(2104, 1, 27), Number.NaN]) {
    expect(() => writeProducerReference({ ...reference, wallClock })).toThrow(refused);
  }
  expect(() => writeProducerReference({ ...reference, mediaTime: 0.5 })).toThrow(refused);
});

test("a sidx that does not fit its fields is refused", () => {
  const index = { referenceId: 1, timescale: 1, earliestPresentationTime: 0, references: [] };
  const refused = expect.objectContaining({ code: "INVALID_ARGUMENT" });
  expect(() => writeSegmentIndex({ ...index, references: [{ size: 2 ** 31, duration: 1 }] })).toThrow(refused);
  expect(() => writeSegmentIndex({ ...index, earliestPresentationTime: 0.5 })).toThrow(refused);
  const many = Array.from({ length: 65_536 }, () => ({ size: 1, duration: 1 }));
  expect(() => writeSegmentIndex({ ...index, references: many })).toThrow(refused);
});
