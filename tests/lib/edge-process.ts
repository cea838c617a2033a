/** An edge as a process of its own, so that it can die as a machine does. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** A running edge. Disposing it kills it. */
export interface EdgeProcess extends AsyncDisposable {
  readonly url: string;
  /** Ends it at once: connections break, nothing is said. */
  kill(): Promise<void>;
}

const main = fileURLToPath(new URL("../../examples/edge/src/main.ts", import.meta.url));

/** Runs `examples/edge` alone on a free port, and resolves when it accepts. */
export async function startEdgeProcess(upstream: string, name: string): Promise<EdgeProcess> {
  const child = spawn(process.execPath, ["--conditions=@ami-streams/source", "--no-warnings", main], {
    env: { ...process.env, PORT: "0", UPSTREAMS: upstream, NAME: name, LOG_LEVEL: "silent" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  const kill = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    await ended;
  };
  for await (const line of createInterface(child.stdout)) {
    const url = /^edge (http:.*)$/.exec(line)?.[1];
    if (url !== undefined) return { url, kill, [Symbol.asyncDispose]: kill };
  }
  throw new Error(`${name} ended before it said where it is`);
}
