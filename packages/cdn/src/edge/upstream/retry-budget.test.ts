/** How many requests may be sent twice. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { RetryBudget } from "./retry-budget.ts";

test("a fifth of the requests may be retried, and above that ten a second", () => {
  const budget = new RetryBudget({ share: 0.2, floor: 10 });
  for (let turn = 0; turn < 1_000; turn += 1) budget.request(0);
  let granted = 0;
  for (let turn = 0; turn < 1_000; turn += 1) if (budget.take(0)) granted += 1;
  expect(granted).toBe(200);
  expect(budget.refused).toBe(800);
  granted = 0;
  for (let turn = 0; turn < 1_000; turn += 1) if (budget.take(5_000)) granted += 1;
  expect(granted).toBe(10);
});

test("without a floor and without requests there is nothing to spend", () => {
  expect(new RetryBudget({ share: 0.2, floor: 0 }).take(0)).toBe(false);
  expect(() => new RetryBudget({ share: -1, floor: 0 })).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
});

test("property: over any ten seconds, retries are within the share of the requests and the floor", () => {
  const event = fc.record({ wait: fc.integer({ min: 0, max: 400 }), wanted: fc.integer({ min: 0, max: 8 }) });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 300 }), fc.double({ min: 0, max: 1, noNaN: true }), (events, share) => {
      const floor = 3;
      const budget = new RetryBudget({ share, floor });
      const requests: number[] = [];
      const retries: number[] = [];
      let now = 0;
      for (const { wait, wanted } of events) {
        now += wait;
        budget.request(now);
        requests.push(now);
        for (let turn = 0; turn < wanted; turn += 1) if (budget.take(now)) retries.push(now);
        // Steps of a window are a tenth of it: what is counted reaches back nine to ten of them.
        const within = (times: number[], window: number): number => times.filter((time) => time > now - window).length;
        expect(within(retries, 9_000)).toBeLessThanOrEqual(share * within(requests, 11_000) + floor * 11);
      }
    }),
    { numRuns: 50 },
  );
});
