/** A PostgreSQL of the deployment's own: the machine's programs, data in the deployment's folder, on the loopback address only. */

import { access, chown, mkdir, open, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { MatrixError } from "../../errors.ts";
import { type Owner, SECRET_MODE } from "../secrets/secret-store.ts";
import { failureText, findProgram, run } from "./programs.ts";

/** Name of the database and of its user. */
export const DATABASE = "synapse";
/** Seconds that PostgreSQL may take to start or to end. */
const DEADLINE = 60;
/** Milliseconds after which a start is tried again. */
const RETRY = 200;

/** A cluster on disk. */
export interface Cluster {
  /** Folder of PostgreSQL's programs. */
  readonly programs: string;
  /** Its data. */
  readonly folder: string;
  readonly log: string;
}

/** Makes the cluster if it is not there, and starts it unless it runs. */
export async function startPostgres(
  cluster: Cluster,
  { port, password }: { port: number; password: string },
): Promise<void> {
  const user = await serverUser();
  if (!(await exists(join(cluster.folder, "PG_VERSION")))) await initialise(cluster, password, user);
  const late = performance.now() + DEADLINE * 1000;
  while (!(await accepts(cluster))) {
    if (!(await runs(cluster, user))) await start(cluster, port, user);
    // One that starts still, or that was killed and is not gone yet.
    else if (performance.now() < late) await delay(RETRY);
    else throw new MatrixError("DATABASE_FAILED", `PostgreSQL takes no connections: see ${cluster.log}`);
  }
  await provideDatabase(cluster, (await postgresPort(cluster)) ?? port, password);
}

async function accepts(cluster: Cluster): Promise<boolean> {
  const port = await postgresPort(cluster);
  if (port === undefined) return false;
  return await run(join(cluster.programs, "pg_isready"), ["-q", "-h", "127.0.0.1", "-p", String(port)]).then(
    () => true,
    () => false,
  );
}

async function start(cluster: Cluster, port: number, user: Owner | undefined): Promise<void> {
  await (await open(cluster.log, "a", SECRET_MODE)).close();
  if (user !== undefined) await chown(cluster.log, user.uid, user.gid);
  const settings = [`port=${port}`, "listen_addresses=127.0.0.1", "unix_socket_directories=''"];
  const options = settings.map((setting) => `-c ${setting}`).join(" ");
  const late = performance.now() + DEADLINE * 1000;
  for (;;) {
    try {
      await control(cluster, ["start", "-w", "-t", String(DEADLINE), "-l", cluster.log, "-o", options], user);
      return;
    } catch (cause) {
      const log = await readFile(cluster.log, "utf8").catch(() => "");
      const end = log.trim().split("\n").slice(-5).join("\n");
      // What a killed server had started notices that it is gone, and ends, within a moment.
      if (/is still in use|already exists/.test(end) && performance.now() < late) await delay(RETRY);
      else
        throw new MatrixError("DATABASE_FAILED", `PostgreSQL did not start:\n${end || failureText(cause)}`, { cause });
    }
  }
}

/** Makes the database if it is not there. A start that was broken off may have left it out. */
async function provideDatabase(cluster: Cluster, port: number, password: string): Promise<void> {
  const psql = async (sql: string): Promise<string> =>
    await run(
      join(cluster.programs, "psql"),
      ["-X", "-A", "-t", "-h", "127.0.0.1", "-p", String(port), "-U", DATABASE, "-d", "postgres", "-c", sql],
      { env: { ...process.env, PGPASSWORD: password } },
    );
  try {
    const found = await psql(`SELECT 1 FROM pg_database WHERE datname = '${DATABASE}'`);
    if (found.trim() === "") await psql(`CREATE DATABASE ${DATABASE}`);
  } catch (cause) {
    throw new MatrixError("DATABASE_FAILED", `PostgreSQL took no database: ${failureText(cause)}`, { cause });
  }
}

/** Ends it, after what it is doing; nothing where it does not run. */
export async function stopPostgres(cluster: Cluster): Promise<void> {
  const user = await serverUser();
  if (!(await runs(cluster, user))) return;
  await control(cluster, ["stop", "-w", "-m", "fast", "-t", String(DEADLINE)], user).catch(async (cause: unknown) => {
    // One that was killed meanwhile leaves its pid file, which pg_ctl takes for a failure.
    if (!(await runs(cluster, user))) return;
    throw new MatrixError("STOP_FAILED", `PostgreSQL did not end: ${failureText(cause)}`, { cause });
  });
}

/** Port of the running cluster: fourth line of its pid file. */
export async function postgresPort({ folder }: Cluster): Promise<number | undefined> {
  const text = await readFile(join(folder, "postmaster.pid"), "utf8").catch(() => "");
  const port = Number(text.split("\n")[3]);
  return Number.isInteger(port) && port > 0 ? port : undefined;
}

async function runs(cluster: Cluster, user: Owner | undefined): Promise<boolean> {
  return await control(cluster, ["status"], user).then(
    () => true,
    () => false,
  );
}

async function initialise(cluster: Cluster, password: string, user: Owner | undefined): Promise<void> {
  await mkdir(cluster.folder, { recursive: true, mode: 0o700 });
  const passwordFile = `${cluster.folder}.password`;
  try {
    await writeFile(passwordFile, `${password}\n`, { mode: SECRET_MODE });
    if (user !== undefined) {
      for (const path of [cluster.folder, passwordFile]) await chown(path, user.uid, user.gid);
      await checkReach(cluster.folder, user);
    }
    const args = [
      "-D",
      cluster.folder,
      "-U",
      DATABASE,
      "-E",
      "UTF8",
      "--locale=C",
      "--auth=scram-sha-256",
      `--pwfile=${passwordFile}`,
    ];
    await run(join(cluster.programs, "initdb"), args, asUser(user));
  } catch (cause) {
    await rm(cluster.folder, { recursive: true, force: true });
    if (cause instanceof MatrixError) throw cause;
    throw new MatrixError("DATABASE_FAILED", `initdb failed: ${failureText(cause)}`, { cause });
  } finally {
    await rm(passwordFile, { force: true });
  }
}

/** PostgreSQL never runs as root. The user that it runs as instead has to be able to enter every folder above its data. */
async function checkReach(folder: string, user: Owner): Promise<void> {
  await run(findProgram("test") ?? "/usr/bin/test", ["-w", folder], asUser(user)).catch((cause: unknown) => {
    const message = `PostgreSQL does not run as root, and user ${user.uid} cannot enter ${folder}: use a folder that is open to it, or another user`;
    throw new MatrixError("DATABASE_FAILED", message, { cause });
  });
}

async function control(cluster: Cluster, args: readonly string[], user: Owner | undefined): Promise<void> {
  await run(join(cluster.programs, "pg_ctl"), ["-D", cluster.folder, ...args], asUser(user));
}

function asUser(user: Owner | undefined): { cwd: string; uid?: number; gid?: number } {
  return user === undefined ? { cwd: "/" } : { cwd: "/", uid: user.uid, gid: user.gid };
}

/** Where root starts it: the user that Debian's package makes, or nobody. */
async function serverUser(): Promise<Owner | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ["postgres", "nobody"]) {
    const ids = await Promise.all([run("id", ["-u", name]), run("id", ["-g", name])]).catch(() => undefined);
    if (ids !== undefined) return { uid: Number(ids[0]), gid: Number(ids[1]) };
  }
  throw new MatrixError(
    "DATABASE_FAILED",
    "PostgreSQL does not run as root, and this machine has no user postgres or nobody",
  );
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
