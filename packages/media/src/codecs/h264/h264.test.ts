import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BitWriter } from "../../bytes/bit-writer.ts";
import { readNalUnits } from "../nal/annex-b.ts";
import {
  frameRate,
  hex,
  hostileBytes,
  parsesOrRefuses,
  probedColour,
  recordedConfigs,
  recordedStream,
} from "../testing.ts";
import { type AvcConfig, avcCodecString, avcConfigFromNalUnits, parseAvcConfig, writeAvcConfig } from "./config.ts";
import { isH264Keyframe } from "./nal-unit.ts";
import { parseH264Pps } from "./pps.ts";
import { parseH264Sps } from "./sps.ts";

const recorded = recordedConfigs("h264");
const stream = recordedStream("h264");

describe.each(recorded)("the configuration $name", ({ config, ffprobe }) => {
  const avc = parseAvcConfig(config);
  const sps = parseH264Sps(avc.sps[0]!);

  test("tells of the picture what ffprobe tells", () => {
    expect(sps).toMatchObject({
      width: ffprobe.width,
      height: ffprobe.height,
      levelIdc: ffprobe.level,
      frameRate: frameRate(ffprobe.r_frame_rate),
      progressive: ffprobe.field_order === "progressive",
      reorderDepth: ffprobe.has_b_frames,
      chromaFormatIdc: { yuv420p: 1, yuv422p10le: 2, yuvj444p: 3 }[ffprobe.pix_fmt],
      bitDepthLuma: ffprobe.pix_fmt.endsWith("10le") ? 10 : 8,
      bitDepthChroma: ffprobe.pix_fmt.endsWith("10le") ? 10 : 8,
    });
    const { width, height } = sps.sampleAspectRatio ?? { width: 1, height: 1 };
    expect(`${width}:${height}`).toBe(ffprobe.sample_aspect_ratio);
    if (sps.colour !== undefined) expect(sps.colour).toEqual(probedColour(ffprobe));
    else expect(ffprobe.color_space).toBeUndefined();
  });

  test("is written again as it was, and is what its parameter sets make", () => {
    expect(writeAvcConfig(avc)).toEqual(config);
    expect(writeAvcConfig(avcConfigFromNalUnits([...avc.sps, ...avc.pps, ...avc.sps])!)).toEqual(config);
  });

  test("has a picture parameter set that refers to its sequence", () => {
    const pps = parseH264Pps(avc.pps[0]!);
    expect(pps).toMatchObject({ id: 0, spsId: sps.id, sliceGroups: 1, cabac: ffprobe.has_b_frames > 0 });
    expect(pps.transform8x8).toBe(avc.profileIdc >= 100);
  });

  test("is refused at every length but its own", () => {
    for (let length = 0; length < config.byteLength; length++) {
      // The extension is optional as a whole.
      if (length === config.byteLength - 4 && avc.extension !== undefined) continue;
      expect(() => parseAvcConfig(config.subarray(0, length))).toThrow(expect.objectContaining({ code: "TRUNCATED" }));
    }
  });

  test("has a sequence parameter set that is refused when cut off", () => {
    const nalUnit = avc.sps[0]!;
    for (let length = 0; length < nalUnit.byteLength - 1; length++) {
      expect(() => parseH264Sps(nalUnit.subarray(0, length))).toThrow(expect.objectContaining({ code: "TRUNCATED" }));
    }
  });
});

test("a codec string names profile, constraints and level", () => {
  expect(recorded.map(({ config }) => avcCodecString(parseAvcConfig(config)))).toEqual([
    "avc1.42c015",
    "avc1.64001f",
    "avc1.7a001f",
    "avc1.f4000d",
    "avc1.64001f",
    "avc1.4d401e",
  ]);
});

describe("a stream that does not say how much it reorders", () => {
  /** 352x288, level 1.1, without VUI. */
  function sps(profileIdc: number, constraints: number, picOrderCntType: number): Uint8Array {
    const writer = new BitWriter("test").bits(0x67, 8).bits(profileIdc, 8).bits(constraints, 8).bits(11, 8);
    const ue = (value: number) => writer.bits(value + 1, 2 * Math.floor(Math.log2(value + 1)) + 1);
    ue(0);
    if (profileIdc === 100) ue(1).bits(0b11_0_0, 4);
    ue(0);
    ue(picOrderCntType);
    if (picOrderCntType === 0) ue(0);
    ue(1).flag(false);
    ue(21);
    ue(17).bits(0b11_0_0_1, 5);
    return writer.finish();
  }

  test("may reorder as many pictures as its level buffers", () => {
    expect(parseH264Sps(sps(66, 0, 0))).toMatchObject({ width: 352, height: 288, reorderDepth: 2 });
  });

  test("does not reorder when its order is that of decoding, or all is intra", () => {
    expect(parseH264Sps(sps(66, 0, 2)).reorderDepth).toBe(0);
    expect(parseH264Sps(sps(100, 0x10, 0)).reorderDepth).toBe(0);
  });
});

