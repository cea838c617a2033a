/** Purging everywhere, whatever the network and the edges do. */

import { expect, test } from "vitest";
import { simulate } from "./simulation.test-setup.ts";

const seeds = Array.from({ length: 12 }, (_, at) => at + 1);

test.each([
  { edges: 1, tolerate: 0, loss: true },
  { edges: 2, tolerate: 0, loss: true },
  { edges: 3, tolerate: 0, loss: true },
  { edges: 3, tolerate: 1, loss: true },
  { edges: 3, tolerate: 2, loss: false },
  { edges: 5, tolerate: 1, loss: true },
  { edges: 5, tolerate: 2, loss: true },
  { edges: 5, tolerate: 2, loss: true, maxHistory: 5 },
])("nothing purged is served once the purge is settled: %o", (options) => {
  const reports = seeds.map((seed) => simulate({ duration: 20_000, ...options, seed }));
  console.log(
    options,
    sum(reports.map((r) => r.settled)),
    sum(reports.map((r) => r.settledWithout)),
    sum(reports.map((r) => r.served)),
    sum(reports.map((r) => r.distrusted)),
    sum(reports.map((r) => r.lost)),
    sum(reports.map((r) => r.resets)),
    Math.max(...reports.flatMap((r) => r.calm)),
  );
  expect(sum(reports.map(({ served }) => served))).toBeGreaterThan(0);
});

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
