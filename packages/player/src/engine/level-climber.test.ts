import { expect, test } from "vitest";
import { CLIMB_AFTER, createLevelClimber } from "./level-climber.ts";

const well = { levels: 3, bufferAhead: 0.9, latency: 1, targetLatency: 1 };

test("it climbs one level after each stretch of good play, to the top and no further", () => {
  const climber = createLevelClimber();
  let level = 0;
  const reached: [number, number][] = [];
  for (let now = 0; now <= 12_000; now += 500) {
    const next = climber.choose({ ...well, now, level });
    if (next !== level) reached.push([now, next]);
    level = next;
  }
  expect(reached).toEqual([
    [CLIMB_AFTER, 1],
    [2 * CLIMB_AFTER, 2],
  ]);
});

test("it steps down at once when the buffer runs low, and waits twice as long before it tries again", () => {
  const climber = createLevelClimber();
  climber.choose({ ...well, now: 0, level: 1 });
  expect(climber.choose({ ...well, bufferAhead: 0.05, now: 1000, level: 1 })).toBe(0);
  climber.choose({ ...well, now: 2000, level: 0 });
  expect(climber.choose({ ...well, now: 2000 + CLIMB_AFTER, level: 0 })).toBe(0);
  expect(climber.choose({ ...well, now: 2000 + 2 * CLIMB_AFTER, level: 0 })).toBe(1);
});

test("one dip costs one level, not all of them", () => {
  const climber = createLevelClimber();
  climber.choose({ ...well, now: 0, level: 2 });
  expect(climber.choose({ ...well, bufferAhead: 0, now: 500, level: 2 })).toBe(1);
  expect(climber.choose({ ...well, bufferAhead: 0, now: 1000, level: 1 })).toBe(1);
});
