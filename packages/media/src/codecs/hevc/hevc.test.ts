import fc from "fast-check";
import { describe, expect, test } from "vitest";
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
import { type HevcConfig, hevcConfigFromNalUnits, parseHevcConfig, writeHevcConfig } from "./config.ts";
import { isHevcKeyframe } from "./nal-unit.ts";
import { parseHevcPps } from "./pps.ts";
import { hevcCodecString } from "./profile.ts";
import { parseHevcSps } from "./sps.ts";
import { parseHevcVps } from "./vps.ts";

const recorded = recordedConfigs("hevc");
const stream = recordedStream("hevc");

function parameterSet(config: HevcConfig, type: number): Uint8Array {
  return config.arrays.find((array) => array.type === type)!.nalUnits[0]!;
}

describe.each(recorded)("the configuration $name", ({ config, ffprobe }) => {
  const hevc = parseHevcConfig(config);
  const sps = parseHevcSps(parameterSet(hevc, 33));

  test("tells of the picture what ffprobe tells", () => {
    expect(sps).toMatchObject({
      width: ffprobe.width,
      height: ffprobe.height,
      frameRate: frameRate(ffprobe.r_frame_rate),
      reorderDepth: ffprobe.has_b_frames,
      chromaFormatIdc: { yuv420p: 1, yuv420p10le: 1, yuv422p: 2, yuv444p: 3 }[ffprobe.pix_fmt],
      bitDepthLuma: ffprobe.pix_fmt.endsWith("10le") ? 10 : 8,
      bitDepthChroma: ffprobe.pix_fmt.endsWith("10le") ? 10 : 8,
      profile: { levelIdc: ffprobe.level, highTier: false },
    });
    if (sps.colour !== undefined) expect(sps.colour).toEqual(probedColour(ffprobe));
    else expect(ffprobe.color_space).toBeUndefined();
  });

  test("agrees with its parameter sets", () => {
    expect(hevc.profile).toEqual(sps.profile);
    expect(parseHevcVps(parameterSet(hevc, 32))).toMatchObject({
      profile: sps.profile,
      layers: 1,
      subLayers: sps.subLayers,
      reorderDepth: sps.reorderDepth,
    });
    expect(parseHevcPps(parameterSet(hevc, 34))).toMatchObject({ id: 0, spsId: sps.id, tiles: false });
  });

  test("is written again as it was", () => {
    expect(writeHevcConfig(hevc)).toEqual(config);
  });

  test("is what its parameter sets make", () => {
    const made = hevcConfigFromNalUnits(hevc.arrays.flatMap(({ nalUnits }) => [...nalUnits, ...nalUnits]))!;
    const { arrays, ...fields } = made;
    expect(hevc).toMatchObject(fields);
    expect(arrays).toEqual(hevc.arrays.filter(({ type }) => type < 35));
  });

  test("is refused at every length but its own", () => {
    for (let length = 0; length < config.byteLength; length++) {
      expect(() => parseHevcConfig(config.subarray(0, length))).toThrow(expect.objectContaining({ code: "TRUNCATED" }));
    }
  });

  test("has a sequence parameter set that is refused when cut off", () => {
    const nalUnit = parameterSet(hevc, 33);
    for (let length = 0; length < nalUnit.byteLength - 2; length++) {
      expect(() => parseHevcSps(nalUnit.subarray(0, length))).toThrow(expect.objectContaining({ code: "TRUNCATED" }));
    }
  });
});

test("a codec string names profile, compatibility, tier, level and constraints", () => {
  expect(recorded.map(({ config }) => hevcCodecString(parseHevcConfig(config).profile))).toEqual([
    "hvc1.4.10.L60.9D.8",
    "hvc1.4.10.L60.9E.8",
    "hvc1.1.6.L93.90",
    "hvc1.2.4.L123.90",
  ]);
  const profile = { profileSpace: 1, highTier: true, profileIdc: 1, compatibility: 0x60000000, levelIdc: 120 };
  expect(hevcCodecString({ ...profile, constraints: 0xb00000000000 })).toBe("hvc1.A1.6.H120.B0");
  expect(hevcCodecString({ ...profile, constraints: 0 })).toBe("hvc1.A1.6.H120");
  expect(hevcCodecString({ ...profile, constraints: 0x900000000001 })).toBe("hvc1.A1.6.H120.90.0.0.0.0.1");
});

test("parameter sets in an elementary stream make the configuration that FFmpeg writes", () => {
  const made = hevcConfigFromNalUnits(readNalUnits(stream.elementaryStream))!;
  expect(writeHevcConfig(made)).toEqual(stream.config);
  expect(hevcConfigFromNalUnits([])).toBeUndefined();
});

