import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AUDIO_DRIFT_TOLERANCE, AUDIO_MAX_ERROR, AudioClock } from "./audio-clock.ts";
import { TICKS_PER_MS, VIDEO_TIMESCALE } from "./frame-grid.ts";
import { MAX_COMPOSITION_TIME, VideoClock, type VideoTiming } from "./video-clock.ts";

const rates = [
  [24_000, 1001],
  [24, 1],
  [25, 1],
  [30_000, 1001],
  [30, 1],
  [50, 1],
  [60_000, 1001],
  [60, 1],
] as const;

type Rounding = (value: number) => number;

/** Timestamps of evenly spaced frames as an encoder rounds them. */
function encoded(rate: readonly [number, number], frames: number, start: number, round: Rounding): number[] {
  return Array.from({ length: frames }, (_, frame) => round(start + (frame * 1000 * rate[1]) / rate[0]));
}

function run(clock: VideoClock, times: readonly number[]): VideoTiming[] {
  return times.map((time) => clock.next(time, 0));
}

/** Milliseconds between what went in and what came out. */
function largestError(timings: readonly VideoTiming[], times: readonly number[]): number {
  return Math.max(...timings.map(({ dts }, frame) => Math.abs(dts / TICKS_PER_MS - times[frame]!)));
}

describe("video clock", () => {
  for (const rate of rates) {
    const period = (VIDEO_TIMESCALE * rate[1]) / rate[0];
    const name = (rate[0] / rate[1]).toFixed(3);

    test(`${name} frames per second: every frame lasts ${period} ticks, from the first, when the stream names its rate`, () => {
      fc.assert(
        fc.property(
          fc.double({ min: 0, max: 5000, noNaN: true }),
          fc.constantFrom(Math.round, Math.floor),
          (start, round) => {
            const times = encoded(rate, 400, start, round);
            const timings = run(new VideoClock(rate[0] / rate[1]), times);
            expect(timings.slice(1).every(({ dts }, frame) => dts - timings[frame]!.dts === period)).toBe(true);
            expect(largestError(timings, times)).toBeLessThanOrEqual(1);
            expect(timings.slice(3).every(({ duration }) => duration === period)).toBe(true);
          },
        ),
        { numRuns: 10 },
      );
    });

    test(`${name} frames per second: found without being told, and kept without drift`, () => {
      const times = encoded(rate, 6000, 17.3, Math.round);
      const clock = new VideoClock();
      const timings = run(clock, times);
      expect(clock.rate).toBeCloseTo(rate[0] / rate[1], 6);
      expect(timings.slice(2000).every(({ duration }) => duration === period)).toBe(true);
      expect(largestError(timings, times)).toBeLessThanOrEqual(2);
    });
  }

  test("a rate that the stream claims wrongly is found out", () => {
    for (const claimed of [30, 59.94, 25, 1, 240]) {
      const clock = new VideoClock(claimed);
      const times = encoded([30_000, 1001], 3000, 0, Math.floor);
      const timings = run(clock, times);
      expect(clock.rate).toBeCloseTo(29.97, 2);
      expect(timings.slice(1000).every(({ duration }) => duration === 4004)).toBe(true);
    }
  });

  test("frames left out leave a gap of whole frames on the same grid", () => {
    const times = encoded([30, 1], 100, 0, Math.round);
    times.splice(50, 3);
    const timings = run(new VideoClock(30), times);
    expect(timings[50]!.dts - timings[49]!.dts).toBe(4 * 4000);
    expect(timings.every(({ dts }) => dts % 4000 === 0)).toBe(true);
  });

  test("composition times become whole frames; presentation is never before decoding", () => {
    const clock = new VideoClock(30_000 / 1001);
    for (let frame = 0; frame < 200; frame += 1) {
      const time = (frame * 1001) / 30;
      const shown = ((frame + [2, 4, 1, 0][frame % 4]!) * 1001) / 30;
      const { dts, pts } = clock.next(Math.round(time), Math.round(shown) - Math.round(time));
      expect(dts).toBe(frame * 4004);
      expect(pts).toBe((frame + [2, 4, 1, 0][frame % 4]!) * 4004);
    }
  });

  test("negative composition times make decoding earlier, and leave presentation where it is", () => {
    const clock = new VideoClock(25);
    const shown: number[] = [];
    for (let frame = 0; frame < 50; frame += 1) {
      const { dts, pts } = clock.next(1000 + frame * 40, frame % 2 === 0 ? 40 : -40);
      expect(pts).toBeGreaterThanOrEqual(dts);
      shown.push(pts);
    }
    expect(shown.slice(10)).toEqual(
      Array.from(
        { length: 40 },
        (_, index) => (1000 + (index + 10) * 40 + (index % 2 === 0 ? 40 : -40)) * TICKS_PER_MS,
      ),
    );
    expect(clock.negativeComposition).toBe(1);
  });

  test("one nonsensical composition time moves nothing", () => {
    for (const nonsense of [-8_388_607, -5001, 5001, 8_388_607]) {
      const clock = new VideoClock(25);
      const [good, bad] = [new VideoClock(25), clock].map((each) =>
        Array.from({ length: 500 }, (_, frame) =>
          each.next(frame * 40, each === clock && frame === 260 ? nonsense : 80),
        ),
      );
      expect(bad).toEqual(good);
      expect([clock.implausibleComposition, clock.negativeComposition, clock.nonMonotonic]).toEqual([1, 0, 0]);
    }
  });

  test("whatever the composition times, decoding stays by the message's time, and presentation near", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.integer({ min: -8_388_608, max: 8_388_607 }).chain((far) => fc.constantFrom(far, far >> 10, 0)),
          {
            minLength: 1,
            maxLength: 300,
          },
        ),
        (compositions) => {
          const clock = new VideoClock(25);
          for (const [frame, composition] of compositions.entries()) {
            const { dts, pts } = clock.next(frame * 40, composition);
            const latest = (frame * 40 + 2) * TICKS_PER_MS + frame;
            expect(dts).toBeGreaterThanOrEqual((frame * 40 - MAX_COMPOSITION_TIME - 2) * TICKS_PER_MS);
            expect(dts).toBeLessThanOrEqual(latest);
            expect(pts).toBeLessThanOrEqual(latest + (MAX_COMPOSITION_TIME + 2) * TICKS_PER_MS);
          }
          const far = compositions.filter((composition) => Math.abs(composition) > MAX_COMPOSITION_TIME);
          expect(clock.implausibleComposition).toBe(far.length);
        },
      ),
    );
  });

  test("a clock that drifts is followed", () => {
    const times = Array.from({ length: 5000 }, (_, frame) => Math.round((frame * 1000) / 29.985));
    expect(largestError(run(new VideoClock(30), times), times)).toBeLessThanOrEqual(2);
  });

  test("whatever comes, time only goes forward, and stays by the message's where that does", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: -50, max: 300 }), fc.integer({ min: -100, max: 400 })), { maxLength: 200 }),
        fc.option(fc.double({ min: 1, max: 120, noNaN: true }), { nil: undefined }),
        (steps, rate) => {
          const clock = new VideoClock(rate);
          let time = 0;
          let highest = 0;
          let delay = 0;
          let last = -1;
          for (const [step, composition] of steps) {
            time = Math.max(0, time + step);
            delay = Math.max(delay, -composition);
            highest = Math.max(highest, time);
            const { dts, pts, duration } = clock.next(time, composition);
            expect(dts).toBeGreaterThan(last);
            expect(Number.isSafeInteger(dts) && Number.isSafeInteger(pts)).toBe(true);
            expect(pts).toBeGreaterThanOrEqual(dts);
            if (duration !== undefined) expect(duration).toBeGreaterThan(0);
            expect(dts).toBeLessThanOrEqual((highest + 2) * TICKS_PER_MS + steps.length);
            expect(dts).toBeGreaterThanOrEqual((time - delay - 2) * TICKS_PER_MS);
            last = dts;
          }
        },
      ),
    );
  });
});

