import fc from "fast-check";
import { expect, test } from "vitest";
import { hex, hostileBytes, parsesOrRefuses } from "../testing.ts";
import { mp3CodecString, parseMp3Header } from "./header.ts";

/** First headers of FFmpeg's files, with what ffprobe says of these: rate, channels, bit rate and the size of the first packet. */
const recorded = [
  {
    header: hex("fffb9064"),
    version: 1,
    layer: 3,
    bitrate: 128_000,
    sampleRate: 44100,
    channels: 2,
    frameLength: 417,
    samples: 1152,
  },
  {
    header: hex("fff340c4"),
    version: 2,
    layer: 3,
    bitrate: 32_000,
    sampleRate: 22050,
    channels: 1,
    frameLength: 104,
    samples: 576,
  },
  {
    header: hex("ffe320c4"),
    version: 2.5,
    layer: 3,
    bitrate: 16_000,
    sampleRate: 11025,
    channels: 1,
    frameLength: 104,
    samples: 576,
  },
  {
    header: hex("fffde404"),
    version: 1,
    layer: 2,
    bitrate: 384_000,
    sampleRate: 48000,
    channels: 2,
    frameLength: 1152,
    samples: 1152,
  },
] as const;

test.each(recorded)("a header tells what ffprobe tells: MPEG-$version layer $layer", ({ header, ...expected }) => {
  expect(parseMp3Header(header)).toEqual(expected);
});

test("padding is a byte in layer III and a word in layer I", () => {
  expect(parseMp3Header(hex("fffb9264")).frameLength).toBe(418);
  expect(parseMp3Header(hex("ffff9000"))).toMatchObject({ layer: 1, bitrate: 288_000, frameLength: 312, samples: 384 });
  expect(parseMp3Header(hex("ffff9200")).frameLength).toBe(316);
});

test("the codec string tells MPEG-1 from its half rates", () => {
  expect(recorded.slice(0, 3).map(({ header }) => mp3CodecString(parseMp3Header(header)))).toEqual([
    "mp4a.6b",
    "mp4a.69",
    "mp4a.69",
  ]);
});

test("reserved values, a missing syncword and the free format are refused", () => {
  const malformed = expect.objectContaining({ code: "MALFORMED" });
  for (const header of ["fefb9064", "ff1b9064", "ffeb9064", "fff99064", "fffbf064", "fffb9c64"]) {
    expect(() => parseMp3Header(hex(header))).toThrow(malformed);
  }
  expect(() => parseMp3Header(hex("fffb0064"))).toThrow(expect.objectContaining({ code: "UNSUPPORTED" }));
  expect(() => parseMp3Header(hex("fffb90"))).toThrow(expect.objectContaining({ code: "TRUNCATED" }));
});

test("hostile bytes are parsed or refused, and every frame is longer than its header", () => {
  fc.assert(
    fc.property(hostileBytes(recorded.map(({ header }) => header)), (bytes) =>
      parsesOrRefuses((it) => expect(parseMp3Header(it).frameLength).toBeGreaterThan(4), bytes),
    ),
    { numRuns: 1000 },
  );
});
