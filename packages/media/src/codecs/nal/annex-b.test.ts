import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hex, hostileBytes, parsesOrRefuses, recordedStream } from "../testing.ts";
import {
  annexBToLengthPrefixed,
  lengthPrefixedToAnnexB,
  readLengthPrefixedNalUnits,
  readNalUnits,
  unescapeNalUnit,
} from "./annex-b.ts";

describe.each(["h264", "hevc"] as const)("%s", (codec) => {
  const { elementaryStream, samples } = recordedStream(codec);
  const nalUnits = samples.flatMap(({ data }) => [...readLengthPrefixedNalUnits(data)]);
  const isSlice = (nalUnit: Uint8Array) =>
    codec === "h264" ? (nalUnit[0]! & 0x1f) <= 5 : ((nalUnit[0]! >> 1) & 0x3f) < 32;

  test("an elementary stream has the NAL units that the samples of an MP4 file have", () => {
    expect([...readNalUnits(elementaryStream)].filter(isSlice)).toEqual(nalUnits);
  });

  test("it becomes those samples, its parameter sets left out", () => {
    const all = new Uint8Array(samples.flatMap(({ data }) => [...data]));
    expect(annexBToLengthPrefixed(elementaryStream, isSlice)).toEqual(all);
  });

  test("a sample becomes an access unit, with the parameter sets in front", () => {
    const sets = [...readNalUnits(elementaryStream)].filter((nalUnit) => !isSlice(nalUnit));
    const annexB = lengthPrefixedToAnnexB(samples[0]!.data, 4, sets);
    expect([...readNalUnits(annexB)]).toEqual([...sets, ...readLengthPrefixedNalUnits(samples[0]!.data)]);
  });
});

describe("Annex B", () => {
  test("has start codes of three bytes, four, or more; zeros before them belong to nobody", () => {
    expect([...readNalUnits(hex("00000001 6501 000001 4102 0000000000 01 06"))]).toEqual([
      hex("6501"),
      hex("4102"),
      hex("06"),
    ]);
  });

  test("may begin with bytes of no NAL unit, and have empty ones", () => {
    expect([...readNalUnits(hex("aabb 000001 000001 65 00000001"))]).toEqual([hex("65")]);
    expect([...readNalUnits(hex("65010203"))]).toEqual([]);
    expect([...readNalUnits(new Uint8Array())]).toEqual([]);
  });

  test("gives views, and conversion a copy", () => {
    const annexB = hex("00000001 6501");
    expect([...readNalUnits(annexB)][0]!.buffer).toBe(annexB.buffer);
    expect(annexBToLengthPrefixed(annexB).buffer).not.toBe(annexB.buffer);
  });
});

describe("length prefixes", () => {
  test("have one to four bytes", () => {
    const nalUnits = [hex("65 01"), hex("06")];
    expect([...readLengthPrefixedNalUnits(hex("02 6501 01 06"), 1)]).toEqual(nalUnits);
    expect([...readLengthPrefixedNalUnits(hex("0002 6501 0001 06"), 2)]).toEqual(nalUnits);
    expect([...readLengthPrefixedNalUnits(hex("00000002 6501 00000000 00000001 06"))]).toEqual(nalUnits);
    expect(lengthPrefixedToAnnexB(hex("0002 6501 0000 0001 06"), 2)).toEqual(hex("00000001 6501 00000001 06"));
  });

  test("are refused where they exceed the sample", () => {
    const truncated = expect.objectContaining({ code: "TRUNCATED" });
    expect(() => [...readLengthPrefixedNalUnits(hex("00000003 6501"))]).toThrow(truncated);
    expect(() => lengthPrefixedToAnnexB(hex("ffffffff 65"))).toThrow(truncated);
    expect(() => lengthPrefixedToAnnexB(hex("0000"))).toThrow(truncated);
    expect(() => lengthPrefixedToAnnexB(hex("01 65"), 5)).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT" }),
    );
  });
});

describe("emulation prevention", () => {
  test("bytes are removed, also two with only zeros between, and one at the end", () => {
    expect(unescapeNalUnit(hex("67 000003 01 000003 000003 04 0003 000003"))).toEqual(
      hex("67 0000 01 0000 0000 04 0003 0000"),
    );
  });

  test("is not copied where there is none", () => {
    const nalUnit = hex("67 0000 0102 03 00 03");
    expect(unescapeNalUnit(nalUnit)).toBe(nalUnit);
  });

  test("is undone for every content", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(0, 0, 0, 1, 2, 3, 4, 255), { maxLength: 60 }), (content) => {
        expect([...unescapeNalUnit(escapeBytes(content))]).toEqual(content);
      }),
    );
  });
});

/** H.264 §7.4.1.1, byte by byte. */
function escapeBytes(content: readonly number[]): Uint8Array {
  const escaped: number[] = [];
  let zeros = 0;
  for (const byte of content) {
    if (zeros === 2 && byte <= 3) {
      escaped.push(3);
      zeros = 0;
    }
    escaped.push(byte);
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return Uint8Array.from(escaped);
}

/** A NAL unit as an encoder makes it: escaped, and not ending in zero. */
const nalUnit = fc
  .array(fc.constantFrom(0, 0, 0, 1, 2, 3, 4, 255), { maxLength: 30 })
  .map((content) => Uint8Array.from([0x65, ...escapeBytes(content), 0x80]));

test("both framings carry the same NAL units, there and back", () => {
  const startCode = fc.constantFrom([0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0, 0, 1]);
  fc.assert(
    fc.property(fc.array(fc.tuple(startCode, nalUnit), { maxLength: 8 }), (parts) => {
      const nalUnits = parts.map(([, unit]) => unit);
      const annexB = Uint8Array.from(parts.flatMap(([code, unit]) => [...code, ...unit]));
      expect([...readNalUnits(annexB)]).toEqual(nalUnits);
      const sample = annexBToLengthPrefixed(annexB);
      expect([...readLengthPrefixedNalUnits(sample)]).toEqual(nalUnits);
      expect(annexBToLengthPrefixed(lengthPrefixedToAnnexB(sample))).toEqual(sample);
    }),
  );
});

test("arbitrary bytes are split as a reader that looks at every byte splits them", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(0, 0, 0, 1, 1, 2, 3, 255), { maxLength: 60 }), (content) => {
      const text = content.map((byte) => String.fromCharCode(byte)).join("");
      const expected = text
        .split("\0\0\x01")
        .slice(1)
        .map((part) => part.replace(/\0+$/, ""))
        .filter((part) => part !== "");
      const actual = [...readNalUnits(Uint8Array.from(content))].map((unit) => String.fromCharCode(...unit));
      expect(actual).toEqual(expected);
    }),
    { numRuns: 1000 },
  );
});

test("hostile samples are read or refused with a typed error", () => {
  const valid = recordedStream("h264").samples.map(({ data }) => data);
  fc.assert(fc.property(hostileBytes(valid), (bytes) => parsesOrRefuses(lengthPrefixedToAnnexB, bytes)));
  fc.assert(
    fc.property(hostileBytes(valid), (bytes) => parsesOrRefuses((it) => [...readLengthPrefixedNalUnits(it)], bytes)),
  );
});
