/** What the edge promises of the cache tests, by the results that are kept: `cache-tests.slow.test.ts` sees to it that they are so. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { NPM_REASONS, REASONS } from "./reasons.ts";
import { formatResults, parseResults, passed, type Results, resultsOf } from "./results.ts";
import type { TestOutcome } from "./run-cache-tests.ts";

const read = (name: string): Results => parseResults(readFileSync(join(import.meta.dirname, name), "utf8"));
const checkout = read("expected-checkout.json");
const npm = read("expected-npm.json");

test("of the newest suite, as many tests pass as were aimed at", () => {
  const required = passed(checkout, ({ kind }) => kind === "required");
  expect(required.of).toBe(160);
  expect(required.passed).toBeGreaterThanOrEqual(155);
  const optimal = passed(checkout, ({ kind }) => kind === "optimal");
  expect(optimal.of).toBe(105);
  expect(optimal.passed).toBeGreaterThanOrEqual(95);
  expect(passed(checkout, ({ suite }) => suite === "partial")).toEqual({ passed: 10, of: 10 });
  // The one that is left is a question without a right answer: whether a key in capitals counts, which is no Dictionary key.
  expect(passed(checkout, ({ suite }) => suite === "cdn-cache-control")).toEqual({ passed: 23, of: 24 });
});

test.each([
  ["checkout", checkout, REASONS],
  ["npm", npm, { ...REASONS, ...NPM_REASONS }],
])(
  "whatever is required or optimal and does not pass has a reason, and nothing else has one (%s)",
  (_name, results, reasons) => {
    const open = Object.entries(results).filter(([, { kind, verdict }]) => kind !== "check" && verdict !== "pass");
    const applying = Object.keys(reasons).filter((id) => id in results);
    expect(open.map(([id]) => id).sort()).toEqual(applying.sort());
  },
);

test("a test says nothing where one that it depends on, at whatever distance, does not pass", () => {
  const outcome = (id: string, outcome: TestOutcome["outcome"], ...dependsOn: string[]): TestOutcome => {
    return { id, suite: "s", kind: "required", outcome, dependsOn };
  };
  const outcomes = [outcome("c", "pass", "b"), outcome("b", "pass", "a"), outcome("a", "setup"), outcome("d", "fail")];
  const verdicts = Object.entries(resultsOf(outcomes)).map(([id, { verdict }]) => `${id} ${verdict}`);
  expect(verdicts).toEqual(["a setup", "b dependency", "c dependency", "d fail"]);
});

test("results are read as they were written", () => {
  expect(parseResults(formatResults(checkout))).toEqual(checkout);
});
