import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hex, hostileBytes, parsesOrRefuses, recordedConfigs } from "../testing.ts";
import {
  isOpusHead,
  type OpusConfig,
  parseOpusConfig,
  parseOpusHead,
  writeOpusConfig,
  writeOpusHead,
} from "./config.ts";
import { opusPacketDuration } from "./packet.ts";

const recorded = recordedConfigs("opus");
/** OpusHead of the same streams, from FFmpeg's Ogg files. */
const heads: Readonly<Record<string, Uint8Array>> = {
  stereo: hex("4f70757348656164 01 02 3801 80bb0000 0000 00"),
  "51": hex("4f70757348656164 01 06 3801 80bb0000 0000 01 04 02 000401020305"),
};

describe.each(recorded)("the configuration $name", ({ name, config, ffprobe }) => {
  test("tells what ffprobe tells", () => {
    expect(parseOpusConfig(config)).toMatchObject({
      channels: ffprobe.channels,
      inputSampleRate: Number(ffprobe.sample_rate),
      preSkip: 312,
      outputGain: 0,
      mappingFamily: ffprobe.channels > 2 ? 1 : 0,
    });
  });

  test("says the same in dOps and in OpusHead, and is written as it was", () => {
    const head = heads[name]!;
    expect(parseOpusHead(head)).toEqual(parseOpusConfig(config));
    expect(writeOpusConfig(parseOpusHead(head))).toEqual(config);
    expect(writeOpusHead(parseOpusConfig(config))).toEqual(head);
    expect([isOpusHead(head), isOpusHead(config)]).toEqual([true, false]);
  });

  test("is refused at every length but its own", () => {
    const truncated = expect.objectContaining({ code: "TRUNCATED" });
    const head = heads[name]!;
    for (let length = 0; length < config.byteLength; length++) {
      expect(() => parseOpusConfig(config.subarray(0, length))).toThrow(truncated);
    }
    for (let length = 0; length < head.byteLength; length++) {
      expect(() => parseOpusHead(head.subarray(0, length))).toThrow(truncated);
    }
  });
});

test("other versions and impossible channels are refused", () => {
  const malformed = expect.objectContaining({ code: "MALFORMED" });
  const unsupported = expect.objectContaining({ code: "UNSUPPORTED" });
  expect(() => parseOpusConfig(hex("01 02 0138 0000bb80 0000 00"))).toThrow(unsupported);
  expect(() => parseOpusHead(hex("4f70757348656164 10 02 3801 80bb0000 0000 00"))).toThrow(unsupported);
  expect(() => parseOpusHead(hex("4f70757354616773 01"))).toThrow(malformed);
  expect(() => parseOpusConfig(hex("00 00 0138 0000bb80 0000 00"))).toThrow(malformed);
  expect(() => parseOpusConfig(hex("00 03 0138 0000bb80 0000 00"))).toThrow(malformed);
  expect(() => parseOpusConfig(hex("00 02 0138 0000bb80 0000 01 00 00 0001"))).toThrow(malformed);
  expect(() => parseOpusConfig(hex("00 02 0138 0000bb80 0000 01 01 01 0002"))).toThrow(malformed);
  expect(parseOpusConfig(hex("00 02 0138 0000bb80 0000 01 01 01 00ff")).mapping?.table).toEqual(hex("00ff"));
});

test("what is written is parsed as it was, in both forms", () => {
  const fields = {
    channels: fc.integer({ min: 1, max: 2 }),
    preSkip: fc.nat(65535),
    inputSampleRate: fc.nat(0xffffffff),
    outputGain: fc.integer({ min: -32768, max: 32767 }),
  };
  const plain = fc.record({ ...fields, mappingFamily: fc.constant(0) });
  const mapped = fc
    .record({
      ...fields,
      channels: fc.integer({ min: 1, max: 255 }),
      mappingFamily: fc.constantFrom(1, 2, 3, 255),
      streams: fc.integer({ min: 1, max: 5 }),
      coupledStreams: fc.nat(1),
    })
    .map(({ streams, coupledStreams, ...rest }) => {
      const length = rest.mappingFamily === 3 ? 2 * rest.channels * (streams + coupledStreams) : rest.channels;
      return { ...rest, mapping: { streams, coupledStreams, table: new Uint8Array(length) } };
    });
  fc.assert(
    fc.property(fc.oneof<fc.Arbitrary<OpusConfig>[]>(plain, mapped), (config) => {
      expect(parseOpusConfig(writeOpusConfig(config))).toEqual(config);
      expect(parseOpusHead(writeOpusHead(config))).toEqual(config);
    }),
  );
});

test("a mapping must fit its family to be written", () => {
  const config = parseOpusConfig(recorded[0]!.config);
  const invalid = expect.objectContaining({ code: "INVALID_ARGUMENT" });
  expect(() => writeOpusConfig({ ...config, mappingFamily: 0 })).toThrow(invalid);
  expect(() => writeOpusConfig({ ...config, outputGain: 40_000 })).toThrow(invalid);
});

describe("the duration of a packet", () => {
  test("is that of its frames, at 48 kHz", () => {
    const milliseconds = (bytes: string) => opusPacketDuration(hex(bytes)) / 48;
    // SILK 10 to 60 ms, hybrid 10 and 20, CELT 2.5 to 20.
    expect(["00", "08", "10", "18"].map(milliseconds)).toEqual([10, 20, 40, 60]);
    expect(["60", "68", "70", "78"].map(milliseconds)).toEqual([10, 20, 10, 20]);
    expect(["80", "88", "90", "98", "f8", "fc"].map(milliseconds)).toEqual([2.5, 5, 10, 20, 20, 20]);
    expect(["f9", "fa", "fb03", "fb83", "fbc6"].map(milliseconds)).toEqual([40, 40, 60, 60, 120]);
  });

  test("is refused for an empty packet, no frames, and more than 120 ms", () => {
    expect(() => opusPacketDuration(new Uint8Array())).toThrow(expect.objectContaining({ code: "TRUNCATED" }));
    expect(() => opusPacketDuration(hex("fb"))).toThrow(expect.objectContaining({ code: "TRUNCATED" }));
    expect(() => opusPacketDuration(hex("fb00"))).toThrow(expect.objectContaining({ code: "MALFORMED" }));
    expect(() => opusPacketDuration(hex("fb07"))).toThrow(expect.objectContaining({ code: "MALFORMED" }));
  });
});

test("hostile bytes are parsed or refused with a typed error", () => {
  const configs = recorded.map(({ config }) => config);
  fc.assert(fc.property(hostileBytes(configs), (bytes) => parsesOrRefuses(parseOpusConfig, bytes)));
  fc.assert(fc.property(hostileBytes(Object.values(heads)), (bytes) => parsesOrRefuses(parseOpusHead, bytes)));
  fc.assert(fc.property(hostileBytes(configs), (bytes) => parsesOrRefuses(opusPacketDuration, bytes)));
});
