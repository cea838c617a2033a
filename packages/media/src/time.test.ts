import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareTimes, createTimestampUnwrapper, rescale, secondsToTicks, ticksToSeconds } from "./time.ts";

const ticks = fc.maxSafeInteger();
const timescale = fc.oneof(
  fc.constantFrom(1, 1000, 44_100, 48_000, 90_000, 10_000_000),
  fc.integer({ min: 1, max: 2 ** 40 }),
);
const invalid = expect.objectContaining({ code: "INVALID_ARGUMENT" });

describe("rescale", () => {
  test("rounds to nearest, or as told", () => {
    expect(rescale(1, 1000, 90_000)).toBe(90);
    expect([rescale(1, 3, 1), rescale(2, 3, 1), rescale(1, 2, 1), rescale(-1, 2, 1)]).toEqual([0, 1, 1, 0]);
    expect([rescale(5, 3, 1, "floor"), rescale(-1, 3, 1, "floor")]).toEqual([1, -1]);
    expect([rescale(4, 3, 1, "ceil"), rescale(-1, 3, 1, "ceil")]).toEqual([2, 0]);
  });

  test("is what whole numbers of any size say", () => {
    fc.assert(
      fc.property(ticks, timescale, timescale, (value, from, to) => {
        const product = BigInt(value) * BigInt(to);
        const divisor = BigInt(from);
        const floor = product / divisor - (product % divisor < 0n ? 1n : 0n);
        const remainder = product - floor * divisor;
        const expected = {
          floor,
          ceil: remainder > 0n ? floor + 1n : floor,
          round: 2n * remainder >= divisor ? floor + 1n : floor,
        };
        for (const rounding of ["floor", "ceil", "round"] as const) {
          const result = Number(expected[rounding]);
          if (Number.isSafeInteger(result)) expect(rescale(value, from, to, rounding)).toBe(result);
          else
            expect(() => rescale(value, from, to, rounding)).toThrow(
              expect.objectContaining({ code: "LIMIT_EXCEEDED" }),
            );
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("brings a time to a finer scale and back", () => {
    fc.assert(
      fc.property(fc.integer({ min: -(10 ** 9), max: 10 ** 9 }), (value) => {
        expect(rescale(rescale(value, 1000, 44_100), 44_100, 1000)).toBe(value);
      }),
    );
  });

  test("refuses fractions and scales that are none", () => {
    expect(() => rescale(0.5, 1, 2)).toThrow(invalid);
    expect(() => rescale(2 ** 53, 1, 2)).toThrow(invalid);
    expect(() => rescale(1, 0, 2)).toThrow(invalid);
    expect(() => rescale(1, 1, 1.5)).toThrow(invalid);
  });
});

test("times of two scales compare as whole numbers of any size do", () => {
  fc.assert(
    fc.property(ticks, timescale, ticks, timescale, (a, aScale, b, bScale) => {
      const left = BigInt(a) * BigInt(bScale);
      const right = BigInt(b) * BigInt(aScale);
      expect(Math.sign(compareTimes(a, aScale, b, bScale))).toBe(left < right ? -1 : left > right ? 1 : 0);
    }),
  );
  expect(compareTimes(90_000, 90_000, 48_000, 48_000)).toBe(0);
  expect(() => compareTimes(Number.NaN, 1, 1, 2)).toThrow(invalid);
  expect(() => compareTimes(2 ** 52, 0, 2 ** 52, 2 ** 52)).toThrow(invalid);
});

test("seconds become ticks and back", () => {
  expect(secondsToTicks(1 / 3, 90_000)).toBe(30_000);
  expect(ticksToSeconds(30_000, 90_000)).toBeCloseTo(1 / 3);
  expect(() => secondsToTicks(Number.POSITIVE_INFINITY, 90_000)).toThrow(invalid);
});

describe("a timestamp unwrapper", () => {
  test("counts on where the counter wraps, and back for late packets", () => {
    const { unwrap, reset } = createTimestampUnwrapper(32);
    expect([2 ** 32 - 10, 5, 2 ** 32 - 5, 20].map(unwrap)).toEqual([
      2 ** 32 - 10,
      2 ** 32 + 5,
      2 ** 32 - 5,
      2 ** 32 + 20,
    ]);
    reset();
    expect([5, 2 ** 32 - 5].map(unwrap)).toEqual([5, -5]);
  });

  test("follows every course whose steps are below half the range", () => {
    const course = fc.array(fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 }), { maxLength: 100 });
    fc.assert(
      fc.property(fc.nat(2 ** 16 - 1), course, (start, steps) => {
        const { unwrap } = createTimestampUnwrapper(16);
        let time = start;
        expect(unwrap(start)).toBe(start);
        for (const step of steps) {
          time += step;
          expect(unwrap(((time % 2 ** 16) + 2 ** 16) % 2 ** 16)).toBe(time);
        }
      }),
    );
  });

  test("refuses values that do not fit its counter, and counters of no width", () => {
    const { unwrap } = createTimestampUnwrapper(33);
    expect(() => unwrap(2 ** 33)).toThrow(invalid);
    expect(() => unwrap(-1)).toThrow(invalid);
    expect(() => unwrap(0.5)).toThrow(invalid);
    expect(() => createTimestampUnwrapper(0)).toThrow(invalid);
    expect(() => createTimestampUnwrapper(64)).toThrow(invalid);
  });
});
