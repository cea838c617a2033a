/** The PostgreSQL of a deployment's own, as the deployment's commands use it. */

import type { DatabaseChoice } from "./database.ts";
import type { LocalPaths } from "./paths.ts";
import { freePort } from "./ports.ts";
import { type Cluster, postgresPort, startPostgres, stopPostgres } from "./postgres.ts";

/** Starts it if need be. Returns its port; undefined for another kind of database. */
export async function startDatabase(
  paths: LocalPaths,
  database: DatabaseChoice,
  password: string,
): Promise<number | undefined> {
  if (database.kind !== "own") return undefined;
  const cluster = clusterOf(paths, database.programs);
  await startPostgres(cluster, { port: await freePort(0), password });
  return await postgresPort(cluster);
}

/** Stops it, if there is one and it runs. */
export async function stopDatabase(paths: LocalPaths, database: DatabaseChoice | undefined): Promise<void> {
  if (database?.kind === "own") await stopPostgres(clusterOf(paths, database.programs));
}

function clusterOf(paths: LocalPaths, programs: string): Cluster {
  return { programs, folder: paths.postgres, log: paths.postgresLog };
}
