/** What the benchmarks share: programs pinned to a core, their CPU time, free ports. */

import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";

/** Core of the server under test, and core of the load. */
export const SERVER_CORE = "1";
export const LOAD_CORE = "0";

/** Starts a program on one core (`taskset` of util-linux). */
export function onCore(core: string, command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  return spawn("taskset", ["-c", core, command, ...args], options);
}

/** CPU seconds of processes so far, all their threads, as the scheduler counts them: to the nanosecond. */
export async function cpuOf(pids: readonly number[]): Promise<number> {
  let nanoseconds = 0;
  for (const pid of pids) {
    for (const task of await readdir(`/proc/${pid}/task`)) {
      const text = await readFile(`/proc/${pid}/task/${task}/schedstat`, "utf8").catch(() => "0");
      nanoseconds += Number(text.split(" ")[0]);
    }
  }
  return nanoseconds / 1e9;
}

/** Resident bytes of a process. */
export async function residentOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024;
}

/** Processes that a process started. */
export async function childrenOf(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
  return children.trim().split(" ").filter(Boolean).map(Number);
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Ends a process that this one started, and waits until it has. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "exit");
}

/** Calls until it no longer throws, for at most `seconds`. */
export async function until<Value>(seconds: number, attempt: () => Promise<Value>): Promise<Value> {
  for (const deadline = performance.now() + seconds * 1000; ; ) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** The value in the middle. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** `--name value` of the command line. */
export function option(name: string): string | undefined {
  const at = process.argv.indexOf(name);
  return at === -1 ? undefined : process.argv[at + 1];
}

/** `--name a,b` of the command line. */
export function listOption(name: string, all: readonly string[]): readonly string[] {
  const given = option(name)?.split(",");
  return given === undefined ? all : all.filter((value) => given.includes(value));
}
