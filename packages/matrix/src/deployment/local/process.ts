/** The homeserver's process: started on its own, so that it outlives us, and found again by its id and command line. */

import { spawn } from "node:child_process";
import { open, readFile, rm, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { MatrixError } from "../../errors.ts";
import type { LocalPaths } from "./paths.ts";
import { run } from "./programs.ts";

/** Milliseconds between two looks at a process that is no child of ours. */
const LOOK = 50;
/** Milliseconds that Synapse may take to end before it is killed. */
const STOP_DEADLINE = 30_000;

/** What is remembered of a running homeserver. */
export interface LocalState {
  readonly pid: number;
  /** Of the client-server API, with a slash at its end. */
  readonly url: string;
  /** Synapse's release. */
  readonly version: string;
}

/** What runs according to the state file, if it does. */
export async function readState(paths: LocalPaths): Promise<LocalState | undefined> {
  const text = await readFile(paths.state, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const state = JSON.parse(text) as LocalState;
  return (await isOurs(state.pid, paths)) ? state : undefined;
}

/** Starts Synapse and remembers it. Resolves as soon as the process exists. */
export async function spawnSynapse(
  paths: LocalPaths,
  python: string,
  state: Omit<LocalState, "pid">,
): Promise<{ pid: number; ended: Promise<string> }> {
  const output = await open(paths.output, "w", 0o600);
  try {
    const args = ["-m", "synapse.app.homeserver", "-c", `${paths.root}/homeserver.yaml`, "-c", paths.overlay];
    const child = spawn(python, args, { cwd: paths.folder, detached: true, stdio: ["ignore", output.fd, output.fd] });
    const ended = new Promise<string>((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    if (child.pid === undefined) throw new MatrixError("START_FAILED", `Synapse could not be started: ${await ended}`);
    child.unref();
    await writeFile(paths.state, `${JSON.stringify({ ...state, pid: child.pid })}\n`);
    return { pid: child.pid, ended };
  } finally {
    await output.close();
  }
}

/** Ends Synapse, if it runs: by SIGTERM, and after half a minute by SIGKILL. */
export async function stopSynapse(paths: LocalPaths): Promise<boolean> {
  const state = await readState(paths);
  if (state !== undefined) {
    process.kill(state.pid, "SIGTERM");
    const deadline = performance.now() + STOP_DEADLINE;
    while (await isOurs(state.pid, paths)) {
      if (performance.now() > deadline) process.kill(state.pid, "SIGKILL");
      await delay(LOOK);
    }
  }
  await rm(paths.state, { force: true });
  return state !== undefined;
}

/** Waits until the homeserver answers. What it does not answer in time, or ends before, is an error. */
export async function waitForHealth(
  url: string,
  ended: Promise<string>,
  { deadline, signal }: { deadline: number; signal?: AbortSignal | undefined },
): Promise<void> {
  let end: string | undefined;
  void ended.then((how) => {
    end = how;
  });
  const late = performance.now() + deadline;
  while (performance.now() < late) {
    signal?.throwIfAborted();
    if (end !== undefined) throw new MatrixError("START_FAILED", `Synapse ended (${end})`);
    if (await isHealthy(url)) return;
    await Promise.race([ended, delay(LOOK)]);
  }
  throw new MatrixError("START_FAILED", `Synapse did not answer within ${deadline / 1000} s`);
}

/** Whether the homeserver of a deployment answers, be it after a while; false when it ends instead, or takes too long. */
export async function comesUp(paths: LocalPaths, { pid, url }: LocalState, deadline: number): Promise<boolean> {
  const late = performance.now() + deadline;
  while (performance.now() < late && (await isOurs(pid, paths))) {
    if (await isHealthy(url)) return true;
    await delay(LOOK);
  }
  return false;
}

async function isHealthy(url: string): Promise<boolean> {
  return await fetch(new URL("health", url), { signal: AbortSignal.timeout(2_000) }).then(
    (response) => response.ok,
    () => false,
  );
}

/** Whether a process is Synapse with our configuration: ids are given to other programs again. */
async function isOurs(pid: number, paths: LocalPaths): Promise<boolean> {
  const fromProc = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => undefined);
  const command = fromProc ?? (await run("ps", ["-ww", "-o", "args=", "-p", String(pid)]).catch(() => ""));
  return command.includes(paths.overlay);
}
