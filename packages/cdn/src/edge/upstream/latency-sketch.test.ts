/** How long an upstream usually takes. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { LatencySketch, MIN_LATENCY_SAMPLES } from "./latency-sketch.ts";

test("it says nothing from few samples", () => {
  const sketch = new LatencySketch();
  for (let turn = 1; turn < MIN_LATENCY_SAMPLES; turn += 1) sketch.add(10);
  expect(sketch.quantile(0.95)).toBeUndefined();
  sketch.add(10);
  expect(sketch.quantile(0.95)).toBeGreaterThanOrEqual(10);
});

test("property: a quantile is at most a fifth above the sample that it stands for, and never below", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 60_000 }), { minLength: MIN_LATENCY_SAMPLES, maxLength: 400 }),
      fc.constantFrom(0.5, 0.9, 0.95),
      (samples, share) => {
        const sketch = new LatencySketch();
        for (const sample of samples) sketch.add(sample);
        const exact = samples.sort((one, other) => one - other)[Math.ceil(share * samples.length) - 1]!;
        const quantile = sketch.quantile(share)!;
        expect(quantile).toBeGreaterThanOrEqual(exact * 0.999);
        expect(quantile).toBeLessThanOrEqual(exact * 1.2);
      },
    ),
  );
});

test("what was long ago fades", () => {
  const sketch = new LatencySketch();
  for (let turn = 0; turn < 500; turn += 1) sketch.add(1_000);
  for (let turn = 0; turn < 5_000; turn += 1) sketch.add(10);
  expect(sketch.quantile(0.95)).toBeLessThan(13);
});
