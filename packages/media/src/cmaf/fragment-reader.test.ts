import fc from "fast-check";
import { expect, test } from "vitest";
import { MediaError } from "../errors.ts";
import type { Packet } from "../track.ts";
import { writeEventMessage } from "./event-message.ts";
import { createFragmentReader } from "./fragment-reader.ts";
import { writeFragment } from "./fragment-writer.ts";
import { type InitSegment, readInitSegment } from "./init-reader.ts";
import { writeInitSegment } from "./init-writer.ts";
import { audioTrack, concat, cut, fixture, readAll, videoTrack } from "./testing.ts";

const init = writeInitSegment({ tracks: [videoTrack, audioTrack] });
const packet: Packet = {
  track: videoTrack,
  dts: 0,
  pts: 0,
  duration: 3000,
  keyframe: true,
  data: Uint8Array.of(1, 2, 3),
};
const fragment = writeFragment({ track: videoTrack, packets: [packet], sequenceNumber: 1 });

function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll(/\s/g, ""), "hex"));
}

const names = [
  "ffmpeg-av1.mp4",
  "ffmpeg-h264-aac-edit-lists.mp4",
  "ffmpeg-h264-bframes-aac-frag-every-frame.mp4",
  "ffmpeg-h264-negative-composition-offsets.mp4",
  "gstreamer-h264-aac.mp4",
];

test.each(names)("%s gives the same packets however it is cut", (name) => {
  const file = fixture(name);
  const whole = readAll(file).packets;
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 10 }), (sizes) => {
      const reader = createFragmentReader();
      const packets = cut(file, sizes).flatMap((piece) => reader.push(piece));
      reader.end();
      expect(packets).toEqual(whole);
    }),
    { numRuns: 30 },
  );
  expect(readAll(file, 1).packets).toEqual(whole);
});

test("timestamps of B-frames", () => {
  const times = (name: string) =>
    readAll(fixture(name))
      .packets.filter(({ track }) => track.kind === "video")
      .slice(0, 4)
      .map(({ dts, pts, duration, keyframe }) => [dts, pts, duration, keyframe]);
  expect(times("ffmpeg-h264-bframes-aac-frag-every-frame.mp4")).toEqual([
    [0, 1024, 512, true],
    [512, 2560, 512, false],
    [1024, 1536, 512, false],
    [1536, 2048, 512, false],
  ]);
  expect(times("ffmpeg-h264-negative-composition-offsets.mp4")).toEqual([
    [0, 0, 512, true],
    [512, 1536, 512, false],
    [1024, 512, 512, false],
    [1536, 1024, 512, false],
  ]);
});

test("a packet comes out with its last byte, not later", () => {
  const reader = createFragmentReader();
  const stream = concat([init, fragment]);
  expect(reader.push(stream.subarray(0, -1))).toEqual([]);
  expect(reader.push(stream.subarray(-1))).toHaveLength(1);
});

test("a packet that lies whole in one piece is a view of it, unless it is a small part of it", () => {
  const write = (size: number) =>
    writeFragment({ track: videoTrack, packets: [{ ...packet, data: new Uint8Array(size) }], sequenceNumber: 1 });
  const stream = concat([init, write(5000), write(100)]);
  const [large, small] = createFragmentReader().push(stream);
  expect(large!.data.buffer).toBe(stream.buffer);
  expect(small!.data.buffer.byteLength).toBe(100);
  const reader = createFragmentReader();
  reader.push(stream.subarray(0, -2));
  const [split] = reader.push(stream.subarray(-2));
  expect(split!.data.buffer.byteLength).toBe(100);
});

test("media segments need the initialisation they were cut from", () => {
  const read = readInitSegment(init);
  const packets = createFragmentReader({ init: read }).push(fragment);
  expect(packets).toEqual([{ ...packet, track: read.tracks[0] }]);
  expect(() => createFragmentReader().push(fragment)).toThrow(/option init/);
});

test("the same initialisation again changes nothing; another one makes new tracks", () => {
  const inits: InitSegment[] = [];
  const reader = createFragmentReader({ onInit: (read) => inits.push(read) });
  const [first] = reader.push(concat([init, fragment]));
  const [second] = reader.push(concat([init, fragment]));
  expect(second!.track).toBe(first!.track);
  expect(inits).toHaveLength(1);
  const other = writeInitSegment({ tracks: [{ ...videoTrack, language: "fr" }] });
  const [third] = reader.push(concat([other, fragment]));
  expect(third!.track).toMatchObject({ id: 1, language: "fr" });
  expect(inits.map((read) => read.tracks.length)).toEqual([2, 1]);
  expect(reader.init).toBe(inits[1]);
});

