/**
 * The public suite http-tests/cache-tests against the edge, with what is expected of each test.
 *
 * By default the version on npm. `HTTP_CACHE_TESTS=/path/to/checkout` runs a checkout of the suite instead: those are the published figures.
 * With `HTTP_CACHE_TESTS_UPDATE=1` what came out is kept as what is expected.
 */

import { fork } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { differences, formatResults, parseResults, type Results, resultsOf } from "./results.ts";
import type { TestOutcome } from "./run-cache-tests.ts";

const npmVersion = dirname(createRequire(import.meta.url).resolve("http-cache-tests/package.json"));
const folder = process.env.HTTP_CACHE_TESTS ?? npmVersion;
const kept = join(
  import.meta.dirname,
  existsSync(join(folder, "test-engine")) ? "expected-checkout.json" : "expected-npm.json",
);

/** A busy machine makes tests late that count seconds: what differs is run again, alone. */
const MAX_TURNS = 3;

test("the edge does on each of the cache tests what is expected of it", async () => {
  const expected: Results = existsSync(kept) ? parseResults(await readFile(kept, "utf8")) : {};
  const outcomes = new Map((await run([])).map((outcome) => [outcome.id, outcome]));
  const compared = (): readonly string[] => differences(resultsOf([...outcomes.values()]), expected);
  for (let turn = 1; turn < MAX_TURNS && compared().length > 0; turn += 1) {
    for (const outcome of await run(compared())) outcomes.set(outcome.id, outcome);
  }
  const results = resultsOf([...outcomes.values()]);
  if (process.env.HTTP_CACHE_TESTS_UPDATE !== undefined) await writeFile(kept, formatResults(results));
  else {
    const shown = compared().map((id) => ({ id, ...results[id], message: outcomes.get(id)?.message }));
    expect(shown, `differs from ${kept}`).toEqual([]);
  }
});

/** Runs all tests, or some. */
async function run(ids: readonly string[]): Promise<readonly TestOutcome[]> {
  const runner = fork(join(import.meta.dirname, "run-cache-tests.ts"), [folder, ...ids]);
  const [outcomes] = (await Promise.race([once(runner, "message"), failed(once(runner, "exit"))])) as [TestOutcome[]];
  return outcomes;
}

async function failed(exit: Promise<unknown[]>): Promise<never> {
  const [code] = await exit;
  throw new Error(`the runner ended with ${code} before it had results`);
}