test("keyframes are the samples with an IRAP picture", () => {
  for (const { data, keyframe } of stream.samples) expect(isHevcKeyframe(data)).toBe(keyframe);
  for (const type of [16, 17, 18, 19, 20, 21])
    expect(isHevcKeyframe(Uint8Array.of(0, 0, 0, 2, type << 1, 1))).toBe(true);
  for (const type of [0, 1, 9, 22, 35]) expect(isHevcKeyframe(Uint8Array.of(0, 0, 0, 2, type << 1, 1))).toBe(false);
});

test("other versions, other NAL units and impossible lengths are refused", () => {
  const malformed = expect.objectContaining({ code: "MALFORMED" });
  const changed = (at: number, value: number) => {
    const copy = stream.config.slice();
    copy[at] = value;
    return copy;
  };
  expect(() => parseHevcConfig(changed(0, 2))).toThrow(expect.objectContaining({ code: "UNSUPPORTED" }));
  expect(() => parseHevcConfig(changed(21, 0x0e))).toThrow(malformed);
  expect(() => parseHevcConfig(changed(23, 0x21))).toThrow(malformed);
  expect(() => parseHevcSps(hex("4001"))).toThrow(malformed);
});

test("a configuration of more than a thousand NAL units is refused", () => {
  const config = parseHevcConfig(stream.config);
  const sei = (count: number) => ({
    type: 39,
    complete: false,
    nalUnits: Array.from({ length: count }, () => Uint8Array.of(39 << 1, 1)),
  });
  const written = (...counts: number[]) => writeHevcConfig({ ...config, arrays: counts.map(sei) });
  expect(parseHevcConfig(written(512, 512)).arrays).toHaveLength(2);
  expect(() => parseHevcConfig(written(512, 513))).toThrow(expect.objectContaining({ code: "LIMIT_EXCEEDED" }));
});

test("what is written is parsed as it was", () => {
  const array = fc
    .record({
      type: fc.nat(63),
      complete: fc.boolean(),
      bodies: fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 3 }),
    })
    .map(({ type, complete, bodies }) => ({
      type,
      complete,
      nalUnits: bodies.map((body) => Uint8Array.from([type << 1, 1, ...body])),
    }));
  const config: fc.Arbitrary<HevcConfig> = fc.record({
    profile: fc.record({
      profileSpace: fc.nat(3),
      highTier: fc.boolean(),
      profileIdc: fc.nat(31),
      compatibility: fc.nat(0xffffffff),
      constraints: fc.maxSafeNat().map((value) => value % 2 ** 48),
      levelIdc: fc.nat(255),
    }),
    minSpatialSegmentationIdc: fc.nat(4095),
    parallelismType: fc.nat(3),
    chromaFormatIdc: fc.nat(3),
    bitDepthLuma: fc.integer({ min: 8, max: 15 }),
    bitDepthChroma: fc.integer({ min: 8, max: 15 }),
    averageFrameRate: fc.nat(65535),
    constantFrameRate: fc.nat(3),
    temporalLayers: fc.nat(7),
    temporalIdNested: fc.boolean(),
    lengthSize: fc.constantFrom(1, 2, 4),
    arrays: fc.array(array, { maxLength: 4 }),
  });
  fc.assert(
    fc.property(config, (value) => {
      expect(parseHevcConfig(writeHevcConfig(value))).toEqual(value);
    }),
  );
});

test("hostile bytes are parsed or refused with a typed error", () => {
  const configs = recorded.map(({ config }) => config);
  const sets = (type: number) => configs.map((config) => parameterSet(parseHevcConfig(config), type));
  fc.assert(fc.property(hostileBytes(configs), (bytes) => parsesOrRefuses(parseHevcConfig, bytes)));
  fc.assert(fc.property(hostileBytes(sets(32)), (bytes) => parsesOrRefuses(parseHevcVps, bytes)));
  fc.assert(
    fc.property(hostileBytes(sets(33)), (bytes) => parsesOrRefuses(parseHevcSps, bytes)),
    { numRuns: 2000 },
  );
  fc.assert(fc.property(hostileBytes(sets(34)), (bytes) => parsesOrRefuses(parseHevcPps, bytes)));
  const samples = stream.samples.map(({ data }) => data);
  fc.assert(fc.property(hostileBytes(samples), (bytes) => parsesOrRefuses(isHevcKeyframe, bytes)));
});
