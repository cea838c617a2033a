import { expect, test } from "vitest";
import { createStallWatchdog, defaultStallThresholds, STARTUP_PATIENCE, type StallRemedy } from "./stall-watchdog.ts";

/** Plays for two seconds, then stands still; what was advised, and when, counted from the moment of standing still. */
function standStill(milliseconds: number, bufferAhead: number): [number, StallRemedy][] {
  const watchdog = createStallWatchdog();
  const advised: [number, StallRemedy][] = [];
  for (let now = 0; now <= 2000 + milliseconds; now += 250) {
    const currentTime = Math.min(now, 2000) / 1000;
    const remedy = watchdog.observe({ now, currentTime, shouldMove: true, bufferAhead });
    if (remedy !== null) advised.push([now - 2000, remedy]);
  }
  return advised;
}

test("the remedies get harder the longer it lasts, each advised once", () => {
  expect(standStill(20_000, 2)).toEqual([
    [2500, "nudge"],
    [4000, "seek-to-live"],
    [6000, "reload"],
    [12_000, "next-source"],
  ]);
});

test("an empty buffer is not nudged", () => {
  expect(standStill(5000, 0)).toEqual([[4000, "seek-to-live"]]);
});

test("a pause is no stall", () => {
  const watchdog = createStallWatchdog();
  for (let now = 0; now < 30_000; now += 250) {
    expect(watchdog.observe({ now, currentTime: 1, shouldMove: false, bufferAhead: 0 })).toBeNull();
  }
  expect(watchdog.count).toBe(0);
});

test("stalls are counted with their time, the wait for the first frame is not", () => {
  const watchdog = createStallWatchdog();
  const at = (now: number, currentTime: number) =>
    watchdog.observe({ now, currentTime, shouldMove: true, bufferAhead: 1 });
  at(0, 0);
  at(1000, 0);
  expect(watchdog.count).toBe(0);
  at(1250, 0.2);
  at(2000, 0.2);
  expect(watchdog.stalled).toBe(true);
  at(2250, 0.4);
  expect(watchdog.stalled).toBe(false);
  expect(watchdog.count).toBe(1);
  expect(watchdog.duration).toBe(750);
});

test("before anything has moved, everything may take longer", () => {
  const watchdog = createStallWatchdog();
  let advisedAt = -1;
  for (let now = 0; advisedAt < 0; now += 250) {
    if (watchdog.observe({ now, currentTime: 0, shouldMove: true, bufferAhead: 0 }) === "reload") advisedAt = now;
  }
  expect(advisedAt).toBe(defaultStallThresholds.reload * STARTUP_PATIENCE);
});
