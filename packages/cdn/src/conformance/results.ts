/** Results of the cache tests as they are kept: read as the suite reads them, one test a line. Pure. */

import type { Kind, TestOutcome } from "./run-cache-tests.ts";

/** What became of a test. `dependency`: one that it depends on did not pass. */
type Verdict = TestOutcome["outcome"] | "dependency";

/** One test. */
export interface Result {
  readonly suite: string;
  readonly kind: Kind;
  readonly verdict: Verdict;
}

/** By the tests' names. */
export type Results = Readonly<Record<string, Result>>;

/** Verdicts as the suite shows them: a test that depends on one that did not pass says nothing. */
export function resultsOf(outcomes: readonly TestOutcome[]): Results {
  const tests = new Map(outcomes.map((test) => [test.id, test]));
  const verdictOf = ({ dependsOn, outcome }: TestOutcome): Verdict => {
    for (const name of dependsOn) {
      const other = tests.get(name);
      if (other !== undefined && verdictOf(other) !== "pass") return "dependency";
    }
    return outcome;
  };
  const sorted = outcomes.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  return Object.fromEntries(
    sorted.map((test) => [test.id, { suite: test.suite, kind: test.kind, verdict: verdictOf(test) }]),
  );
}

/** Names of the tests in which two sets differ. */
export function differences(results: Results, expected: Results): readonly string[] {
  const names = new Set([...Object.keys(results), ...Object.keys(expected)]);
  return [...names].filter((name) => results[name]?.verdict !== expected[name]?.verdict).sort();
}

/** How many of some tests passed, of how many. */
export function passed(results: Results, which: (result: Result) => boolean): { passed: number; of: number } {
  const chosen = Object.values(results).filter(which);
  return { passed: chosen.filter(({ verdict }) => verdict === "pass").length, of: chosen.length };
}

/** JSON with one test a line: its suite, its kind and its verdict. */
export function formatResults(results: Results): string {
  const lines = Object.entries(results).map(([id, { suite, kind, verdict }]) => {
    return `  ${JSON.stringify(id)}: "${suite} ${kind} ${verdict}"`;
  });
  return `{\n${lines.join(",\n")}\n}\n`;
}

/** Reads what {@link formatResults} wrote. */
export function parseResults(text: string): Results {
  const lines: Readonly<Record<string, string>> = JSON.parse(text);
  return Object.fromEntries(
    Object.entries(lines).map(([id, line]) => {
      const [suite, kind, verdict] = line.split(" ");
      return [id, { suite, kind, verdict } as Result];
    }),
  );
}