test("parameter sets in an elementary stream make the configuration that FFmpeg writes", () => {
  expect(writeAvcConfig(avcConfigFromNalUnits(readNalUnits(stream.elementaryStream))!)).toEqual(stream.config);
  expect(avcConfigFromNalUnits(readNalUnits(stream.samples[1]!.data))).toBeUndefined();
});

test("a flood of different parameter sets is refused, one of the same is not", () => {
  const sets = Array.from({ length: 1000 }, (_, index) => Uint8Array.of(0x68, index >> 8, index));
  expect(() => avcConfigFromNalUnits(sets)).toThrow(expect.objectContaining({ code: "LIMIT_EXCEEDED" }));
  expect(avcConfigFromNalUnits(new Array(1000).fill(sets[0]))).toBeUndefined();
});

test("keyframes are the samples with an IDR picture", () => {
  for (const { data, keyframe } of stream.samples) expect(isH264Keyframe(data)).toBe(keyframe);
  expect(isH264Keyframe(new Uint8Array())).toBe(false);
  expect(() => isH264Keyframe(hex("00000009 65"))).toThrow(expect.objectContaining({ code: "TRUNCATED" }));
});

test("other versions, other NAL units and impossible lengths are refused", () => {
  const malformed = expect.objectContaining({ code: "MALFORMED" });
  expect(() => parseAvcConfig(hex("02640 01fffe100"))).toThrow(expect.objectContaining({ code: "UNSUPPORTED" }));
  expect(() => parseAvcConfig(hex("0164001ffee100"))).toThrow(malformed);
  expect(() => parseAvcConfig(hex("0164001fffe10001 6800"))).toThrow(malformed);
  expect(() => parseH264Sps(hex("6864001f"))).toThrow(malformed);
  expect(() => parseH264Pps(hex("6764001f"))).toThrow(malformed);
});

test("what is written is parsed as it was", () => {
  const nalUnit = (type: number) =>
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Uint8Array.from([0x60 | type, ...bytes]));
  const config: fc.Arbitrary<AvcConfig> = fc.record({
    profileIdc: fc.constantFrom(66, 77),
    constraints: fc.nat(255),
    levelIdc: fc.nat(255),
    lengthSize: fc.constantFrom(1, 2, 4),
    sps: fc.array(nalUnit(7), { maxLength: 31 }),
    pps: fc.array(nalUnit(8), { maxLength: 40 }),
  });
  const extension = fc.record({
    chromaFormatIdc: fc.nat(3),
    bitDepthLuma: fc.integer({ min: 8, max: 15 }),
    bitDepthChroma: fc.integer({ min: 8, max: 15 }),
    spsExtensions: fc.array(nalUnit(13), { maxLength: 3 }),
  });
  const high = fc.tuple(config, extension).map(([fields, extra]) => ({ ...fields, profileIdc: 100, extension: extra }));
  fc.assert(
    fc.property(fc.oneof(config, high), (value) => {
      expect(parseAvcConfig(writeAvcConfig(value))).toEqual(value);
    }),
  );
});

test("what does not fit is not written", () => {
  const invalid = expect.objectContaining({ code: "INVALID_ARGUMENT" });
  const config = parseAvcConfig(stream.config);
  expect(() => writeAvcConfig({ ...config, lengthSize: 3 })).toThrow(invalid);
  expect(() => writeAvcConfig({ ...config, sps: new Array(32).fill(config.sps[0]) })).toThrow(invalid);
  expect(() => writeAvcConfig({ ...config, pps: [new Uint8Array(70_000)] })).toThrow(invalid);
});

test("hostile bytes are parsed or refused with a typed error", () => {
  const configs = recorded.map(({ config }) => config);
  const sps = configs.flatMap((config) => parseAvcConfig(config).sps);
  const pps = configs.flatMap((config) => parseAvcConfig(config).pps);
  fc.assert(fc.property(hostileBytes(configs), (bytes) => parsesOrRefuses(parseAvcConfig, bytes)));
  fc.assert(
    fc.property(hostileBytes(sps), (bytes) => parsesOrRefuses(parseH264Sps, bytes)),
    { numRuns: 2000 },
  );
  fc.assert(fc.property(hostileBytes(pps), (bytes) => parsesOrRefuses(parseH264Pps, bytes)));
  const nalUnits = fc.array(hostileBytes([...sps, ...pps]), { maxLength: 4 });
  fc.assert(fc.property(nalUnits, (units) => parsesOrRefuses(() => avcConfigFromNalUnits(units), new Uint8Array())));
  const samples = stream.samples.map(({ data }) => data);
  fc.assert(fc.property(hostileBytes(samples), (bytes) => parsesOrRefuses(isH264Keyframe, bytes)));
});
