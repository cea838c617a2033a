/** Runs the open-loop generator on the load's core. */

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { OpenLoopResult } from "./open-loop.ts";
import { LOAD_CORE } from "./processes.ts";

const run = promisify(execFile);
const PROGRAM = fileURLToPath(new URL("open-loop.ts", import.meta.url));

/** Latencies at a rate of requests per second that does not depend on the answers. */
export async function latencyAt(
  url: string,
  { rate, seconds, connections }: { rate: number; seconds: number; connections: number },
): Promise<OpenLoopResult> {
  const args = ["-c", LOAD_CORE, process.execPath, "--no-warnings", PROGRAM, url];
  args.push(String(Math.round(rate)), String(seconds), String(connections));
  const { stdout } = await run("taskset", args);
  return JSON.parse(stdout) as OpenLoopResult;
}
