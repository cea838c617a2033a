/** Every file of a deployment, from its config and its secrets. Does no I/O. */

import type { Deployment } from "../config/resolve.ts";
import type { Secrets } from "../secrets/secret-names.ts";
import type { Owner } from "../secrets/secret-store.ts";
import { bridgeFiles } from "./bridges.ts";
import { jitsiFiles, livekitFiles } from "./calls.ts";
import { composeYaml } from "./compose.ts";
import { coturnFiles } from "./coturn.ts";
import { elementFiles } from "./element.ts";
import type { GeneratedFile } from "./generated-file.ts";
import { homeserverYaml } from "./homeserver.ts";
import { logConfig } from "./log-config.ts";
import { caddyfile } from "./proxy/caddy.ts";
import { nginxConf } from "./proxy/nginx.ts";
import { wellKnownFiles } from "./well-known.ts";
import { workerFiles } from "./workers.ts";

/** Paths are relative to the deployment's folder; `owner` is who runs the containers. */
export function renderDeployment(deployment: Deployment, secrets: Secrets, owner: Owner): GeneratedFile[] {
  return [
    homeserverYaml(deployment),
    logConfig(),
    composeYaml(deployment),
    composeEnvironment(deployment, owner),
    { path: ".gitignore", content: "secrets/\ndata/\nlocal/\nbackups/\n.env\n" },
    caddyfile(deployment),
    nginxConf(deployment),
    { path: "secrets/pgpass", content: `postgres:5432:synapse:synapse:${secrets.postgres}\n`, secret: true },
    ...wellKnownFiles(deployment),
    ...elementFiles(deployment),
    ...workerFiles(deployment),
    ...coturnFiles(deployment, secrets),
    ...livekitFiles(deployment, secrets),
    ...jitsiFiles(deployment, secrets),
    ...bridgeFiles(deployment, secrets),
  ];
}

/** Folders that containers write to. They have to be there, with the right owner, before Docker makes them as root. */
export function dataFolders({ proxy, bridges }: Deployment): string[] {
  return [
    "data/postgres",
    "data/synapse",
    ...(proxy === "caddy" ? ["data/caddy"] : []),
    ...bridges.map((name) => `data/bridges/${name}`),
  ];
}

/** Compose reads it by itself: whose files these are, and what the containers' names begin with. */
function composeEnvironment({ serverName }: Deployment, { uid, gid }: Owner): GeneratedFile {
  const project = `matrix-${serverName.replaceAll(/[^a-z0-9]+/g, "-")}`;
  return { path: ".env", content: `COMPOSE_PROJECT_NAME=${project}\nAMI_UID=${uid}\nAMI_GID=${gid}\n` };
}
