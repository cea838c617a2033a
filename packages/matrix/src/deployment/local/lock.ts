/** One command at a time in a deployment's folder: two that start it at once would start two. */

import { readFile, rm, writeFile } from "node:fs/promises";
import { MatrixError } from "../../errors.ts";
import type { LocalPaths } from "./paths.ts";

/**
 * Does something while no other process does anything here. What a dead process left behind is taken over.
 *
 * @throws {MatrixError} `BUSY`
 */
export async function alone<T>(paths: LocalPaths, work: () => Promise<T>): Promise<T> {
  await take(paths);
  try {
    return await work();
  } finally {
    await rm(paths.lock, { force: true });
  }
}

async function take({ lock, root }: LocalPaths): Promise<void> {
  for (let attempt = 0; attempt < 2; attempt += 1) {
    try {
      await writeFile(lock, `${process.pid}\n`, { flag: "wx" });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const holder = Number(await readFile(lock, "utf8").catch(() => ""));
    if (isAlive(holder))
      throw new MatrixError("BUSY", `process ${holder} is starting or stopping what is in ${root}: wait for it`);
    await rm(lock, { force: true });
  }
  throw new MatrixError("BUSY", `another process is starting or stopping what is in ${root}: wait for it`);
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
