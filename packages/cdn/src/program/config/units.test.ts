import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatDuration, formatSize, parseDuration, parseSize } from "./units.ts";

describe("a size", () => {
  test.each([
    ["0", 0],
    ["1048576", 1_048_576],
    ["1KiB", 1024],
    ["512MiB", 512 * 2 ** 20],
    ["1GiB", 2 ** 30],
    ["1.5 GiB", 1.5 * 2 ** 30],
    ["200GB", 200e9],
    ["2tib", 2 * 2 ** 40],
    ["10 kB", 10_000],
  ])("%s has %d bytes", (text, bytes) => expect(parseSize(text)).toBe(bytes));

  test.each(["", "GiB", "1G", "1 Gi", "-1MiB", "1e3", "1MiB 2", "1 MiBs", "0x10", "99999999TiB", "1 constructor"])(
    "%j is none",
    (text) => expect(parseSize(text)).toBeUndefined(),
  );

  test("is written so that it can be read again, to a twentieth", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 999 * 2 ** 40 }), (bytes) => {
        const read = parseSize(formatSize(bytes))!;
        expect(Math.abs(read - bytes) / bytes).toBeLessThanOrEqual(0.05);
      }),
    );
  });
});

describe("a duration", () => {
  test.each([
    ["500ms", 500],
    ["10s", 10_000],
    ["0s", 0],
    ["1.5 s", 1500],
    ["5min", 300_000],
    ["5m", 300_000],
    ["1h", 3_600_000],
    ["7d", 604_800_000],
  ])("%s has %d milliseconds", (text, milliseconds) => expect(parseDuration(text)).toBe(milliseconds));

  test.each(["", "10", "s", "10 seconds", "-1s", "1e9999s"])("%j is none", (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  test.each([
    [0, "0 ms"],
    [450, "450 ms"],
    [59_999, "59 s"],
    [60_000, "1 min"],
    [7_500_000, "2 h 5 min"],
    [90_000_000, "1 d 1 h"],
    [86_405_000, "1 d"],
  ])("of %d is shown as %s", (milliseconds, text) => expect(formatDuration(milliseconds)).toBe(text));
});
