import { expect, test } from "vitest";
import type { Track } from "../track.ts";
import { readBoxes } from "./box-reader.ts";
import { readInitSegment } from "./init-reader.ts";
import { writeInitSegment } from "./init-writer.ts";
import { audioTrack, hex, trackFixture, videoTrack } from "./testing.ts";

/** Of the sample entry, with its boxes. */
function sampleEntry(track: Track): string {
  for (const box of readBoxes(writeInitSegment({ tracks: [track] }), { depth: 5 })) {
    if (box.type === "stsd") return hex(box.body.subarray(8));
  }
  throw new Error("no stsd");
}

function bodies(track: Track): Map<string, string> {
  const init = writeInitSegment({ tracks: [track] });
  return new Map([...readBoxes(init, { depth: 5 })].map((box) => [box.type, hex(box.body)]));
}

test("an initialisation segment, byte for byte", () => {
  const track = { ...audioTrack, language: "de" };
  const matrix = "00010000 00000000 00000000 00000000 00010000 00000000 00000000 00000000 40000000";
  expect(hex(writeInitSegment({ tracks: [track] }))).toBe(
    `
    0000001c 66747970 69736f36 00000000 69736f36 636d6663 64617368
    00000238 6d6f6f76
      0000006c 6d766864 00000000 00000000 00000000 000003e8 00000000 00010000 0100 0000 00000000 00000000
        ${matrix} 00000000 00000000 00000000 00000000 00000000 00000000 00000003
      0000019c 7472616b
        0000005c 746b6864 00000003 00000000 00000000 00000002 00000000 00000000 00000000 00000000 0000 0000 0100 0000
          ${matrix} 00000000 00000000
        00000138 6d646961
          00000020 6d646864 00000000 00000000 00000000 0000bb80 00000000 10b5 0000
          0000002d 68646c72 00000000 00000000 736f756e 00000000 00000000 00000000 536f756e6448616e646c6572 00
          000000e3 6d696e66
            00000010 736d6864 00000000 0000 0000
            00000024 64696e66 0000001c 64726566 00000000 00000001 0000000c 75726c20 00000001
            000000a7 7374626c
              0000005b 73747364 00000000 00000001
                0000004b 6d703461 000000000000 0001 00000000 00000000 0002 0010 0000 0000 bb800000
                  00000027 65736473 00000000
                    03 19 0000 00  04 11 40 15 000000 00000000 00000000  05 02 1190  06 01 02
              00000010 73747473 00000000 00000000
              00000010 73747363 00000000 00000000
              00000014 7374737a 00000000 00000000 00000000
              00000010 7374636f 00000000 00000000
      00000028 6d766578
        00000020 74726578 00000000 00000002 00000001 00000000 00000000 02000000
    `.replaceAll(/\s/g, ""),
  );
});

test("several tracks are no CMAF header", () => {
  expect(readInitSegment(writeInitSegment({ tracks: [videoTrack, audioTrack] })).brands).toEqual(["iso6", "dash"]);
});

test.each([
  ["ffmpeg-h264-bframes-aac-frag-every-frame.mp4", "avc1"],
  ["ffmpeg-hevc-hvc1.mp4", "hvc1"],
  ["ffmpeg-hevc-hev1.mp4", "hvc1"],
  ["ffmpeg-av1.mp4", "av01"],
  ["ffmpeg-opus.mp4", "Opus"],
  ["ffmpeg-mp3.mp4", "mp4a"],
])("the track of %s is written as %s and read back the same", (name, format) => {
  const { track } = trackFixture(name);
  const init = readInitSegment(writeInitSegment({ tracks: [track] }));
  expect(init.details.get(track.id)).toMatchObject({ sampleEntry: format, presentationOffset: 0 });
  if (name.includes("hev1")) expect(init.tracks[0]).toMatchObject({ codec: track.codec, kind: "video", width: 160 });
  else expect(init.tracks).toEqual([track]);
});

test("audio and video, language and bitrate of a track are read back the same", () => {
  const { track } = trackFixture("ffmpeg-opus.mp4");
  for (const language of ["en", "zh-Hant-TW", "gsw", "de-CH"]) {
    const tracks: Track[] = [{ ...track, language, bitrate: 128_000 }];
    expect(readInitSegment(writeInitSegment({ tracks })).tracks).toEqual(tracks);
  }
});

