import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hex, hostileBytes, parsesOrRefuses, probedColour, recordedConfigs, recordedStream } from "../testing.ts";
import {
  type Av1Config,
  av1CodecString,
  av1ConfigFromTemporalUnit,
  av1ConfigSequenceHeader,
  parseAv1Config,
  writeAv1Config,
} from "./config.ts";
import { AV1_OBU, isAv1Keyframe, readObus, stripTemporalDelimiters } from "./obu.ts";
import { parseAv1SequenceHeader } from "./sequence-header.ts";

const recorded = recordedConfigs("av1");
const stream = recordedStream("av1");

/** The temporal units of the elementary stream, each with its delimiter. */
function temporalUnits(): Uint8Array[] {
  const starts: number[] = [];
  for (const { type, bytes } of readObus(stream.elementaryStream)) {
    if (type === AV1_OBU.temporalDelimiter) starts.push(bytes.byteOffset - stream.elementaryStream.byteOffset);
  }
  return starts.map((start, index) => stream.elementaryStream.subarray(start, starts[index + 1]));
}

describe.each(recorded)("the configuration $name", ({ config, ffprobe }) => {
  const av1 = parseAv1Config(config);
  const header = av1ConfigSequenceHeader(av1)!;

  test("tells of the picture what ffprobe tells", () => {
    expect(header).toMatchObject({
      profile: { Main: 0, High: 1 }[ffprobe.profile],
      width: ffprobe.width,
      height: ffprobe.height,
      level: ffprobe.level,
      highTier: false,
      stillPicture: false,
      bitDepth: ffprobe.pix_fmt.endsWith("10le") ? 10 : 8,
      monochrome: false,
      chromaSubsamplingX: ffprobe.pix_fmt.startsWith("yuv420p"),
      chromaSubsamplingY: ffprobe.pix_fmt.startsWith("yuv420p"),
      colour: probedColour(ffprobe),
    });
  });

  test("agrees with its sequence header", () => {
    const { obus, initialPresentationDelay: _, ...fields } = av1;
    expect(header).toMatchObject(fields);
    expect(av1ConfigFromTemporalUnit(obus)).toEqual({ ...fields, obus });
  });

  test("is written again as it was", () => {
    expect(writeAv1Config(av1)).toEqual(config);
  });

  test("is refused when its sequence header is cut off", () => {
    for (let length = 0; length < config.byteLength; length++) {
      // Without OBUs it is whole again.
      if (length === 4) continue;
      const parse = () => av1ConfigSequenceHeader(parseAv1Config(config.subarray(0, length)));
      expect(parse).toThrow(expect.objectContaining({ code: "TRUNCATED" }));
    }
  });
});

test("a codec string is short for BT.709 and tells the colours otherwise", () => {
  const strings = recorded.map(({ config }) => {
    const av1 = parseAv1Config(config);
    return av1CodecString(av1, av1ConfigSequenceHeader(av1));
  });
  expect(strings).toEqual(["av01.0.00M.10.0.110.09.16.09.0", "av01.1.00M.08.0.000.01.01.01.0", "av01.0.01M.08"]);
});

test("a temporal unit loses its delimiter and is the sample of an MP4 file", () => {
  expect(temporalUnits().map(stripTemporalDelimiters)).toEqual(stream.samples.map(({ data }) => data));
  for (const unit of temporalUnits()) expect(stripTemporalDelimiters(unit).buffer).toBe(unit.buffer);
});

test("delimiters are removed wherever they are", () => {
  expect(stripTemporalDelimiters(hex("1200 0a01ff 1200 3201aa"))).toEqual(hex("0a01ff 3201aa"));
  expect(stripTemporalDelimiters(hex("1200"))).toEqual(new Uint8Array());
  const none = hex("3201aa");
  expect(stripTemporalDelimiters(none)).toBe(none);
});

test("keyframes are what an MP4 file marks as such", () => {
  for (const { data, keyframe } of stream.samples) expect(isAv1Keyframe(data)).toBe(keyframe);
  expect(isAv1Keyframe(hex("1200"))).toBe(false);
  // A frame shown again, a key frame that is not shown, a still picture with a reduced header.
  expect(isAv1Keyframe(hex("1a0180"))).toBe(false);
  expect(isAv1Keyframe(hex("320100"))).toBe(false);
  expect(isAv1Keyframe(hex("0a0118 3201ff"))).toBe(true);
});

