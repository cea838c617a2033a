/** A worker as its parent sees it. */

import cluster from "node:cluster";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { WorkerProcess } from "./worker-process.ts";

test("what the system cannot start counts as gone, and nobody waits for it", async () => {
  cluster.setupPrimary({ exec: fileURLToPath(import.meta.url), cwd: "/nowhere/at/all" });
  onTestFinished(() => cluster.setupPrimary({ cwd: process.cwd() }));
  const worker = new WorkerProcess(cluster.fork(), async () => {});
  const asked = worker.report();
  await expect(asked).rejects.toMatchObject({ code: "CLOSED" });
  expect(await worker.exited).toMatch(/ENOENT/);
  expect(await worker.invalidate(["/a"], 1_000)).toBe(false);
  worker.kill();
  await worker.end(60_000);
});
