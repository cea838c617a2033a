/**
 * Runs the public suite http-tests/cache-tests against the edge: its origin on one port of the loopback, the edge before it, its client
 * before that. A program of its own, because the suite keeps what it knows in module variables.
 *
 * `node run-cache-tests.ts <folder of the suite> [<id of a test>…]` prints the results; a parent with a channel is sent them instead.
 */

import { existsSync } from "node:fs";
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createRequire, registerHooks } from "node:module";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import * as undici from "undici";
import { createEdge } from "../edge/edge.ts";
import { createServer } from "../server/server.ts";

/** What a test is about: a requirement of the standard, what a good cache does, or only what this one does. */
export type Kind = "required" | "optimal" | "check";

/** What became of one test. */
export interface TestOutcome {
  readonly id: string;
  readonly suite: string;
  readonly kind: Kind;
  /** Tests without which this one says nothing. */
  readonly dependsOn: readonly string[];
  /** `setup`: what it takes for granted went wrong, so that it says nothing of what it is about. */
  readonly outcome: "pass" | "fail" | "setup";
  /** What the suite says, where it did not pass. */
  readonly message?: string;
}

interface SuiteTest {
  readonly id: string;
  readonly kind?: Kind;
  readonly depends_on?: readonly string[];
  dump?: boolean;
}

interface Suite {
  readonly id: string;
  readonly tests: readonly SuiteTest[];
}

/** True, or the name of an error and its message. */
type RawResults = Readonly<Record<string, true | readonly [name: string, message: string]>>;

type Dispatch = (segments: string[], request: IncomingMessage, response: ServerResponse) => void;

/** Tests at the same time: they mostly sleep, but all at once they would be late. */
const AT_ONCE = 125;

const [folder = "", ...ids] = process.argv.slice(2);
const results = await runSuite(folder, ids);
if (process.send === undefined) process.stdout.write(results.map((result) => `${JSON.stringify(result)}\n`).join(""));
else process.send(results, () => process.exit());

/** Runs all tests of a suite that apply to a proxy, or only some. */
async function runSuite(folder: string, ids: readonly string[]): Promise<readonly TestOutcome[]> {
  const isOld = !existsSync(join(folder, "test-engine"));
  const engine = isOld ? folder : join(folder, "test-engine");
  if (!isOld) borrowUndici(folder);
  const load = (...path: string[]) => import(pathToFileURL(join(...path)).href);
  const suites: readonly Suite[] = (await load(folder, "tests", "index.mjs")).default;
  const runner = await load(engine, "client", "runner.mjs");
  const chosen =
    ids.length === 0
      ? suites
      : suites.map((suite) => ({ ...suite, tests: suite.tests.filter(({ id }) => ids.includes(id)) }));
  // One alone shows what is said on both sides.
  if (ids.length === 1) for (const { tests } of chosen) for (const test of tests) test.dump = true;
  // It prints each request that its origin did not expect.
  else console.log = console.error = () => {};

  await using origin = await serveOrigin(engine, load);
  await using edge = createEdge({ upstreams: [origin.url] });
  await using server = await createServer({ handler: edge.handle, port: 0, host: "127.0.0.1" });
  if (isOld) {
    const fetch = createRequire(join(folder, "package.json"))("node-fetch");
    await runner.runTests(chosen, fetch, false, server.url, AT_ONCE);
  } else await runner.runTests(chosen, false, server.url, AT_ONCE);
  return outcomesOf(suites, runner.getResults());
}

/** The suite's own origin, on a free port. */
async function serveOrigin(engine: string, load: (...path: string[]) => Promise<{ default: Dispatch }>) {
  const names = ["config", "state", "test"];
  const modules = await Promise.all(names.map((name) => load(engine, "server", `handle-${name}.mjs`)));
  const dispatches = new Map(names.map((name, at) => [name, modules[at]!.default]));
  const server = createHttpServer((request, response) => {
    const [, name = "", ...segments] = new URL(request.url ?? "/", "http://origin").pathname.split("/");
    const dispatch = dispatches.get(name);
    if (dispatch === undefined) response.writeHead(404).end();
    else dispatch(segments, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** A checkout without what it depends on gets the one module that its client needs, and a `fetch` that goes with it. */
function borrowUndici(folder: string): void {
  const root = pathToFileURL(folder).href;
  Object.assign(globalThis, { fetch: undici.fetch });
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === "undici" && context.parentURL?.startsWith(root)
        ? next(specifier, { ...context, parentURL: import.meta.url })
        : next(specifier, context),
  });
}

function outcomesOf(suites: readonly Suite[], results: RawResults): readonly TestOutcome[] {
  const outcomes: TestOutcome[] = [];
  for (const { id: suite, tests } of suites) {
    for (const { id, kind = "required", depends_on: dependsOn = [] } of tests) {
      const result = results[id];
      if (result === undefined) continue;
      const test = { id, suite, kind, dependsOn };
      if (result === true) outcomes.push({ ...test, outcome: "pass" });
      else outcomes.push({ ...test, outcome: result[0] === "Setup" ? "setup" : "fail", message: result[1] });
    }
  }
  return outcomes;
}
