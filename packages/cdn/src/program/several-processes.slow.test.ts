/** Several processes of one edge, as clients and operators see them: as one cache. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { fresh, serving } from "./edge-program.test-peer.ts";
import { startOrigin } from "./program.test-setup.ts";

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "ami-edge-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

test("nothing purged is served by any process, whichever is killed and comes back to what it has on disk", async () => {
  let version = 0;
  const headers = { "cache-control": "max-age=3600", "surrogate-key": "all" };
  const origin = await startOrigin(() => new Response(String(version), { headers }));
  const edge = await serving([
    "--upstream",
    origin.url,
    "--processes",
    "3",
    "--disk",
    `${await folder()}:64MiB`,
    "--log-level",
    "info",
  ]);
  const paths = Array.from({ length: 20 }, (_, index) => `${edge.url}/${index}`);
  const ask = async (): Promise<number[]> => {
    const answers = await Promise.all(paths.map((path) => fresh(path)));
    return answers.map(({ body }) => Number(body));
  };
  for (let round = 0; round < 2; round += 1) {
    for (let times = 0; times < 6; times += 1) await ask();
    const { processes } = await edge.stats();
    const from = edge.output.err.length;
    process.kill(processes[round]!.pid, "SIGKILL");
    version += 1;
    const body = JSON.stringify(round === 0 ? { tags: ["all"] } : { prefixes: ["/"] });
    const purged = await fetch(`${edge.admin}/purge`, { method: "POST", body });
    expect(await purged.json()).toMatchObject({ edges: { edge: "purged" } });
    // From before that process is back until after.
    for (let isBack = false; !isBack; ) {
      isBack = (await edge.stats()).processes.length === 3;
      for (const answer of await ask()) expect(answer).toBe(version);
    }
    expect(edge.output.err.slice(from)).toContain("a process died, and is started again");
  }
});
