/** Runs the programs that tests judge us by, and leaves none behind. */

import { type ChildProcess, spawn } from "node:child_process";

/** A running program. Disposing ends it. */
export interface Program extends AsyncDisposable {
  readonly child: ChildProcess;
  /** Settles when it has exited. */
  readonly exit: Promise<{ readonly code: number | null; readonly stdout: Buffer; readonly stderr: string }>;
}

export function runProgram(path: string, args: readonly string[]): Program {
  const child = spawn(path, args, { stdio: ["ignore", "pipe", "pipe"] });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on("data", (bytes: Buffer) => stdout.push(bytes));
  child.stderr.on("data", (bytes: Buffer) => stderr.push(bytes));
  const exit = new Promise<Awaited<Program["exit"]>>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      resolve({ code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() });
    });
  });
  return {
    child,
    exit,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exit;
    },
  };
}
