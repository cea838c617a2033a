import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseDateTime } from "./date-time.ts";

const parse = (text: string): number => parseDateTime(text, 1, "the date");

test("any instant of the years 0 to 9999 is read as the platform reads it", () => {
  const instant = fc.integer({ min: Date.parse("0000-01-01T00:00:00Z"), max: Date.parse("9999-12-31T23:59:59.999Z") });
  fc.assert(
    fc.property(instant, (milliseconds) => {
      expect(parse(new Date(milliseconds).toISOString())).toBe(milliseconds);
    }),
  );
});

test.each([
  ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000Z"],
  ["2026-01-02T03:04:05", "2026-01-02T03:04:05.000Z"],
  ["2026-01-02T03:04:05.6Z", "2026-01-02T03:04:05.600Z"],
  ["2026-01-02T03:04:05.123999999Z", "2026-01-02T03:04:05.123Z"],
  ["2026-01-02T03:04:05,5+01", "2026-01-02T02:04:05.500Z"],
  ["2026-01-02T03:04:05+0130", "2026-01-02T01:34:05.000Z"],
  ["2026-01-02T03:04:05.25-01:30", "2026-01-02T04:34:05.250Z"],
  ["2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"],
  ["2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"],
])("%s is %s", (text, iso) => {
  expect(new Date(parse(text)).toISOString()).toBe(iso);
});

describe("no date", () => {
  test.each([
    ...[
      "",
      "2026",
      "2026-01-02",
      "2026-01-02 03:04:05Z",
      "2026-13-01T00:00:00Z",
      "2026-00-01T00:00:00Z",
      "2026-01-00T00:00:00Z",
    ],
    ...[
      "2026-02-29T00:00:00Z",
      "1900-02-29T00:00:00Z",
      "2026-01-02T24:00:00Z",
      "2026-01-02T03:60:00Z",
      "2026-01-02T03:04:61Z",
    ],
    ...["2026-01-02T03:04:05+24:00", "2026-01-02T03:04:05+01:60", "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05z"],
  ])("%j", (text) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ name: "MediaError", line: expect.any(Number) }));
  });
});