test("emsg and prft are told in front of the packets", () => {
  const seen: unknown[] = [];
  const reader = createFragmentReader({
    onEventMessage: ({ id }) => seen.push(`emsg ${id}`),
    onProducerReference: ({ wallClock, trackId }) => seen.push(`prft ${wallClock} ${trackId}`),
  });
  const event = { schemeIdUri: "urn:x", timescale: 1, presentationTime: 1, id: 7 };
  const prft = { wallClock: 1_700_000_000_000 };
  const stream = concat([
    init,
    writeEventMessage({ ...event, id: 6 }),
    writeFragment({ track: videoTrack, packets: [packet], sequenceNumber: 1, styp: ["cmfl"], prft, emsg: [event] }),
  ]);
  for (const piece of cut(stream, [5])) for (const { dts } of reader.push(piece)) seen.push(dts);
  expect(seen).toEqual(["emsg 6", "prft 1700000000000 1", "emsg 7", 0]);
});

test("a data offset that counts from the fragment, from the file, or from the track before", () => {
  const moof = (tfhd: string, trun: string) => {
    const traf = `${tfhd} 00000010 74666474 00000000 00000000 ${trun}`;
    const size = (text: string) => text.replaceAll(/\s/g, "").length / 2 + 8;
    const box = (type: string, text: string) =>
      `${size(text).toString(16).padStart(8, "0")} ${Buffer.from(type).toString("hex")} ${text}`;
    return bytes(box("moof", box("traf", traf)));
  };
  const run = (offset: number) =>
    `00000018 7472756e 00000201 00000001 ${offset.toString(16).padStart(8, "0")} 00000002`;
  const media = bytes("0000000c 6d646174 0a0b0c0d");
  const read = (bytesOfMoof: Uint8Array) =>
    createFragmentReader()
      .push(concat([init, bytesOfMoof, media]))
      .map(({ data }) => [...data]);

  const fromFragment = moof("00000010 74666864 00020000 00000001", run(0x50));
  expect(read(fromFragment)).toEqual([[10, 11]]);
  expect(read(moof("00000010 74666864 00020000 00000001", run(0x52)))).toEqual([[12, 13]]);
  expect(read(moof("00000010 74666864 00000000 00000001", run(0x50)))).toEqual([[10, 11]]);
  const fromFile = (init.length + 0x50).toString(16).padStart(16, "0");
  expect(read(moof(`00000018 74666864 00000001 00000001 ${fromFile}`, run(8)))).toEqual([[10, 11]]);
});

test.each<[string, Uint8Array, string]>([
  [
    "a fragment of a track that nobody announced",
    concat([init, writeFragment({ track: { ...videoTrack, id: 9 }, packets: [packet], sequenceNumber: 1 })]),
    "MALFORMED",
  ],
  ["a box shorter than its header", bytes("00000007 66726565"), "MALFORMED"],
  ["a moov that never ends", bytes("00000000 6d6f6f76 00"), "LIMIT_EXCEEDED"],
  ["a moof of 4 GB", concat([init, bytes("ffffffff 6d6f6f66")]), "LIMIT_EXCEEDED"],
  ["a box above 2^53 bytes", bytes("00000001 6d6f6f66 ffffffffffffffff"), "LIMIT_EXCEEDED"],
  ["an ordinary MP4", concat([init, bytes("00000009 6d646174 00")]), "UNSUPPORTED"],
  ["a fragment whose samples never come", concat([init, fragment.subarray(0, -11), fragment]), "MALFORMED"],
  [
    "a sample that reaches beyond its mdat",
    concat([init, fragment.subarray(0, -11), bytes("0000000a 6d646174 0102 0000")]),
    "MALFORMED",
  ],
])("%s is refused", (_, stream, code) => {
  const reader = createFragmentReader();
  const refused = expect.objectContaining({ name: "MediaError", code });
  expect(() => reader.push(stream)).toThrow(refused);
  expect(() => reader.push(new Uint8Array(1))).toThrow(refused);
  expect(() => reader.end()).toThrow(refused);
});

