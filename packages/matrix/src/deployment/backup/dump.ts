/** The database of a deployment as one file, and back. */

import { spawn } from "node:child_process";
import { copyFile, open } from "node:fs/promises";
import { MatrixError } from "../../errors.ts";
import type { DatabaseChoice } from "../local/database.ts";
import type { LocalPaths } from "../local/paths.ts";
import { DATABASE } from "../local/postgres.ts";
import { failureText, findProgram, postgresFolders, run } from "../local/programs.ts";
import { SECRET_MODE } from "../secrets/secret-store.ts";

/**
 * Keys that clients gave out to be used once. A restored server would give them out again, so they are left out: clients upload new ones when
 * they see that there are none (Synapse's documentation, "Backing up a Synapse homeserver").
 */
const ONE_TIME_KEYS = "e2e_one_time_keys_json";
const DUMP_OPTIONS = ["--format=custom", `--exclude-table-data=${ONE_TIME_KEYS}`];
const RESTORE_OPTIONS = ["--no-owner", "--exit-on-error", "--single-transaction"];

/** Copies SQLite's database while it is used, and takes the keys out. */
const SQLITE_BACKUP = `
import sqlite3, sys
source = sqlite3.connect(sys.argv[1])
copy = sqlite3.connect(sys.argv[2])
source.backup(copy)
copy.execute("DELETE FROM ${ONE_TIME_KEYS}")
copy.commit()
copy.execute("VACUUM")
`;

/** How a local homeserver's database is reached. */
export interface LocalDatabase {
  readonly choice: DatabaseChoice;
  readonly paths: LocalPaths;
  /** Of the own PostgreSQL. */
  readonly port: number | undefined;
  readonly password: string;
}

/** Writes the database of a local homeserver to a file: as it was at one moment, while it goes on being used. */
export async function dumpLocal(database: LocalDatabase, file: string): Promise<void> {
  await (await open(file, "wx", SECRET_MODE)).close();
  if (database.choice.kind === "sqlite") {
    await use("python3", ["-c", SQLITE_BACKUP, database.paths.sqlite, file], {});
    return;
  }
  const { args, env } = connection(database);
  await use("pg_dump", [...DUMP_OPTIONS, ...args, "--file", file], env);
}

/**
 * Fills an empty database from a file.
 *
 * @throws {MatrixError} `NOT_EMPTY` where it has tables.
 */
export async function loadLocal(database: LocalDatabase, file: string): Promise<void> {
  if (database.choice.kind === "sqlite") {
    await copyFile(file, database.paths.sqlite);
    return;
  }
  const { args, env } = connection(database);
  const count = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'";
  const tables = await queryLocal(database, count);
  if (tables.trim() !== "0")
    throw new MatrixError("NOT_EMPTY", `the database has ${tables.trim()} tables: restore into an empty one`);
  await use("pg_restore", [...RESTORE_OPTIONS, ...args, file], env);
}

/** Asks a local PostgreSQL. Columns are separated by `|`. */
export async function queryLocal(database: LocalDatabase, sql: string): Promise<string> {
  const { args, env } = connection(database);
  return await use("psql", ["-X", "-A", "-t", ...args, "-c", sql], env);
}

/** Writes the database of a deployment in containers to a file. */
export async function dumpContainer(dir: string, file: string): Promise<void> {
  const output = await open(file, "wx", SECRET_MODE);
  try {
    await inPostgres(dir, ["pg_dump", "-U", DATABASE, ...DUMP_OPTIONS, DATABASE], ["ignore", output.fd]);
  } finally {
    await output.close();
  }
}

/** Fills the empty database of a deployment in containers from a file. Its PostgreSQL has to run. */
export async function loadContainer(dir: string, file: string): Promise<void> {
  const input = await open(file, "r");
  try {
    await inPostgres(dir, ["pg_restore", "-U", DATABASE, ...RESTORE_OPTIONS, "-d", DATABASE], [input.fd, "ignore"]);
  } finally {
    await input.close();
  }
}

/** Passwords go by the environment: lists of processes show arguments. */
function connection({ choice, port, password }: LocalDatabase): { args: string[]; env: NodeJS.ProcessEnv } {
  if (choice.kind !== "url") {
    const args = ["-h", "127.0.0.1", "-p", String(port), "-U", DATABASE, "-d", DATABASE];
    return { args, env: { PGPASSWORD: password } };
  }
  const url = new URL(choice.url);
  const secret = decodeURIComponent(url.password);
  url.password = "";
  return { args: ["-d", url.href], env: secret === "" ? {} : { PGPASSWORD: secret } };
}

async function use(name: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const program = findProgram(name, postgresFolders());
  if (program === undefined) {
    throw new MatrixError(
      "PROGRAM_MISSING",
      `there is no ${name} on this machine (on Debian: apt install postgresql-client)`,
    );
  }
  return await run(program, args, { env: { ...process.env, ...env } }).catch((cause: unknown) => {
    throw new MatrixError("DATABASE_FAILED", `${name} failed: ${failureText(cause, 4)}`, { cause });
  });
}

async function inPostgres(
  dir: string,
  command: readonly string[],
  stdio: ["ignore", number] | [number, "ignore"],
): Promise<void> {
  const docker = findProgram("docker");
  if (docker === undefined) throw new MatrixError("PROGRAM_MISSING", "there is no Docker on this machine");
  const args = ["compose", "--project-directory", dir, "exec", "-T", "postgres", ...command];
  const child = spawn(docker, args, { stdio: [...stdio, "pipe"] });
  const errors: Buffer[] = [];
  child.stderr?.on("data", (chunk: Buffer) => errors.push(chunk));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0)
    throw new MatrixError("DATABASE_FAILED", `${command[0]} failed: ${Buffer.concat(errors).toString().trim()}`);
}