test("an elementary stream descriptor, with lengths above 127 in two bytes", () => {
  const config = new Uint8Array(200).fill(0x11);
  const esds = sampleEntry({ ...audioTrack, config, bitrate: 128_000 }).slice(72);
  expect(esds.slice(0, 94)).toBe(
    "000000f0 65736473 00000000 038161 0000 00 048158 40 15 000000 0001f400 0001f400 058148 11111111111111111111".replaceAll(
      " ",
      "",
    ),
  );
  expect(esds.slice(24 + (3 + 3 + 3 + 13 + 3 + 200) * 2)).toBe(
    "060102 00000014 62747274 00000000 0001f400 0001f400".replaceAll(" ", ""),
  );
});

test.each([
  ["mp4a.6b", "6b"],
  ["mp4a.40.34", "6b"],
  ["mp4a.69", "69"],
  ["mp3", "6b"],
])("MP3 as %s has object type %s and no configuration", (codec, objectType) => {
  const track: Track = { ...audioTrack, codec, config: new Uint8Array(0), sampleRate: 44_100 };
  expect(sampleEntry(track).slice(64)).toBe(
    `ac440000 00000023 65736473 00000000 0315 0000 00 040d ${objectType} 15 000000 00000000 00000000 060102`.replaceAll(
      " ",
      "",
    ),
  );
});

test("colours and pixel shape come from the configuration", () => {
  const { track } = trackFixture("ffmpeg-h264-bframes-aac-frag-every-frame.mp4");
  expect(sampleEntry(track)).toContain(`${hex(Buffer.from("colrnclx"))}00010001000100`);
  expect(sampleEntry(track)).not.toContain(hex(Buffer.from("pasp")));
});

test("hvc1 says that its parameter sets are complete, also when they came from hev1", () => {
  const { track } = trackFixture("ffmpeg-hevc-hev1.mp4");
  const [rewritten] = readInitSegment(writeInitSegment({ tracks: [track] })).tracks;
  expect([...track.config].map((byte) => byte.toString(16))).toContain("20");
  expect([0x20, 0x21, 0x22].map((type) => rewritten!.config.includes(type | 0x80))).toEqual([true, true, true]);
});

test("rates above 16 bits are in the configuration alone, and Opus is always at 48 kHz", () => {
  const rate = (track: Track) => sampleEntry(track).slice(64, 72);
  expect(rate({ ...audioTrack, sampleRate: 96_000 })).toBe("00000000");
  expect(rate({ ...trackFixture("ffmpeg-opus.mp4").track, sampleRate: 24_000 } as Track)).toBe("bb800000");
});

test("track headers show the size, and trex what most samples are", () => {
  expect(bodies(videoTrack).get("tkhd")!.slice(-16)).toBe("00a00000005a0000");
  expect(bodies(videoTrack).get("trex")!.slice(-8)).toBe("01010000");
});

test("there is no edit list", () => {
  const boxes = [...readBoxes(writeInitSegment({ tracks: [videoTrack] }), { depth: 16 })];
  expect(boxes.map((box) => box.type)).not.toContain("edts");
  expect(boxes.map((box) => box.type)).toContain("trex");
});

test.each<[string, readonly Track[], string]>([
  ["no track", [], "INVALID_ARGUMENT"],
  ["two tracks of one id", [videoTrack, { ...audioTrack, id: 1 }], "INVALID_ARGUMENT"],
  ["track id 0", [{ ...videoTrack, id: 0 }], "INVALID_ARGUMENT"],
  ["a fractional timescale", [{ ...videoTrack, timescale: 29.97 }], "INVALID_ARGUMENT"],
  ["audio as video", [{ ...videoTrack, codec: "mp4a.40.2" }], "INVALID_ARGUMENT"],
  ["a picture without width", [{ ...videoTrack, width: 0 }], "INVALID_ARGUMENT"],
  ["a picture wider than its field", [{ ...videoTrack, width: 65_536 }], "INVALID_ARGUMENT"],
  ["AAC without a configuration", [{ ...audioTrack, config: new Uint8Array(0) }], "INVALID_ARGUMENT"],
  ["a codec nobody knows", [{ ...videoTrack, codec: "vp09.00.10.08" }], "UNSUPPORTED"],
  ["AC-4 in MPEG-4 clothes", [{ ...audioTrack, codec: "mp4a.ae" }], "UNSUPPORTED"],
])("%s is refused", (_, tracks, code) => {
  expect(() => writeInitSegment({ tracks })).toThrow(expect.objectContaining({ name: "MediaError", code }));
});

test("equal tracks give equal bytes", () => {
  const { track } = trackFixture("ffmpeg-av1.mp4");
  expect(hex(writeInitSegment({ tracks: [track] }))).toBe(hex(writeInitSegment({ tracks: [{ ...track }] })));
});
