import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hex, hostileBytes, parsesOrRefuses, recordedConfigs } from "../testing.ts";
import { audioSpecificConfigFromAdts, parseAdtsHeader, readAdtsFrames } from "./adts.ts";
import { aacCodecString, parseAudioSpecificConfig, writeAudioSpecificConfig } from "./config.ts";
import { AAC_CHANNELS, AAC_SAMPLE_RATES } from "./tables.ts";

const recorded = recordedConfigs("aac");

describe.each(recorded)("the configuration $name", ({ name, config, ffprobe }) => {
  test("tells what ffprobe tells", () => {
    const parsed = parseAudioSpecificConfig(config);
    expect(parsed).toMatchObject({
      objectType: { LC: 2, LD: 23, ELD: 39 }[ffprobe.profile],
      sampleRate: Number(ffprobe.sample_rate),
      channels: ffprobe.channels,
      sbr: "none",
      ps: false,
      frameLength: ffprobe.profile === "LC" ? 1024 : 512,
      channelConfiguration: name.includes("pce") ? 0 : ffprobe.channels,
    });
  });

  test("is refused when cut off before its extension", () => {
    const least = { LC: 2, LD: 3, ELD: 3 }[ffprobe.profile]!;
    for (let length = 0; length < least; length++) {
      const parse = () => parseAudioSpecificConfig(config.subarray(0, length));
      expect(parse).toThrow(expect.objectContaining({ code: "TRUNCATED" }));
    }
  });
});

describe("spectral band replication and parametric stereo", () => {
  const output = { objectType: 2, sampleRate: 44100, coreSampleRate: 22050, samplesPerFrame: 2048, frameLength: 1024 };

  test("in front of the configuration", () => {
    const sbr = { ...output, sbr: "hierarchical", ps: false, channels: 2, channelConfiguration: 2 };
    expect(parseAudioSpecificConfig(hex("2b920800"))).toEqual(sbr);
    expect(parseAudioSpecificConfig(hex("eb8a0800"))).toEqual({ ...sbr, ps: true, channelConfiguration: 1 });
  });

  test("behind the configuration", () => {
    const sbr = { ...output, sbr: "backward-compatible", ps: false, channels: 2, channelConfiguration: 2 };
    expect(parseAudioSpecificConfig(hex("139056e5a0"))).toEqual(sbr);
    expect(parseAudioSpecificConfig(hex("138856e5a54880"))).toEqual({ ...sbr, ps: true, channelConfiguration: 1 });
  });

  test("not at all, or signalled as absent", () => {
    expect(parseAudioSpecificConfig(hex("1390"))).toMatchObject({
      sbr: "none",
      sampleRate: 22050,
      samplesPerFrame: 1024,
    });
    expect(parseAudioSpecificConfig(hex("121056e500"))).toMatchObject({ sbr: "none", sampleRate: 44100 });
  });

  test("at the rate of the core makes no more samples", () => {
    const config = writeAudioSpecificConfig({
      objectType: 2,
      coreSampleRate: 48000,
      channelConfiguration: 2,
      sbr: "hierarchical",
      sampleRate: 48000,
    });
    expect(parseAudioSpecificConfig(config)).toMatchObject({ sampleRate: 48000, samplesPerFrame: 1024 });
  });

  test("have codec strings of their own, however signalled", () => {
    const strings = ["1210", "2b920800", "139056e5a0", "eb8a0800", "138856e5a54880", "f8e64000"].map((text) =>
      aacCodecString(parseAudioSpecificConfig(hex(text))),
    );
    expect(strings).toEqual(["mp4a.40.2", "mp4a.40.5", "mp4a.40.5", "mp4a.40.29", "mp4a.40.29", "mp4a.40.39"]);
  });
});

test("sample rates outside the table are escaped", () => {
  const config = writeAudioSpecificConfig({ objectType: 2, coreSampleRate: 44056, channelConfiguration: 1 });
  expect(config).toEqual(hex("178056 0c08"));
  expect(parseAudioSpecificConfig(config)).toMatchObject({ sampleRate: 44056, channels: 1 });
});

test("xHE-AAC tells its frame length itself", () => {
  // Object type 42, 24 kHz, stereo; index 3: 1024 of the core, 2048 of the output.
  const parsed = parseAudioSpecificConfig(hex("f94c 4660"));
  expect(parsed).toMatchObject({ objectType: 42, channels: 2, frameLength: 1024, samplesPerFrame: 2048 });
});

test("frames of 960 samples are told apart", () => {
  const fields = { objectType: 2, coreSampleRate: 48000, channelConfiguration: 2, frameLength: 960 };
  expect(parseAudioSpecificConfig(writeAudioSpecificConfig(fields))).toMatchObject({ frameLength: 960 });
});

