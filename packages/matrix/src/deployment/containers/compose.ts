/** Docker Compose, as far as a deployment needs it. */

import { spawn } from "node:child_process";
import { MatrixError } from "../../errors.ts";
import { findProgram, run } from "../local/programs.ts";

/** A container of a deployment. */
export interface ComposeService {
  readonly service: string;
  /** `running`, `exited`, … */
  readonly state: string;
  /** `healthy`, `unhealthy`, `starting`, or empty where nothing checks it. */
  readonly health: string;
}

/**
 * Runs `docker compose` for a deployment; what it prints goes to standard error.
 *
 * @throws {MatrixError} `PROGRAM_MISSING` without Docker, `START_FAILED` where the command fails.
 */
export async function compose(dir: string, args: readonly string[]): Promise<void> {
  const docker = requireDocker();
  const child = spawn(docker, ["compose", "--project-directory", dir, ...args], { stdio: ["ignore", 2, "inherit"] });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", resolve);
  });
  if (code !== 0)
    throw new MatrixError(
      "START_FAILED",
      `docker compose ${args[0]} failed (${code}): is the Docker engine running, and the compose plugin installed?`,
    );
}

/** The containers of a deployment that are there. None where there is no Docker. */
export async function composeServices(dir: string): Promise<ComposeService[]> {
  const docker = findProgram("docker");
  if (docker === undefined) return [];
  const args = ["compose", "--project-directory", dir, "ps", "--all", "--format", "json"];
  const text = await run(docker, args).catch(() => "");
  return text
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line))
    .map(({ Service, State, Health }) => ({ service: Service, state: State, health: Health ?? "" }));
}

function requireDocker(): string {
  const docker = findProgram("docker");
  if (docker !== undefined) return docker;
  throw new MatrixError(
    "PROGRAM_MISSING",
    "there is no Docker on this machine: install it with its compose plugin, or start with --local",
  );
}
