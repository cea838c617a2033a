/** Running other programs to their end, and finding them. */

import { type ExecFileOptions, execFile } from "node:child_process";
import { accessSync, constants, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** Characters of a program's output that are kept. */
const MAX_OUTPUT = 16 * 1024 * 1024;

/** A program that ended with an error. */
interface ProgramFailure extends Error {
  readonly code?: number | string;
  readonly stderr?: string;
  readonly stdout?: string;
}

/** Runs a program and returns what it printed on standard output. Rejects where it fails: {@link failureText} says how. */
export async function run(program: string, args: readonly string[], options: ExecFileOptions = {}): Promise<string> {
  const { stdout } = await execute(program, [...args], { maxBuffer: MAX_OUTPUT, ...options, encoding: "utf8" });
  return stdout;
}

/** What a program said when it failed: the end of its standard error, or of its output. */
export function failureText(error: unknown, lines = 8): string {
  const { stderr = "", stdout = "", message } = error as ProgramFailure;
  const said = stderr.trim() || stdout.trim() || message;
  return said.split("\n").slice(-lines).join("\n");
}

/** Path of a program, in the folders given and those of PATH, or undefined. */
export function findProgram(name: string, folders: readonly string[] = []): string | undefined {
  for (const folder of [...folders, ...(process.env.PATH ?? "").split(delimiter)]) {
    if (folder !== "" && isExecutable(join(folder, name))) return join(folder, name);
  }
  return undefined;
}

/** Where Debian, Homebrew and others put PostgreSQL's programs, newest release first. */
export function postgresFolders(): string[] {
  const releases = ["/usr/lib/postgresql", "/usr/local/pgsql", "/opt/homebrew/opt", "/usr/local/opt"].flatMap(
    (parent) =>
      entries(parent)
        .filter((name) => /^\d+$|^postgresql(@\d+)?$|^bin$/.test(name))
        .map((name) => (name === "bin" ? join(parent, name) : join(parent, name, "bin"))),
  );
  const release = (folder: string): number => Number(/\d+/.exec(folder)?.[0] ?? 0);
  return releases.sort((a, b) => release(b) - release(a));
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