test("limits are options", () => {
  const stream = concat([init, fragment]);
  const refused = expect.objectContaining({ code: "LIMIT_EXCEEDED" });
  expect(() => createFragmentReader({ maxSampleBytes: 2 }).push(stream)).toThrow(refused);
  expect(() => createFragmentReader({ maxBoxBytes: 100 }).push(stream)).toThrow(refused);
  expect(createFragmentReader({ maxSampleBytes: 3 }).push(stream)).toHaveLength(1);
});

test.each([
  ["inside of a header", 3],
  ["inside of a moov", 200],
  ["before a fragment's media", init.length + fragment.length - 11],
  ["inside of a sample", init.length + fragment.length - 1],
])("an end %s is told", (_, length) => {
  const reader = createFragmentReader();
  reader.push(concat([init, fragment]).subarray(0, length));
  expect(() => reader.end()).toThrow(expect.objectContaining({ code: "TRUNCATED" }));
});

test("four thousand million samples without a byte cost nothing", () => {
  const traf = "00000018 74666864 00020018 00000001 00000001 00000000 00000014 7472756e 00000001 ffffffff 00000050";
  const moof = bytes(`0000003c 6d6f6f66 00000034 74726166 ${traf}`);
  const reader = createFragmentReader();
  expect(reader.push(concat([init, moof, bytes("00000008 6d646174"), fragment]))).toHaveLength(1);
});

test("a fragment of ever more runs is refused before it costs memory", () => {
  const fragmentOf = (runs: number) => {
    const boxes = bytes("00000010 74666864 00000000 00000001"); // tfhd
    const run = bytes("00000010 7472756e 00000000 00000000");
    const moof = new Uint8Array(16 + boxes.length + runs * run.length);
    const view = new DataView(moof.buffer);
    view.setUint32(0, moof.length);
    moof.set(Buffer.from("moof"), 4);
    view.setUint32(8, moof.length - 8);
    moof.set(Buffer.from("traf"), 12);
    moof.set(boxes, 16);
    for (let index = 0; index < runs; index++) moof.set(run, 16 + boxes.length + index * run.length);
    return concat([init, moof]);
  };
  expect(createFragmentReader().push(fragmentOf(65_536))).toEqual([]);
  expect(() => createFragmentReader().push(fragmentOf(65_537))).toThrow(
    expect.objectContaining({ code: "LIMIT_EXCEEDED" }),
  );
});

test("a decode time before zero, as FFmpeg writes it where it may", () => {
  const early = fragment.slice();
  early.set(bytes("fffffffffffffc18"), Buffer.from(early).indexOf("tfdt") + 8);
  expect(createFragmentReader().push(concat([init, early]))).toMatchObject([{ dts: -1000, pts: -1000 }]);
  early.set(bytes("ffdfffffffffffff"), Buffer.from(early).indexOf("tfdt") + 8);
  expect(() => createFragmentReader().push(concat([init, early]))).toThrow(
    expect.objectContaining({ code: "LIMIT_EXCEEDED" }),
  );
});

test("the decode time goes on where there is no tfdt", () => {
  const without = fragment.slice();
  without.set(Buffer.from("free"), Buffer.from(without).indexOf("tfdt"));
  const packets = createFragmentReader().push(concat([init, without, without, without]));
  expect(packets.map(({ dts }) => dts)).toEqual([0, 3000, 6000]);
});

test("arbitrary bytes, truncations and mutations give packets or a MediaError", () => {
  const files = names.map(fixture);
  const mutations = fc.array(fc.tuple(fc.nat(6000), fc.nat(255)), { maxLength: 8 });
  fc.assert(
    fc.property(
      fc.oneof(fc.constantFrom(...files), fc.uint8Array({ maxLength: 300 })),
      mutations,
      fc.nat(15_000),
      fc.integer({ min: 1, max: 5000 }),
      (file, changes, length, piece) => {
        const stream = file.slice(0, length);
        for (const [at, value] of changes) if (at < stream.length) stream[at] = value;
        const reader = createFragmentReader();
        try {
          for (const part of cut(stream, [piece])) {
            for (const { dts, pts, duration, data } of reader.push(part)) {
              expect(Number.isSafeInteger(dts) && Number.isSafeInteger(pts) && Number.isSafeInteger(duration)).toBe(
                true,
              );
              expect(data.length).toBeGreaterThan(0);
            }
          }
          reader.end();
        } catch (error) {
          expect(error).toBeInstanceOf(MediaError);
        }
      },
    ),
    { numRuns: 1000 },
  );
});
