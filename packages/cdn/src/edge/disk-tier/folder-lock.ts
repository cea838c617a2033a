/** One process per folder: a file with the process that has it. */

import { readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { CdnError } from "../../errors.ts";
import { type DiskFiles, reasonOf } from "./files.ts";

const NAME = "lock";

/**
 * Takes the folder's lock. One that a process left behind when it died is taken over: a process number that is in use again is told
 * apart by when its process started, where the system says so (Linux). Processes in different containers do not see each other: each
 * needs a folder of its own.
 *
 * @returns how to give it back.
 * @throws {CdnError} `DISK_IN_USE`
 */
export async function lockFolder(folder: string, files: DiskFiles): Promise<() => Promise<void>> {
  const path = join(folder, NAME);
  const self = await identityOf(process.pid);
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      await files.writeAll(path, self, "new");
      return async () => {
        if ((await contentOf(path, files)) === self) await files.remove(path);
      };
    } catch (error) {
      if (reasonOf(error) !== "EEXIST") throw error;
    }
    const holder = await contentOf(path, files);
    if (holder === undefined) continue;
    if (await isAlive(holder)) throw inUse(folder, holder);
    await takeAway(path, holder, folder, files);
  }
  throw inUse(folder, "another");
}

function inUse(folder: string, holder: string): CdnError {
  const pid = holder.split(" ")[0];
  return new CdnError("DISK_IN_USE", `${folder} is in use by process ${pid}: give each process a folder of its own`);
}

/** Removes a dead process's lock, unless another process has just put its own there. */
async function takeAway(path: string, dead: string, folder: string, files: DiskFiles): Promise<void> {
  const aside = `${path}.${process.pid}`;
  try {
    await files.move(path, aside);
  } catch (error) {
    if (reasonOf(error) === "ENOENT") return;
    throw error;
  }
  const taken = await contentOf(aside, files);
  if (taken !== dead && taken !== undefined) {
    await files.move(aside, path);
    throw inUse(folder, taken);
  }
  await files.remove(aside);
}

async function contentOf(path: string, files: DiskFiles): Promise<string | undefined> {
  try {
    return (await files.readAll(path)).toString().trim();
  } catch (error) {
    if (reasonOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

async function isAlive(holder: string): Promise<boolean> {
  const pid = Number(holder.split(" ")[0]);
  // A file that was torn when its writer died names nobody.
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (reasonOf(error) === "ESRCH") return false;
  }
  if (await isZombie(pid)) return false;
  const now = await identityOf(pid);
  return now === String(pid) || now === holder;
}

/** It has ended, and its parent has not asked for its exit code yet (Linux). */
async function isZombie(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z");
}

/** Process number, and where the system shows it, when the process started and in which namespace its number counts. */
async function identityOf(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    // Fields after the command's name, which may have spaces (proc(5)): the 22nd of all is the start, in ticks since boot.
    const started = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
    const boot = (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
    return `${pid} ${started} ${boot} ${await readlink("/proc/self/ns/pid")}`;
  } catch {
    return String(pid);
  }
}
