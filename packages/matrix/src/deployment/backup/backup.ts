/** Backing a deployment up while it runs, and making one of a backup. */

import { chown, mkdir, readdir, rename, rm, rmdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { MatrixError } from "../../errors.ts";
import { SYNAPSE_VERSION } from "../config/images.ts";
import { compose, composeServices } from "../containers/compose.ts";
import { chooseDatabase, type DatabaseChoice, readChoice } from "../local/database.ts";
import { readVersion } from "../local/local.ts";
import { startDatabase, stopDatabase } from "../local/own-database.ts";
import { localPaths } from "../local/paths.ts";
import { readState } from "../local/process.ts";
import { type Owner, readSecret } from "../secrets/secret-store.ts";
import { readDeployment } from "../write/config-file.ts";
import { SERVICE_USER } from "../write/owner.ts";
import { type BackupFacts, readArchive, writeArchive } from "./archive.ts";
import { dumpContainer, dumpLocal, loadContainer, loadLocal } from "./dump.ts";

/** Options of {@link backUp}. */
export interface BackupOptions {
  /** The deployment's folder. */
  readonly dir: string;
  /** The archive to write. Default: `backups/<server>-<time>.tar` in the folder. */
  readonly file?: string;
}

/** Options of {@link restoreBackup}. */
export interface RestoreOptions {
  /** A backup. */
  readonly file: string;
  /** The folder to make: missing or empty. */
  readonly dir: string;
  /** `postgresql://…` of an empty database, instead of one like that which was backed up. */
  readonly database?: string;
}

/** A backup that was written or read. */
export interface Backup extends BackupFacts {
  /** The archive, absolute. */
  readonly file: string;
}

/**
 * Writes everything that a deployment needs to be made again into one file of mode 0600: configuration, secrets, media, database. It may run
 * meanwhile. The database is read at one moment, and media after it, so that no event is without its file.
 *
 * One-time keys of clients are left out: given out twice they would be no secret.
 *
 * @throws {MatrixError} `NEVER_RAN`, `DATABASE_FAILED`, `FILE_FAILED`, `PROGRAM_MISSING`
 */
export async function backUp({ dir, file }: BackupOptions): Promise<Backup> {
  const { serverName, images } = await readDeployment(dir);
  const folder = resolve(dir);
  const paths = localPaths(dir);
  const createdAt = new Date().toISOString();
  const name = `${serverName.replaceAll(/[^\w.-]/g, "_")}-${createdAt.replaceAll(/[:.]/g, "-")}.tar`;
  const target = resolve(file ?? join(folder, "backups", name));
  if (file === undefined) await mkdir(join(folder, "backups"), { recursive: true, mode: 0o700 });
  const choice = await readChoice(paths);
  if (choice !== undefined) {
    const synapse = (await readVersion(paths)) ?? SYNAPSE_VERSION;
    const facts: BackupFacts = {
      serverName,
      createdAt,
      synapse,
      kind: "local",
      database: choice.kind === "sqlite" ? "sqlite" : "postgres",
    };
    const password = await readSecret(join(paths.secrets, "postgres"));
    const running = (await readState(paths)) !== undefined;
    const port = await startDatabase(paths, choice, password);
    try {
      await writeArchive(target, { folder, facts, dump: (path) => dumpLocal({ choice, paths, port, password }, path) });
    } finally {
      if (!running) await stopDatabase(paths, choice);
    }
    return { ...facts, file: target };
  }
  const services = await composeServices(dir);
  if (!services.some(({ service, state }) => service === "postgres" && state === "running")) {
    throw new MatrixError(
      "NEVER_RAN",
      `nothing of ${folder} runs or ever ran without containers: ami-matrix up starts it`,
    );
  }
  const synapse = images.synapse.replace(/^.*:v?/, "");
  const facts: BackupFacts = { serverName, createdAt, synapse, kind: "containers", database: "postgres" };
  // Bridges keep databases of their own in files, which must not change while they are copied.
  const bridges = services
    .filter(({ service, state }) => /^(discord|irc|slack|telegram)$/.test(service) && state === "running")
    .map(({ service }) => service);
  if (bridges.length > 0) await compose(dir, ["stop", ...bridges]);
  try {
    await writeArchive(target, { folder, facts, dump: (path) => dumpContainer(folder, path) });
  } finally {
    if (bridges.length > 0) await compose(dir, ["start", ...bridges]);
  }
  return { ...facts, file: target };
}

/**
 * Makes a deployment of a backup, in a new folder. It is checked whole before anything is made, and nothing is left of it where something
 * fails. Then it can be started.
 *
 * @throws {MatrixError} `BACKUP_CORRUPT`, `NOT_EMPTY`, `DATABASE_FAILED`, `PROGRAM_MISSING`
 */
export async function restoreBackup({ file, dir, database }: RestoreOptions): Promise<Backup> {
  const folder = resolve(dir);
  const entries = await readdir(folder).catch(() => []);
  if (entries.length > 0) throw new MatrixError("NOT_EMPTY", `${folder} is not empty: restore into a new folder`);
  const temporary = `${folder}.${process.pid}.tmp`;
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary, { recursive: true });
  try {
    const { facts, dump, extras } = await readArchive(file, temporary);
    if (process.getuid?.() === 0) await giveTo(temporary, SERVICE_USER);
    if (facts.kind === "local") await loadIntoLocal(temporary, { facts, dump, wish: database });
    if (facts.kind === "local") await rm(extras, { recursive: true });
    await rmdir(folder).catch(() => {});
    await rename(temporary, folder);
    if (facts.kind === "containers") {
      await loadIntoContainers(folder, join(folder, dump.slice(temporary.length)));
      await rm(join(folder, extras.slice(temporary.length)), { recursive: true });
    }
    return { ...facts, file: resolve(file) };
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function loadIntoLocal(
  folder: string,
  { facts, dump, wish }: { facts: BackupFacts; dump: string; wish: string | undefined },
): Promise<void> {
  const paths = localPaths(folder);
  if (wish !== undefined) await rm(paths.database, { force: true });
  const choice: DatabaseChoice = await chooseDatabase(paths, wish);
  if ((choice.kind === "sqlite") !== (facts.database === "sqlite")) {
    throw new MatrixError("INVALID_CONFIG", `the backup is of ${facts.database}, and can be restored into that only`);
  }
  const password = await readSecret(join(paths.secrets, "postgres"));
  const port = await startDatabase(paths, choice, password);
  try {
    await loadLocal({ choice, paths, port, password }, dump);
  } finally {
    await stopDatabase(paths, choice);
  }
}

async function loadIntoContainers(folder: string, dump: string): Promise<void> {
  await mkdir(join(folder, "data", "postgres"), { recursive: true, mode: 0o700 });
  if (process.getuid?.() === 0) await chown(join(folder, "data", "postgres"), SERVICE_USER.uid, SERVICE_USER.gid);
  await compose(folder, ["up", "--detach", "--wait", "postgres"]);
  await loadContainer(folder, dump);
}

/** Root's archives are unpacked as root's, but containers run as another user. */
async function giveTo(folder: string, { uid, gid }: Owner): Promise<void> {
  for (const part of ["secrets", "data"]) {
    const entries = await readdir(join(folder, part), { recursive: true, withFileTypes: true }).catch(() => []);
    const paths = entries.map((entry) => join(entry.parentPath, entry.name));
    for (const path of part === "secrets" ? [join(folder, part), ...paths] : paths) await chown(path, uid, gid);
  }
}