test("the configuration of an elementary stream is what FFmpeg writes", () => {
  expect(writeAv1Config(av1ConfigFromTemporalUnit(stream.elementaryStream)!)).toEqual(stream.config);
  expect(av1ConfigFromTemporalUnit(stream.samples[1]!.data)).toBeUndefined();
});

test("a sequence header without a size gets one in the configuration", () => {
  const obus = parseAv1Config(stream.config).obus;
  const [header] = readObus(obus);
  const bare = Uint8Array.from([0x08, ...header!.payload]);
  expect(av1ConfigFromTemporalUnit(bare)!.obus).toEqual(obus);
});

test("sizes that exceed the bytes or 32 bits are refused", () => {
  const truncated = expect.objectContaining({ code: "TRUNCATED" });
  const malformed = expect.objectContaining({ code: "MALFORMED" });
  expect(() => [...readObus(hex("0a05ff"))]).toThrow(truncated);
  expect(() => [...readObus(hex("0a80"))]).toThrow(truncated);
  expect(() => [...readObus(hex("0e"))]).toThrow(truncated);
  expect(() => [...readObus(hex("0a 8080808080808080 00"))]).toThrow(malformed);
  expect(() => [...readObus(hex("0a ffffffffff7f"))]).toThrow(malformed);
  expect(() => [...readObus(hex("8a00"))]).toThrow(malformed);
  expect([...readObus(hex("0a 81808000 ff"))]).toHaveLength(1);
});

test("a temporal unit of ever more OBUs is refused before it costs memory", () => {
  const empty = (count: number) => new Uint8Array(2 * count).map((_, index) => (index % 2 === 0 ? 0x7a : 0));
  expect(stripTemporalDelimiters(empty(65_536))).toHaveLength(2 * 65_536);
  expect(() => stripTemporalDelimiters(empty(65_537))).toThrow(expect.objectContaining({ code: "LIMIT_EXCEEDED" }));
});

test("other versions and impossible values are refused", () => {
  expect(() => parseAv1Config(hex("82000c00"))).toThrow(expect.objectContaining({ code: "UNSUPPORTED" }));
  const malformed = expect.objectContaining({ code: "MALFORMED" });
  expect(() => parseAv1Config(hex("01000c00"))).toThrow(malformed);
  expect(() => parseAv1Config(hex("81002c00"))).toThrow(malformed);
  expect(() => parseAv1SequenceHeader(hex("e0000000"))).toThrow(malformed);
  expect(() => parseAv1SequenceHeader(hex("08000000"))).toThrow(malformed);
});

test("what is written is parsed as it was", () => {
  const fields = {
    profile: fc.nat(7),
    level: fc.nat(31),
    highTier: fc.boolean(),
    bitDepth: fc.constantFrom(8, 10, 12),
    monochrome: fc.boolean(),
    chromaSubsamplingX: fc.boolean(),
    chromaSubsamplingY: fc.boolean(),
    chromaSamplePosition: fc.nat(3),
    obus: fc.uint8Array({ maxLength: 30 }),
  };
  const config: fc.Arbitrary<Av1Config> = fc.oneof(
    fc.record(fields),
    fc.record({ ...fields, initialPresentationDelay: fc.integer({ min: 1, max: 16 }) }),
  );
  fc.assert(
    fc.property(config, (value) => {
      expect(parseAv1Config(writeAv1Config(value))).toEqual(value);
    }),
  );
});

test("hostile bytes are parsed or refused with a typed error", () => {
  const configs = recorded.map(({ config }) => config);
  const headers = configs.flatMap((config) => [...readObus(parseAv1Config(config).obus)].map(({ payload }) => payload));
  const units = [...temporalUnits(), ...stream.samples.map(({ data }) => data)];
  fc.assert(fc.property(hostileBytes(configs), (bytes) => parsesOrRefuses(parseAv1Config, bytes)));
  fc.assert(
    fc.property(hostileBytes(headers), (bytes) => parsesOrRefuses(parseAv1SequenceHeader, bytes)),
    {
      numRuns: 2000,
    },
  );
  fc.assert(fc.property(hostileBytes(units), (bytes) => parsesOrRefuses(stripTemporalDelimiters, bytes)));
  fc.assert(fc.property(hostileBytes(units), (bytes) => parsesOrRefuses(isAv1Keyframe, bytes)));
  fc.assert(fc.property(hostileBytes(units), (bytes) => parsesOrRefuses(av1ConfigFromTemporalUnit, bytes)));
});
