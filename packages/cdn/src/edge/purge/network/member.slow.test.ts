/** The simulation of `member.test.ts`, with seeds that nobody has tried before. A failure names its seed. */

import { randomInt } from "node:crypto";
import { expect, test } from "vitest";
import { simulate } from "./simulation.test-setup.ts";

test.each([
  { edges: 2, tolerate: 0 },
  { edges: 3, tolerate: 0 },
  { edges: 3, tolerate: 1 },
  { edges: 5, tolerate: 1, maxNews: 3 },
  { edges: 5, tolerate: 2 },
  { edges: 4, tolerate: 1, maxHistory: 5 },
])("nothing purged is served once the purge is settled, by new seeds: %o", (options) => {
  const first = randomInt(2 ** 31);
  let served = 0;
  for (let seed = first; seed < first + 25; seed += 1) {
    served += simulate({ duration: 20_000, loss: true, ...options, seed }).served;
  }
  expect(served).toBeGreaterThan(0);
});
