/** What can be seen on the machine: secrets, database, disk. */

import { readdir, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { queryLocal } from "../backup/dump.ts";
import { composeServices } from "../containers/compose.ts";
import { readChoice } from "../local/database.ts";
import { localPaths } from "../local/paths.ts";
import { postgresPort } from "../local/postgres.ts";
import { readSecret } from "../secrets/secret-store.ts";
import { type Finding, findings } from "./finding.ts";
import { reason } from "./http.ts";

/** Share of the disk that should be free. */
const FREE_SHARE = 0.1;

/** Modes of the secrets' files. */
export async function checkSecrets(dir: string): Promise<Finding[]> {
  const { ok, failure } = findings("secrets");
  const entries = await readdir(join(dir, "secrets"), { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
  if (files.length === 0) return [failure("there are no secrets", "restore a backup, or run init")];
  const open: string[] = [];
  for (const file of files) if (((await stat(file)).mode & 0o077) !== 0) open.push(file);
  return open.length === 0
    ? [ok(`${files.length} secrets, for their owner alone`)]
    : open.map((file) => failure(`others can read ${file}`, "chmod 600 it, and change the secret if they could"));
}

/** Room for media and the database. */
export async function checkDisk(dir: string): Promise<Finding[]> {
  const { ok, failure } = findings("disk");
  const { bavail, blocks, bsize } = await statfs(dir);
  const free = `${((bavail * bsize) / 1024 ** 3).toFixed(1)} GiB (${Math.round((bavail / blocks) * 100)} %) of the disk are free`;
  return [
    bavail / blocks >= FREE_SHARE
      ? ok(free)
      : failure(free, "make room: a full disk stops the database. Media retention deletes old remote media"),
  ];
}

/** Whether the database answers, and sorts as Synapse needs it. */
export async function checkDatabase(dir: string): Promise<Finding[]> {
  const { ok, warning, failure, skipped } = findings("database");
  const paths = localPaths(dir);
  const choice = await readChoice(paths);
  if (choice === undefined) {
    const postgres = (await composeServices(dir)).find(({ service }) => service === "postgres");
    if (postgres === undefined) return [skipped("the deployment does not run", "ami-matrix up starts it")];
    return [
      postgres.health === "healthy"
        ? ok("PostgreSQL's container is healthy")
        : failure(`PostgreSQL's container is ${postgres.health || postgres.state}`, "docker compose logs postgres"),
    ];
  }
  if (choice.kind === "sqlite")
    return [warning("the database is SQLite, which is for trying things out", "deploy on PostgreSQL")];
  const port =
    choice.kind === "own"
      ? await postgresPort({ programs: choice.programs, folder: paths.postgres, log: paths.postgresLog })
      : undefined;
  if (choice.kind === "own" && port === undefined)
    return [skipped("the deployment does not run", "ami-matrix up --local starts it")];
  try {
    const password = await readSecret(join(paths.secrets, "postgres"));
    const sql =
      "SELECT datcollate, pg_encoding_to_char(encoding), pg_size_pretty(pg_database_size(datname)), (SELECT count(*) FROM background_updates) " +
      "FROM pg_database WHERE datname = current_database()";
    const [collation, encoding, size, updates] = (await queryLocal({ choice, paths, port, password }, sql))
      .trim()
      .split("|");
    if (collation !== "C" || encoding !== "UTF8") {
      const advice =
        "make it with --locale=C --encoding=UTF8 --template=template0: indexes break when the system's sorting changes";
      return [failure(`the database sorts by ${collation} in ${encoding}`, advice)];
    }
    const pending = updates === "0" ? "" : `; ${updates} background updates are to be done before the next upgrade`;
    return [ok(`PostgreSQL answers: ${size}${pending}`)];
  } catch (error) {
    return [failure(`the database does not answer: ${reason(error)}`, "start it, and see its log")];
  }
}
