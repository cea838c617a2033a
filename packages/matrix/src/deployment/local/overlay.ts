/** What a homeserver without containers has otherwise than `homeserver.yaml` says: where files are, where it listens, its database. */

import { join } from "node:path";
import { stringify } from "yaml";
import type { Deployment } from "../config/resolve.ts";
import type { Secrets } from "../secrets/secret-names.ts";
import type { DatabaseChoice } from "./database.ts";
import type { LocalPaths } from "./paths.ts";
import { DATABASE } from "./postgres.ts";

/** Facts of this run. */
export interface LocalFacts {
  readonly paths: LocalPaths;
  readonly port: number;
  readonly database: DatabaseChoice;
  /** Port of the own PostgreSQL. */
  readonly databasePort: number | undefined;
  readonly secrets: Secrets;
}

/** A second configuration file for Synapse: options in it replace those of the first. It holds the database's password. */
export function overlayYaml(deployment: Deployment, facts: LocalFacts): string {
  const { paths, port } = facts;
  const secret = (name: string): string => join(paths.secrets, name);
  const names = deployment.federation ? ["client", "federation"] : ["client"];
  return stringify({
    public_baseurl: localUrl(port),
    web_client_location: null,
    pid_file: join(paths.folder, "homeserver.pid"),
    log_config: paths.logConfig,
    media_store_path: paths.media,
    signing_key_path: secret("signing.key"),
    registration_shared_secret_path: secret("registration"),
    macaroon_secret_key_path: secret("macaroon"),
    form_secret_path: secret("form"),
    listeners: [
      {
        port,
        type: "http",
        tls: false,
        x_forwarded: false,
        bind_addresses: ["127.0.0.1"],
        resources: [{ names, compress: false }],
      },
    ],
    database: databaseOptions(facts),
    // These are containers' business.
    turn_uris: [],
    turn_shared_secret_path: null,
    app_service_config_files: [],
    ...(deployment.workers > 0
      ? {
          redis: { enabled: false },
          instance_map: {},
          worker_replication_secret_path: null,
          federation_sender_instances: null,
        }
      : {}),
  });
}

/** A log with a bound: three files of ten megabytes. */
export function localLogConfig(paths: LocalPaths): string {
  return stringify({
    version: 1,
    formatters: {
      precise: { format: "%(asctime)s - %(name)s - %(lineno)d - %(levelname)s - %(request)s - %(message)s" },
    },
    filters: { context: { "()": "synapse.logging.context.LoggingContextFilter", request: "" } },
    handlers: {
      file: {
        class: "logging.handlers.RotatingFileHandler",
        formatter: "precise",
        filters: ["context"],
        filename: paths.log,
        maxBytes: 10 * 1024 * 1024,
        backupCount: 2,
        encoding: "utf8",
      },
    },
    loggers: { "synapse.storage.SQL": { level: "INFO" }, "synapse.access.http": { level: "WARNING" } },
    root: { level: "INFO", handlers: ["file"] },
    disable_existing_loggers: false,
  });
}

/** Where it is reached on this machine. */
export function localUrl(port: number): string {
  return `http://127.0.0.1:${port}/`;
}

function databaseOptions({ database, databasePort, paths, secrets }: LocalFacts): object {
  const pool = { cp_min: 2, cp_max: 8 };
  switch (database.kind) {
    case "sqlite":
      return { name: "sqlite3", args: { database: paths.sqlite } };
    case "own":
      return {
        name: "psycopg2",
        args: {
          host: "127.0.0.1",
          port: databasePort,
          user: DATABASE,
          password: secrets.postgres,
          dbname: DATABASE,
          ...pool,
        },
      };
    case "url":
      // libpq reads such URLs itself.
      return { name: "psycopg2", args: { dsn: database.url, ...pool } };
  }
}
