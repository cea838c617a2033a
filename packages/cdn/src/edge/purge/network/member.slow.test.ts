/** The simulation of `member.test.ts`, longer and with more seeds; `SEED=…` gives it others. A failure names its seed. */

import { expect, test } from "vitest";
import { simulate } from "./simulation.test-setup.ts";

test.each([
  { edges: 2, tolerate: 0 },
  { edges: 3, tolerate: 0 },
  { edges: 3, tolerate: 1 },
  { edges: 5, tolerate: 1, maxNews: 3 },
  { edges: 5, tolerate: 2 },
  { edges: 4, tolerate: 1, maxHistory: 5 },
])("nothing purged is served once the purge is settled, by many seeds: %o", (options) => {
  const first = Number(process.env.SEED ?? 1);
  let served = 0;
  for (let seed = first; seed < first + 25; seed += 1) {
    served += simulate({ duration: 20_000, loss: true, ...options, seed }).served;
  }
  expect(served).toBeGreaterThan(0);
});
