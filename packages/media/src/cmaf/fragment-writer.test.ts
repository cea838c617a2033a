import fc from "fast-check";
import { expect, test } from "vitest";
import type { Packet } from "../track.ts";
import { readBoxes } from "./box-reader.ts";
import { createFragmentReader } from "./fragment-reader.ts";
import { type FragmentOptions, writeFragment, writeFragmentChunks } from "./fragment-writer.ts";
import { readInitSegment } from "./init-reader.ts";
import { writeInitSegment } from "./init-writer.ts";
import { audioTrack, concat, cut, hex, packetLists, videoTrack } from "./testing.ts";

const track = videoTrack;

function frame(dts: number, fields: Partial<Packet> = {}): Packet {
  return { track, dts, pts: dts, duration: 3000, keyframe: false, data: Uint8Array.of(0xaa, 0xbb), ...fields };
}

function boxOf(bytes: Uint8Array, type: string): string {
  for (const box of readBoxes(bytes, { depth: 3 })) if (box.type === type) return hex(box.body);
  throw new Error(`no ${type}`);
}

test("a fragment, byte for byte", () => {
  const packets = [
    frame(90_000, { keyframe: true, pts: 93_000, data: Uint8Array.of(1, 2, 3) }),
    frame(93_000, { pts: 99_000, data: Uint8Array.of(4) }),
    frame(96_000, { pts: 96_000, data: Uint8Array.of(5, 6) }),
  ];
  expect(hex(writeFragment({ track, packets, sequenceNumber: 7, styp: ["cmfl"] }))).toBe(
    [
      "00000014 73747970 636d666c 00000000 636d666c", // styp: major brand cmfl
      "0000007c 6d6f6f66", // moof
      "00000010 6d666864 00000000 00000007", // mfhd: sequence number
      "00000064 74726166", // traf
      "00000018 74666864 00020028 00000001 00000bb8 01010000", // tfhd: default base, duration 3000, non-sync
      "00000014 74666474 01000000 0000000000015f90", // tfdt: 64 bits
      "00000030 7472756e 01000a05 00000003 00000084 02000000", // trun: 3 samples, data offset, first sample is sync
      "00000003 00000bb8", // size and composition offset of each
      "00000001 00001770",
      "00000002 00000000",
      "0000000e 6d646174 01 02 03 04 05 06", // mdat
    ]
      .join("")
      .replaceAll(" ", ""),
  );
});

test("what all samples share is written once", () => {
  const packets = [frame(0), frame(3000), frame(6000)];
  const bytes = writeFragment({ track, packets, sequenceNumber: 1 });
  expect(boxOf(bytes, "tfhd")).toBe("000200380000000100000bb80000000201010000");
  expect(boxOf(bytes, "trun")).toBe("01000001000000030000006c");
});

test("audio samples are all sync samples, by default flags", () => {
  const packets = [0, 1024, 2048].map((dts) => frame(dts, { duration: 1024, keyframe: true }));
  const bytes = writeFragment({ track: audioTrack, packets, sequenceNumber: 1 });
  expect(boxOf(bytes, "tfhd")).toBe("0002003800000002000004000000000202000000");
  expect(boxOf(bytes, "trun")).toBe("01000001000000030000006c");
});

test("keyframes in the middle have flags of their own", () => {
  const packets = [frame(0), frame(3000, { keyframe: true }), frame(6000)];
  const bytes = writeFragment({ track, packets, sequenceNumber: 1 });
  expect(boxOf(bytes, "tfhd")).toBe("000200180000000100000bb800000002");
  expect(boxOf(bytes, "trun")).toBe("010004010000000300000074010100000200000001010000");
});

test("durations are the differences of dts, and the last packet's own", () => {
  const packets = [frame(0, { duration: 1 }), frame(1000, { duration: 1 }), frame(3000, { duration: 17 })];
  expect(boxOf(writeFragment({ track, packets, sequenceNumber: 1 }), "trun")).toBe(
    "010001010000000300000074000003e8000007d000000011",
  );
});

test("a composition offset below zero is signed", () => {
  const bytes = writeFragment({ track, packets: [frame(3000, { pts: 2000 })], sequenceNumber: 1 });
  expect(boxOf(bytes, "trun")).toBe("010008010000000100000070fffffc18");
});

test("a decode time above 32 bits and the option decodeTime", () => {
  const packets = [frame(0)];
  const decodeTime = Number.MAX_SAFE_INTEGER;
  expect(boxOf(writeFragment({ track, packets, sequenceNumber: 1, decodeTime }), "tfdt")).toBe(
    "01000000001fffffffffffff",
  );
  expect(boxOf(writeFragment({ track, packets: [frame(2 ** 32 + 5)], sequenceNumber: 1 }), "tfdt")).toBe(
    "010000000000000100000005",
  );
});

