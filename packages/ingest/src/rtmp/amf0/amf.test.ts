import fc from "fast-check";
import { expect, test } from "vitest";
import { errorCode } from "../../testing/error-code.ts";
import { hex } from "../../testing/made-source.ts";
import { readAmf3 } from "../amf3/amf3-reader.ts";
import { writeAmf3 } from "../amf3/amf3-writer.ts";
import type { AmfLimits, AmfValue } from "./amf-value.ts";
import { readAmf0 } from "./amf0-reader.ts";
import { writeAmf0 } from "./amf0-writer.ts";

const key = fc.string({ minLength: 1, maxLength: 12 });

function values(bytes: boolean): fc.Arbitrary<AmfValue> {
  const { value } = fc.letrec<{ value: AmfValue }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.constantFrom<AmfValue>(null, undefined, true, false, 0, -0, 2 ** 28, -(2 ** 28) - 1, 70_000.5),
      fc.double({ noNaN: true }),
      fc.string({ maxLength: 20 }),
      fc.date({ noInvalidDate: true }),
      ...(bytes ? [fc.uint8Array({ maxLength: 20 })] : []),
      fc.array(tie("value"), { maxLength: 4 }),
      fc.dictionary(key, tie("value"), { maxKeys: 4, noNullPrototype: false }),
      fc.array(fc.tuple(key, tie("value")), { minLength: 1, maxLength: 4 }).map((entries) => new Map(entries)),
    ),
  }));
  return value;
}

/** Decoded objects have no prototype; that is no difference here. */
function plain(value: AmfValue): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return new Map([...value].map(([name, member]) => [name, plain(member as AmfValue)]));
  if (value instanceof Date || value instanceof Uint8Array || typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member as AmfValue)]));
}

test("AMF0 values survive writing and reading", () => {
  fc.assert(
    fc.property(fc.array(values(false), { maxLength: 4 }), (list) => {
      expect(readAmf0(writeAmf0(...list)).map(plain)).toEqual(list.map(plain));
    }),
  );
});

test("AMF3 values survive writing and reading", () => {
  fc.assert(
    fc.property(fc.array(values(true), { maxLength: 4 }), (list) => {
      expect(readAmf3(writeAmf3(...list)).map(plain)).toEqual(list.map(plain));
    }),
  );
});

test("AMF3 within AMF0, by its avmplus marker", () => {
  const bytes = Uint8Array.of(...writeAmf0("a"), 0x11, ...writeAmf3({ x: [1, "y"] }), ...writeAmf0(2));
  expect(readAmf0(bytes).map(plain)).toEqual(["a", { x: [1, "y"] }, 2]);
});

test("AMF3 references to strings, objects and traits", () => {
  // [{a: "b"} as a sealed trait, the same trait again, the first object again]
  const bytes = hex("09 07 01  0a 13 01 03 61 06 03 62  0a 01 06 02  0a 02");
  const [list] = readAmf3(bytes);
  expect(plain(list)).toEqual([{ a: "b" }, { a: "b" }, { a: "b" }]);
});

test("AMF0 references and long strings", () => {
  const object = hex("03 0001 61 0a 00000002 0700 00 05 0000 09");
  const [value] = readAmf0(object);
  expect(Object.keys(value as object)).toEqual(["a"]);
  expect((value as { a: AmfValue[] }).a[0]).toBe(value);
  expect(readAmf0(writeAmf0("x".repeat(70_000)))).toEqual(["x".repeat(70_000)]);
});

test("the count of an ECMA array is only a hint", () => {
  expect(readAmf0(hex("08 ffffffff 0001 61 05 0000 09"))).toEqual([new Map([["a", null]])]);
});

test("a key like __proto__ means nothing", () => {
  const [value] = readAmf0(hex("03 0009 5f5f70726f746f5f5f 03 0001 61 05 0000 09 0000 09"));
  expect(Object.getPrototypeOf(value)).toBeNull();
  expect(({} as { a?: unknown }).a).toBeUndefined();
});

const bombs: readonly [name: string, run: () => unknown, code: string][] = [
  ["AMF0 objects nested without end", () => readAmf0(hex("03000161".repeat(10_000))), "AMF_TOO_DEEP"],
  ["AMF0 arrays nested without end", () => readAmf0(hex("0a00000001".repeat(10_000))), "AMF_TOO_DEEP"],
  ["AMF0 array of four thousand million", () => readAmf0(hex("0affffffff05")), "INVALID_AMF"],
  ["AMF0 array of too many", () => readAmf0(hex(`0a00002000${"05".repeat(0x2000)}`)), "AMF_TOO_LARGE"],
  ["AMF0 values without end", () => readAmf0(new Uint8Array(10_000).fill(5)), "AMF_TOO_LARGE"],
  ["AMF0 string beyond the end", () => readAmf0(hex("02ffff61")), "INVALID_AMF"],
  ["AMF0 reference to nothing", () => readAmf0(hex("070005")), "INVALID_AMF"],
  ["AMF3 arrays nested without end", () => readAmf3(hex("090301".repeat(10_000))), "AMF_TOO_DEEP"],
  ["AMF3 within AMF0 nested without end", () => readAmf0(hex(`11${"090301".repeat(10_000)}`)), "AMF_TOO_DEEP"],
  ["AMF3 vector of 5000 integers", () => readAmf3(hex(`0d ce11 00 ${"00".repeat(5000 * 4)}`)), "AMF_TOO_LARGE"],
  ["AMF3 traits of too many", () => readAmf3(hex(`0a ffffff03 01${"01".repeat(100)}`)), "INVALID_AMF"],
  ["AMF3 externalizable", () => readAmf3(hex("0a 07 01")), "INVALID_AMF"],
  ["AMF3 string that is not known", () => readAmf3(hex("06 08")), "INVALID_AMF"],
];

for (const [name, run, code] of bombs) test(`AMF bomb: ${name}`, () => expect(errorCode(run)).toBe(code));

test("arbitrary bytes give values or a typed error, never anything else", () => {
  const limits: AmfLimits = { maxDepth: 8, maxValues: 100 };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      errorCode(() => readAmf0(bytes, limits));
      errorCode(() => readAmf3(bytes, limits));
    }),
    { numRuns: 1000 },
  );
});