describe("audio clock", () => {
  for (const [rate, samples] of [
    [44_100, 1024],
    [48_000, 1024],
    [48_000, 960],
    [44_100, 1152],
    [22_050, 576],
  ] as const) {
    test(`${rate} Hz, ${samples} samples: exact for ten minutes under rounding and jitter`, () => {
      const clock = new AudioClock(rate);
      let seed = 1;
      for (let index = 0; index * samples < rate * 600; index += 1) {
        seed = (seed * 48_271) % 0x7fffffff;
        const jitter = ((seed % 100) - 50) / 10;
        const { duration } = clock.next(Math.floor((index * samples * 1000) / rate + 5 + jitter), samples);
        if (duration !== samples) throw new Error(`packet ${index} lasts ${duration}`);
      }
      expect(clock.resyncs).toBe(0);
    });
  }

  test("a drifting clock is followed by one sample per packet, each packet starting where the last one ended", () => {
    fc.assert(
      fc.property(fc.integer({ min: -800, max: 800 }), (partsPerMillion) => {
        const clock = new AudioClock(48_000);
        const step = ((1024 * 1000) / 48_000) * (1 + partsPerMillion / 1e6);
        let end: number | undefined;
        for (let index = 0; index < 20_000; index += 1) {
          const time = Math.round(1000 + index * step);
          const { dts, duration } = clock.next(time, 1024);
          if (end !== undefined && dts !== end) throw new Error(`a gap at ${index}`);
          if (Math.abs(duration - 1024) > 1) throw new Error(`packet ${index} lasts ${duration}`);
          if (Math.abs(dts / 48 - time) > AUDIO_DRIFT_TOLERANCE + 2) throw new Error(`off by ${dts / 48 - time} ms`);
          end = dts + duration;
        }
        expect(clock.resyncs).toBe(0);
      }),
      { numRuns: 8 },
    );
  });

  test("lost audio leaves a gap, soon after or at once", () => {
    for (const lost of [90, 500]) {
      const clock = new AudioClock(48_000);
      let last = { dts: 0, duration: 0 };
      for (let index = 0; index < 200; index += 1) {
        const time = Math.round((index * 1024) / 48) + (index >= 100 ? lost : 0);
        last = clock.next(time, 1024);
      }
      expect(clock.resyncs).toBe(1);
      expect(Math.abs(last.dts / 48 - (Math.round((199 * 1024) / 48) + lost))).toBeLessThanOrEqual(
        AUDIO_DRIFT_TOLERANCE,
      );
    }
  });

  test("whatever comes, time only goes forward and stays within 200 ms where the message's does", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -100, max: 400 }), { maxLength: 200 }), (steps) => {
        const clock = new AudioClock(48_000);
        let time = 0;
        let highest = 0;
        let last = -1;
        for (const step of steps) {
          time = Math.max(0, time + step);
          highest = Math.max(highest, time);
          const { dts, duration } = clock.next(time, 1024);
          expect(dts).toBeGreaterThan(last);
          expect(duration).toBeGreaterThan(0);
          expect(dts).toBeGreaterThanOrEqual((time - AUDIO_MAX_ERROR) * 48 - 1);
          expect(dts).toBeLessThanOrEqual((highest + AUDIO_MAX_ERROR) * 48 + steps.length);
          last = dts;
        }
      }),
    );
  });
});
