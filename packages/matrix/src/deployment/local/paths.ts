/** Where a homeserver that runs without containers keeps what is its own. */

import { join, resolve } from "node:path";

/** Absolute paths. */
export interface LocalPaths {
  /** The deployment's folder. */
  readonly root: string;
  /** Everything below is in here. */
  readonly folder: string;
  /** What overrides `homeserver.yaml`: paths, port, database. */
  readonly overlay: string;
  readonly logConfig: string;
  readonly log: string;
  /** What Synapse printed before its log began. */
  readonly output: string;
  readonly media: string;
  /** Which database was chosen. */
  readonly database: string;
  /** Which release of Synapse ran last. */
  readonly version: string;
  readonly postgres: string;
  readonly postgresLog: string;
  readonly sqlite: string;
  /** Which process starts or stops it. */
  readonly lock: string;
  /** What runs. */
  readonly state: string;
  readonly secrets: string;
}

/** Paths of the deployment in `dir`. */
export function localPaths(dir: string): LocalPaths {
  const root = resolve(dir);
  const folder = join(root, "local");
  return {
    root,
    folder,
    overlay: join(folder, "homeserver.yaml"),
    logConfig: join(folder, "log.yaml"),
    log: join(folder, "synapse.log"),
    output: join(folder, "synapse.out"),
    media: join(folder, "media"),
    database: join(folder, "database.json"),
    version: join(folder, "synapse-version"),
    postgres: join(folder, "postgres"),
    postgresLog: join(folder, "postgres.log"),
    sqlite: join(folder, "homeserver.db"),
    lock: join(folder, "lock"),
    state: join(folder, "state.json"),
    secrets: join(root, "secrets"),
  };
}