test("reserved values and other codecs are refused", () => {
  const malformed = expect.objectContaining({ code: "MALFORMED" });
  const unsupported = expect.objectContaining({ code: "UNSUPPORTED" });
  expect(() => parseAudioSpecificConfig(hex("1690"))).toThrow(malformed);
  expect(() => parseAudioSpecificConfig(hex("1240"))).toThrow(malformed);
  expect(() => parseAudioSpecificConfig(hex("0a10"))).not.toThrow();
  expect(() => parseAudioSpecificConfig(hex("4210"))).toThrow(unsupported);
  const config = { objectType: 2, coreSampleRate: 48000, channelConfiguration: 2 };
  expect(() => writeAudioSpecificConfig({ ...config, objectType: 42 })).toThrow(unsupported);
  expect(() => writeAudioSpecificConfig({ ...config, channelConfiguration: 0 })).toThrow(unsupported);
  expect(() => writeAudioSpecificConfig({ ...config, frameLength: 1000 })).toThrow(
    expect.objectContaining({ code: "INVALID_ARGUMENT" }),
  );
});

test("what is written is parsed as it was", () => {
  const sbr = fc.constantFrom("none" as const, "hierarchical" as const, "backward-compatible" as const);
  const fields = fc.record({
    objectType: fc.constantFrom(1, 2, 3, 4, 17, 19, 23),
    coreSampleRate: fc.oneof(fc.constantFrom(...AAC_SAMPLE_RATES), fc.integer({ min: 1, max: 0xffffff })),
    channelConfiguration: fc.constantFrom(1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 14),
    short: fc.boolean(),
    sbr,
    wantsPs: fc.boolean(),
  });
  fc.assert(
    fc.property(fields, ({ short, wantsPs, ...rest }) => {
      const [full, reduced] = rest.objectType === 23 ? [512, 480] : [1024, 960];
      const ps = wantsPs && rest.sbr !== "none";
      const sampleRate = rest.sbr === "none" ? rest.coreSampleRate : Math.min(0xffffff, 2 * rest.coreSampleRate);
      const frameLength = short ? reduced : full;
      const value = { ...rest, ps, sampleRate, frameLength };
      const channels = AAC_CHANNELS[rest.channelConfiguration]!;
      expect(parseAudioSpecificConfig(writeAudioSpecificConfig(value))).toEqual({
        ...value,
        channels: ps && channels === 1 ? 2 : channels,
        samplesPerFrame: sampleRate === 2 * rest.coreSampleRate ? 2 * frameLength : frameLength,
      });
    }),
  );
});

describe("ADTS", () => {
  const header = hex("fff15080 013ffc");
  const frame = (data: string) => Uint8Array.from([...header, ...hex(data)]);

  test("a header is what FFmpeg writes for stereo at 44.1 kHz", () => {
    expect(parseAdtsHeader(hex("fff150802b3ffcde02"))).toEqual({
      objectType: 2,
      sampleRate: 44100,
      channelConfiguration: 2,
      headerLength: 7,
      frameLength: 345,
      blocks: 1,
    });
  });

  test("frames lose their headers, checksums included", () => {
    const checked = hex("fff05080 017ffc abcd 0102");
    const frames = [...readAdtsFrames(Uint8Array.from([...frame("0102"), ...checked]))];
    expect(frames.map(({ data }) => data)).toEqual([hex("0102"), hex("0102")]);
  });

  test("a header makes an AudioSpecificConfig", () => {
    const fields = audioSpecificConfigFromAdts(parseAdtsHeader(frame("0102")));
    expect(writeAudioSpecificConfig(fields)).toEqual(hex("1210"));
  });

  test("is refused without a syncword, cut off, with reserved values, and where it cannot be split", () => {
    const malformed = expect.objectContaining({ code: "MALFORMED" });
    const truncated = expect.objectContaining({ code: "TRUNCATED" });
    const unsupported = expect.objectContaining({ code: "UNSUPPORTED" });
    expect(() => parseAdtsHeader(hex("fff15080013f"))).toThrow(truncated);
    expect(() => parseAdtsHeader(hex("fef15080013ffc"))).toThrow(malformed);
    expect(() => parseAdtsHeader(hex("fff17480013ffc"))).toThrow(malformed);
    expect(() => parseAdtsHeader(hex("fff15080001ffc"))).toThrow(malformed);
    expect(() => [...readAdtsFrames(frame("01"))]).toThrow(truncated);
    expect(() => [...readAdtsFrames(hex("fff15080013ffd0102"))]).toThrow(unsupported);
    const described = parseAdtsHeader(hex("fff15000 013ffc"));
    expect(() => audioSpecificConfigFromAdts(described)).toThrow(unsupported);
  });

  test("hostile bytes are split or refused with a typed error", () => {
    const valid = [Uint8Array.from([...frame("0102"), ...frame("0304")])];
    fc.assert(fc.property(hostileBytes(valid), (bytes) => parsesOrRefuses((it) => [...readAdtsFrames(it)], bytes)));
  });
});

test("hostile configurations are parsed or refused with a typed error", () => {
  const valid = [...recorded.map(({ config }) => config), hex("138856e5a54880"), hex("eb8a0800"), hex("f94c4660")];
  fc.assert(
    fc.property(hostileBytes(valid), (bytes) => parsesOrRefuses(parseAudioSpecificConfig, bytes)),
    {
      numRuns: 2000,
    },
  );
});
