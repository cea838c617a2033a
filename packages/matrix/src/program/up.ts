/** `ami-matrix up`, `down`, `status` and `install`. */

import { compose, composeServices } from "../deployment/containers/compose.ts";
import { findLocal, startLocal, stopLocal } from "../deployment/local/local.ts";
import { installSynapse } from "../deployment/local/synapse.ts";
import { readDeployment } from "../deployment/write/config-file.ts";
import { MatrixError } from "../errors.ts";

/** Options as commander gives them. */
export interface UpFlags {
  readonly dir: string;
  readonly local?: boolean;
  readonly database?: string;
  readonly port?: string;
  readonly cache?: string;
}

/** Starts a deployment, by containers unless told otherwise. */
export async function up({
  dir,
  local,
  database = process.env.AMI_MATRIX_DATABASE,
  port,
  cache,
}: UpFlags): Promise<void> {
  if (local === true) {
    const homeserver = await startLocal({
      dir,
      say,
      ...(database === undefined ? {} : { database }),
      ...(port === undefined ? {} : { port: portOf(port) }),
      ...(cache === undefined ? {} : { cache }),
    });
    const verb = homeserver.started ? "runs" : "runs already";
    print(
      `${homeserver.serverName} ${verb}: ${homeserver.url} (Synapse ${homeserver.version}; ${homeserver.database})`,
    );
    return;
  }
  const deployment = await readDeployment(dir);
  await compose(dir, ["up", "--detach", "--wait", "--remove-orphans"]);
  print(
    `${deployment.serverName} runs: ${deployment.publicUrl}, on this machine http://127.0.0.1:${deployment.ports.homeserver}/`,
  );
  if (deployment.element !== undefined) print(`Element: ${deployment.element.url}`);
}

/** Stops whatever of a deployment runs. */
export async function down({ dir }: { dir: string }): Promise<void> {
  const { serverName } = await readDeployment(dir);
  const ran = await stopLocal(dir);
  const containers = await composeServices(dir);
  if (containers.length > 0) await compose(dir, ["down"]);
  print(ran || containers.length > 0 ? `${serverName} is stopped` : `${serverName} did not run`);
}

/** Says what of a deployment runs. Exit code 3 where nothing does. */
export async function status({ dir, json }: { dir: string; json?: boolean }): Promise<void> {
  const { serverName } = await readDeployment(dir);
  const local = await findLocal(dir);
  const containers = await composeServices(dir);
  const answers =
    local !== undefined &&
    (await fetch(new URL("health", local.url)).then(
      ({ ok }) => ok,
      () => false,
    ));
  if (json === true) {
    const facts =
      local === undefined ? null : { url: local.url, version: local.version, database: local.database, answers };
    print(JSON.stringify({ serverName, local: facts, containers }));
  } else if (local !== undefined) {
    print(
      `${serverName}: ${local.url} (Synapse ${local.version}; ${local.database})${answers ? "" : ", but it does not answer"}`,
    );
  } else if (containers.length > 0) {
    for (const { service, state, health } of containers)
      print(`${service}: ${state}${health === "" ? "" : `, ${health}`}`);
  } else {
    print(`${serverName} does not run`);
  }
  if (local === undefined && containers.length === 0) process.exitCode = 3;
}

/** Fetches Synapse. */
export async function install({ cache }: { cache?: string }): Promise<void> {
  print(await installSynapse({ say, ...(cache === undefined ? {} : { cache }) }));
}

function portOf(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new MatrixError("INVALID_CONFIG", `"${text}" is no port`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** What takes a while is told on standard error, which leaves standard output to the result. */
function say(line: string): void {
  process.stderr.write(`• ${line} …\n`);
}
