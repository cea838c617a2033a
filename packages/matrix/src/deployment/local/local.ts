/** A homeserver without containers: Synapse from PyPI, and PostgreSQL of this machine. */

import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MatrixError } from "../../errors.ts";
import { SYNAPSE_VERSION } from "../config/images.ts";
import type { Deployment } from "../config/resolve.ts";
import { provideSecrets, SECRET_MODE } from "../secrets/secret-store.ts";
import { readDeployment } from "../write/config-file.ts";
import { chooseDatabase, type DatabaseChoice, describeDatabase, readChoice } from "./database.ts";
import { alone } from "./lock.ts";
import { localLogConfig, localUrl, overlayYaml } from "./overlay.ts";
import { startDatabase, stopDatabase } from "./own-database.ts";
import { type LocalPaths, localPaths } from "./paths.ts";
import { freePort } from "./ports.ts";
import { comesUp, readState, spawnSynapse, stopSynapse, waitForHealth } from "./process.ts";
import { type InstallOptions, installSynapse } from "./synapse.ts";

/** Milliseconds that Synapse may take until it answers: a first start makes its tables. */
const START_DEADLINE = 120_000;

/** Options of {@link startLocal}. */
export interface LocalOptions extends InstallOptions {
  /** The deployment's folder, as {@link writeDeployment} wrote it. */
  readonly dir: string;
  /**
   * `postgresql://user:password@host/database`, or `sqlite`. Default: what was used before; else a PostgreSQL of its own where the machine has
   * the programs, else SQLite.
   */
  readonly database?: string;
  /** Port on the loopback address; 0 takes a free one. Default: the deployment's, 8008. */
  readonly port?: number;
}

/** A running homeserver. */
export interface LocalHomeserver extends AsyncDisposable {
  /** The client-server API, e.g. `http://127.0.0.1:8008/`. */
  readonly url: string;
  /** The part of user ids after the colon. */
  readonly serverName: string;
  /** Synapse's release. */
  readonly version: string;
  /** Which database it uses, for people. */
  readonly database: string;
  /** False where it ran before. */
  readonly started: boolean;
  /** Stops it, and its PostgreSQL. Otherwise they go on when this process ends. */
  close(): Promise<void>;
}

/**
 * Starts the homeserver of a deployment on this machine and waits until it answers. One that runs is left running.
 *
 * @throws {MatrixError} `NO_DEPLOYMENT`, `BUSY`, `PROGRAM_MISSING`, `INSTALL_FAILED`, `PORT_TAKEN`, `DATABASE_FAILED`, `START_FAILED`
 */
export async function startLocal(options: LocalOptions): Promise<LocalHomeserver> {
  const { dir } = options;
  const deployment = await readDeployment(dir);
  const paths = localPaths(dir);
  await mkdir(paths.folder, { recursive: true });
  return await alone(paths, async () => {
    const state = await readState(paths);
    if (state !== undefined) {
      // It may be starting still, or about to end.
      if (await comesUp(paths, state, START_DEADLINE))
        return handle(paths, deployment, { ...state, database: await readChoice(paths), started: false });
      await stopSynapse(paths);
    }
    return await start(deployment, paths, options);
  });
}

async function start(deployment: Deployment, paths: LocalPaths, options: LocalOptions): Promise<LocalHomeserver> {
  const { signal, say } = options;
  const version = options.version ?? (await readVersion(paths)) ?? SYNAPSE_VERSION;
  const python = await installSynapse({ ...options, version });
  const database = await chooseDatabase(paths, options.database);
  const port = await freePort(options.port ?? deployment.ports.homeserver);
  const secrets = await provideSecrets(paths.secrets, deployment);
  await mkdir(paths.media, { recursive: true, mode: 0o700 });
  const url = localUrl(port);
  try {
    say?.(`Synapse ${version} on ${describeDatabase(database)}`);
    const databasePort = await startDatabase(paths, database, secrets.postgres ?? "");
    await writeFile(paths.logConfig, localLogConfig(paths));
    const overlay = overlayYaml(deployment, { paths, port, database, databasePort, secrets });
    await writeFile(paths.overlay, overlay, { mode: SECRET_MODE });
    await chmod(paths.overlay, SECRET_MODE);
    const { ended } = await spawnSynapse(paths, python, { url, version });
    await waitForHealth(url, ended, { deadline: START_DEADLINE, signal });
  } catch (error) {
    await stop(paths);
    if (!(error instanceof MatrixError) || error.code !== "START_FAILED") throw error;
    throw new MatrixError("START_FAILED", `${error.message}${await lastWords(paths)}`, { cause: error });
  }
  // A later release of this package must not upgrade the database behind its operator's back.
  await writeFile(paths.version, `${version}\n`);
  return handle(paths, deployment, { url, version, database, started: true });
}

/**
 * Stops the homeserver of a deployment and its PostgreSQL. Nothing happens where they do not run.
 *
 * @returns whether it ran.
 * @throws {MatrixError} `BUSY`, `STOP_FAILED`
 */
export async function stopLocal(dir: string): Promise<boolean> {
  const paths = localPaths(dir);
  // It never ran: there is no folder to lock.
  if ((await readChoice(paths)) === undefined) return false;
  return await alone(paths, () => stop(paths));
}

async function stop(paths: LocalPaths): Promise<boolean> {
  const ran = await stopSynapse(paths);
  await stopDatabase(paths, await readChoice(paths));
  return ran;
}

/** The homeserver that runs in a deployment's folder, or undefined. */
export async function findLocal(dir: string): Promise<LocalHomeserver | undefined> {
  const deployment = await readDeployment(dir);
  const paths = localPaths(dir);
  const running = await readState(paths);
  if (running === undefined) return undefined;
  return handle(paths, deployment, { ...running, database: await readChoice(paths), started: false });
}

function handle(
  paths: LocalPaths,
  deployment: Deployment,
  {
    url,
    version,
    database,
    started,
  }: { url: string; version: string; database: DatabaseChoice | undefined; started: boolean },
): LocalHomeserver {
  const close = async (): Promise<void> => {
    await stopLocal(paths.root);
  };
  return {
    url,
    serverName: deployment.serverName,
    version,
    database: database === undefined ? "unknown" : describeDatabase(database),
    started,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The end of what Synapse printed and logged. */
async function lastWords(paths: LocalPaths): Promise<string> {
  const printed = await readFile(paths.output, "utf8").catch(() => "");
  const words = printed.trim().split("\n").slice(-12).join("\n");
  return words === "" ? `: see ${join(paths.folder, "synapse.log")}` : `:\n${words}`;
}

/** Synapse's release that ran last. */
export async function readVersion(paths: LocalPaths): Promise<string | undefined> {
  const text = await readFile(paths.version, "utf8").catch(() => "");
  return text.trim() || undefined;
}
