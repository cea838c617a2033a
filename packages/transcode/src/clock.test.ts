import { expect, onTestFinished, test, vi } from "vitest";
import { systemWallClock } from "./clock.ts";

test("the wall clock tells the system's time, and goes on steadily when that is put back", () => {
  onTestFinished(() => void vi.useRealTimers());
  const before = systemWallClock.now();
  expect(Number.isInteger(before)).toBe(true);
  expect(Math.abs(before - Date.now())).toBeLessThan(60_000);
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() - 3_600_000 });
  expect(systemWallClock.now()).toBeGreaterThanOrEqual(before);
});