test("styp, prft and emsg stand in front of moof, in this order", () => {
  const event = { schemeIdUri: "urn:x", timescale: 90_000, presentationTime: 90_000, id: 1 };
  const prft = { wallClock: 1_700_000_000_500 };
  const bytes = writeFragment({
    track,
    packets: [frame(90_000)],
    sequenceNumber: 1,
    styp: ["cmfs", "lmsg"],
    prft,
    emsg: [event, event],
  });
  expect([...readBoxes(bytes)].map((box) => box.type)).toEqual(["styp", "prft", "emsg", "emsg", "moof", "mdat"]);
  expect(boxOf(bytes, "prft")).toBe(`0100000000000001e8fe6f80800000000000000000015f90`);
});

test("chunks are the header and the packets' own bytes, and add up to the fragment", () => {
  fc.assert(
    fc.property(packetLists(track), (packets) => {
      const options: FragmentOptions = { track, packets, sequenceNumber: 1, styp: ["cmff"], prft: { wallClock: 0 } };
      const chunks = writeFragmentChunks(options);
      expect(chunks.slice(1)).toEqual(packets.map(({ data }) => data));
      for (const [i, { data }] of packets.entries()) expect(chunks[i + 1]).toBe(data);
      expect(hex(concat(chunks))).toBe(hex(writeFragment(options)));
    }),
  );
});

test("whatever is written reads back the same, however the bytes are cut", () => {
  fc.assert(
    fc.property(
      packetLists(track),
      packetLists(audioTrack),
      fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 8 }),
      (video, audio, sizes) => {
        const init = writeInitSegment({ tracks: [track, audioTrack] });
        const options = {
          sequenceNumber: 1,
          styp: ["cmfl"],
          emsg: [{ schemeIdUri: "urn:x", timescale: 1, presentationTime: 1, id: 1 }],
        };
        const stream = concat([
          init,
          writeFragment({ ...options, track, packets: video }),
          writeFragment({ ...options, track: audioTrack, packets: audio, prft: { wallClock: 5 } }),
        ]);
        const reader = createFragmentReader();
        const packets = cut(stream, sizes).flatMap((piece) => reader.push(piece));
        reader.end();
        const [videoRead, audioRead] = readInitSegment(init).tracks;
        const expected = [
          ...video.map((packet) => ({ ...packet, track: videoRead })),
          ...audio.map((packet) => ({ ...packet, track: audioRead })),
        ];
        expect(packets).toEqual(expected);
      },
    ),
  );
});

test.each<[string, readonly Packet[], Partial<FragmentOptions>]>([
  ["no packets", [], {}],
  ["dts that stands still", [frame(10), frame(10)], {}],
  ["dts that goes back", [frame(10), frame(5)], {}],
  ["a duration below zero", [frame(0, { duration: -1 })], {}],
  ["a fractional duration", [frame(0, { duration: 0.5 })], {}],
  ["a duration above 32 bits", [frame(0, { duration: 2 ** 32 })], {}],
  ["a fractional pts", [frame(0, { pts: 0.5 })], {}],
  ["a composition offset above 31 bits", [frame(0, { pts: 2 ** 31 })], {}],
  ["a dts below zero", [frame(-1)], {}],
  ["a dts that is no safe integer", [frame(2 ** 53)], {}],
  ["a dts that is no number", [frame(Number.NaN)], {}],
  ["a fractional decode time", [frame(0)], { decodeTime: 1.5 }],
  ["a styp without a brand", [frame(0)], { styp: [] }],
  ["a brand of five letters", [frame(0)], { styp: ["cmfls"] }],
  ["a brand beyond Latin-1", [frame(0)], { styp: ["cmf€"] }],
  ["a prft of no time", [frame(0)], { prft: { wallClock: Number.NaN } }],
  ["an emsg with a NUL", [frame(0)], { emsg: [{ schemeIdUri: "a\0b", timescale: 1, presentationTime: 0, id: 1 }] }],
])("%s is refused", (_, packets, options) => {
  const refused = expect.objectContaining({ name: "MediaError", code: "INVALID_ARGUMENT" });
  expect(() => writeFragment({ track, packets, sequenceNumber: 1, ...options })).toThrow(refused);
  expect(() => writeFragmentChunks({ track, packets, sequenceNumber: 1, ...options })).toThrow(refused);
});
