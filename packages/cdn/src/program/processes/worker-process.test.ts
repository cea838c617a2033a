/** A worker as its parent sees it. */

import cluster from "node:cluster";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { type Logger, silentLogger } from "../../logger.ts";
import { temporaryFolder } from "../program.test-setup.ts";
import { WorkerProcess } from "./worker-process.ts";

test("what the system cannot start counts as gone, and nobody waits for it", async () => {
  cluster.setupPrimary({ exec: fileURLToPath(import.meta.url), cwd: "/nowhere/at/all" });
  onTestFinished(() => cluster.setupPrimary({ cwd: process.cwd() }));
  const worker = new WorkerProcess(cluster.fork(), async () => {}, silentLogger);
  const asked = worker.report();
  await expect(asked).rejects.toMatchObject({ code: "CLOSED" });
  expect(await worker.exited).toMatch(/ENOENT/);
  expect(await worker.invalidate(["/a"], 1_000)).toBe(false);
  worker.kill();
  await worker.end(60_000);
});

test("what a worker refuses is in the log, and what its exit says is not said again", async () => {
  const exec = join(await temporaryFolder(), "worker.mjs");
  const refusing =
    'process.on("message", ({ id, ask }) => ask.kind === "close" ? process.exit() : process.send({ id, error: { message: "no" } }));';
  await writeFile(exec, refusing);
  cluster.setupPrimary({ exec });
  const said: string[] = [];
  const logger: Logger = { ...silentLogger, warn: (_fields, message) => void said.push(message ?? "") };
  const worker = new WorkerProcess(cluster.fork(), async () => {}, logger);
  const news = { reset: false, purges: [], vector: "", trustedUntil: 0 };
  await expect(worker.tell(news)).rejects.toThrow("no");
  await worker.setSibling("process-1", true);
  worker.serves = true;
  await worker.end(60_000);
  expect(said).toEqual([
    "a process did not take purges: until it does, they wait for the leave that it has to run out",
    "a process was not told of another one",
    "what a process counted last is not known",
  ]);
});
