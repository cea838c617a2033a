import fc from "fast-check";
import { expect, test } from "vitest";
import { Timeline } from "./timeline.ts";

/** Two tracks, 20 ms apart each, from a start; interleaved. */
function play(timeline: Timeline, start: number, seconds: number, now: number): number[] {
  const placed: number[] = [];
  for (let time = 0; time < seconds * 1000; time += 20) {
    placed.push(
      timeline.place(1, (start + time) >>> 0, now + time),
      timeline.place(2, (start + time) >>> 0, now + time),
    );
  }
  return placed;
}

test("timestamps pass as they are", () => {
  expect(play(new Timeline(), 5000, 0.1, 0)).toEqual([5000, 5000, 5020, 5020, 5040, 5040, 5060, 5060, 5080, 5080]);
});

test("32-bit timestamps are unwrapped to a wide integer: streams run for months", () => {
  const timeline = new Timeline();
  const placed = play(timeline, 2 ** 32 - 1000, 2, 0);
  expect(placed.at(-1)).toBe(2 ** 32 - 1000 + 1980);
  expect(timeline.rebases).toBe(0);
});

for (const [name, start] of [
  ["backward to zero", 0],
  ["backward by a second", 9000],
  ["forward by hours", 10_000 + 5 * 3_600_000],
  ["forward by weeks", 10_000 + 24 * 86_400_000],
] as const) {
  test(`a jump ${name} is joined to what came before, once for both tracks`, () => {
    const timeline = new Timeline();
    play(timeline, 0, 10, 0);
    const after = play(timeline, start, 1, 10_000);
    expect(after.slice(0, 4)).toEqual([10_000, 10_000, 10_020, 10_020]);
    expect(timeline.rebases).toBe(1);
  });
}

test("tracks that jump one after the other, with old packets between, stay together", () => {
  const timeline = new Timeline();
  play(timeline, 3_600_000, 1, 0);
  expect(timeline.place(1, 0, 1000)).toBe(3_601_000);
  expect(timeline.place(2, 3_601_000, 1000)).toBe(3_601_000);
  expect(timeline.place(1, 20, 1020)).toBe(3_601_020);
  expect(timeline.place(2, 40, 1040)).toBe(3_601_040);
  expect(timeline.rebases).toBe(1);
});

test("a pause that really lasted stays a pause", () => {
  const timeline = new Timeline();
  play(timeline, 0, 1, 0);
  expect(timeline.place(1, 61_000, 61_000)).toBe(61_000);
  expect(timeline.rebases).toBe(0);
});

test("tracks may begin seconds apart, not hours", () => {
  const near = new Timeline();
  near.place(1, 5000, 0);
  expect(near.place(2, 3000, 0)).toBe(3000);
  expect(near.rebases).toBe(0);
  const far = new Timeline();
  far.place(1, 3_600_000, 0);
  expect(far.place(2, 0, 0)).toBe(3_600_020);
  expect(far.place(1, 3_600_040, 40)).toBe(3_600_040);
  expect(far.place(2, 40, 40)).toBe(3_600_060);
  expect(far.rebases).toBe(1);
});

test("whatever comes, steps are bounded: 300 ms back, 10 s and the time passed forward", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom(1, 2), fc.integer({ min: 0, max: 0xffffffff })), { maxLength: 60 }),
      (items) => {
        const timeline = new Timeline();
        const last = new Map<number, number>();
        for (const [track, timestamp] of items) {
          const placed = timeline.place(track, timestamp, 0);
          const before = last.get(track);
          if (before !== undefined) {
            expect(placed - before).toBeGreaterThanOrEqual(-300);
            expect(placed - before).toBeLessThanOrEqual(10_000);
          }
          last.set(track, placed);
        }
      },
    ),
  );
});
