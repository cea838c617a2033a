import fc from "fast-check";
import { expect, test } from "vitest";
import { nextRestart } from "./backoff.ts";

test("a process that dies at once is started again after ever longer, up to ten seconds", () => {
  const delays: number[] = [];
  let failures = 0;
  for (let count = 0; count < 9; count += 1) {
    const restart = nextRestart(failures, 5);
    delays.push(restart.delay);
    failures = restart.failures;
  }
  expect(delays).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
});

test("a process that has lived for long is started again soon, however often one died before", () => {
  fc.assert(
    fc.property(fc.nat({ max: 1000 }), fc.integer({ min: 10_000 }), (failures, lifetime) => {
      expect(nextRestart(failures, lifetime)).toEqual({ delay: 100, failures: 1 });
    }),
  );
});
