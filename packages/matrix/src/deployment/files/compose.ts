/** `compose.yaml`: every container of a deployment. */

import type { Deployment } from "../config/resolve.ts";
import { SIGNING_KEY } from "../secrets/secret-names.ts";
import { BRIDGE_PORT } from "./bridges.ts";
import { type GeneratedFile, yamlFile } from "./generated-file.ts";
import { CONTAINER, SYNAPSE_PORT } from "./homeserver.ts";
import { PROXIED_PORTS } from "./proxy/sites.ts";
import { FIRST_WORKER_PORT, federationSender, WORKER_PORT, workerNames } from "./workers.ts";

type Service = Readonly<Record<string, unknown>>;

const COMMENT = `The containers of this deployment, written by ami-matrix: "ami-matrix up" starts them.
Everything that must not be lost is in data/ and secrets/.`;

/** Who owns data and secrets on the host, from `.env`. */
const USER = "$AMI_UID:$AMI_GID";

/** What every container is given. */
const COMMON = {
  restart: "unless-stopped",
  security_opt: ["no-new-privileges:true"],
  logging: { driver: "json-file", options: { "max-size": "10m", "max-file": "5" } },
};
/** What runs as the owner and needs no privilege. */
const UNPRIVILEGED = { ...COMMON, user: USER, cap_drop: ["ALL"] };

/** The whole file. */
export function composeYaml(deployment: Deployment): GeneratedFile {
  return yamlFile("compose.yaml", COMMENT, {
    services: {
      postgres: postgres(deployment),
      synapse: synapse(deployment),
      ...workers(deployment),
      ...element(deployment),
      ...proxy(deployment),
      ...coturn(deployment),
      ...livekit(deployment),
      ...jitsi(deployment),
      ...bridges(deployment),
    },
    networks: { backend: {}, ...(deployment.jitsi?.own ? { jitsi: {} } : {}) },
  });
}

function postgres({ images }: Deployment): Service {
  return {
    ...UNPRIVILEGED,
    image: images.postgres,
    environment: {
      POSTGRES_USER: "synapse",
      POSTGRES_DB: "synapse",
      POSTGRES_PASSWORD_FILE: "/secrets/postgres",
      // Synapse takes no other collation: indexes would break when the system's changes.
      POSTGRES_INITDB_ARGS: "--encoding=UTF8 --locale=C",
    },
    volumes: ["./data/postgres:/var/lib/postgresql/data", "./secrets/postgres:/secrets/postgres:ro"],
    networks: ["backend"],
    shm_size: "256m",
    stop_grace_period: "1m",
    healthcheck: { test: ["CMD", "pg_isready", "-U", "synapse"], interval: "5s", timeout: "5s", retries: 20 },
  };
}

function synapse(deployment: Deployment): Service {
  return {
    ...synapseContainer(deployment),
    ports: [`127.0.0.1:${deployment.ports.homeserver}:${SYNAPSE_PORT}`],
    healthcheck: health(SYNAPSE_PORT),
  };
}

/** The main process, or a worker. */
function synapseContainer(deployment: Deployment): Service {
  const needs: Record<string, Service> = { postgres: { condition: "service_healthy" } };
  if (deployment.workers > 0) needs.redis = { condition: "service_started" };
  return {
    ...UNPRIVILEGED,
    image: deployment.images.synapse,
    environment: { SYNAPSE_CONFIG_PATH: `${CONTAINER.config}/homeserver.yaml` },
    volumes: [
      `./homeserver.yaml:${CONTAINER.config}/homeserver.yaml:ro`,
      `./log.yaml:${CONTAINER.config}/log.yaml:ro`,
      ...(deployment.workers > 0 ? [`./workers:${CONTAINER.config}/workers:ro`] : []),
      ...synapseSecrets(deployment).map((name) => `./secrets/${name}:${CONTAINER.secrets}/${name}:ro`),
      `./data/synapse:${CONTAINER.data}`,
    ],
    networks: ["backend"],
    depends_on: needs,
    stop_grace_period: "30s",
  };
}

/** Those that `homeserver.yaml` names, and no others. */
function synapseSecrets(deployment: Deployment): string[] {
  const names = [SIGNING_KEY, "registration", "macaroon", "form", "pgpass"];
  if (deployment.turn !== undefined) names.push("turn");
  if (deployment.workers > 0) names.push("replication", "redis");
  for (const bridge of deployment.bridges.length > 0 ? ["double-puppet", ...deployment.bridges] : []) {
    names.push(`bridges/${bridge}/registration.yaml`);
  }
  return names;
}

function workers(deployment: Deployment): Record<string, Service> {
  if (deployment.workers === 0) return {};
  const worker = (name: string, more: Service): Service => ({
    ...synapseContainer(deployment),
    environment: { SYNAPSE_WORKER: "synapse.app.generic_worker" },
    command: ["run", "-c", `${CONTAINER.config}/homeserver.yaml`, "-c", `${CONTAINER.config}/workers/${name}.yaml`],
    depends_on: { synapse: { condition: "service_healthy" } },
    ...more,
  });
  const services = workerNames(deployment).map((name, index) => [
    name,
    worker(name, {
      ports: [`127.0.0.1:${FIRST_WORKER_PORT + index}:${WORKER_PORT}`],
      healthcheck: health(WORKER_PORT),
    }),
  ]);
  const sender = federationSender(deployment);
  if (sender !== undefined) services.push([sender, worker(sender, { healthcheck: { disable: true } })]);
  const redis: Service = {
    ...UNPRIVILEGED,
    image: deployment.images.redis,
    // By standard input, so that no list of processes shows the password. Nothing in it has to be kept.
    command: ["sh", "-c", 'printf "save \\"\\"\\nrequirepass %s\\n" "$$(cat /secrets/redis)" | exec valkey-server -'],
    volumes: ["./secrets/redis:/secrets/redis:ro"],
    networks: ["backend"],
  };
  return { redis, ...Object.fromEntries(services) };
}

function health(port: number): Service {
  return {
    test: ["CMD", "curl", "-fSs", `http://localhost:${port}/health`],
    interval: "5s",
    timeout: "5s",
    retries: 30,
    start_period: "30s",
  };
}

function element({ element: wanted, images, ports }: Deployment): Record<string, Service> {
  if (wanted === undefined) return {};
  return {
    element: {
      ...COMMON,
      image: images.element,
      volumes: ["./element/config.json:/app/config.json:ro"],
      ports: [`127.0.0.1:${ports.element}:80`],
    },
  };
}

function proxy({ proxy: wanted, images }: Deployment): Record<string, Service> {
  if (wanted === "own") return {};
  return {
    caddy: {
      ...UNPRIVILEGED,
      image: images.caddy,
      // The only one that listens on public addresses besides coturn and LiveKit.
      network_mode: "host",
      cap_add: ["NET_BIND_SERVICE"],
      environment: { XDG_DATA_HOME: "/data", XDG_CONFIG_HOME: "/data/config" },
      volumes: ["./proxy/Caddyfile:/etc/caddy/Caddyfile:ro", "./data/caddy:/data"],
    },
  };
}

function coturn({ turn, images }: Deployment): Record<string, Service> {
  if (turn === undefined) return {};
  return {
    coturn: {
      ...UNPRIVILEGED,
      image: images.coturn,
      // Docker would start a proxy process for each of a hundred ports.
      network_mode: "host",
      command: ["-c", "/secrets/turnserver.conf"],
      volumes: ["./secrets/turnserver.conf:/secrets/turnserver.conf:ro"],
    },
  };
}

function livekit({ calls, publicUrl, serverName, images }: Deployment): Record<string, Service> {
  if (!calls) return {};
  const keys = "./secrets/livekit-keys.yaml:/secrets/livekit-keys.yaml:ro";
  return {
    livekit: {
      ...UNPRIVILEGED,
      image: images.livekit,
      network_mode: "host",
      command: ["--config", "/etc/livekit.yaml"],
      volumes: ["./livekit.yaml:/etc/livekit.yaml:ro", keys],
    },
    "livekit-auth": {
      ...UNPRIVILEGED,
      image: images.livekitAuth,
      environment: {
        LIVEKIT_URL: `${publicUrl.replace(/^http/, "ws")}/livekit/sfu`,
        LIVEKIT_KEY_FILE: "/secrets/livekit-keys.yaml",
        LIVEKIT_FULL_ACCESS_HOMESERVERS: serverName,
        LIVEKIT_JWT_BIND: ":8080",
      },
      volumes: [keys],
      ports: [`127.0.0.1:${PROXIED_PORTS.livekitAuth}:8080`],
    },
  };
}

function jitsi({ jitsi: wanted, images }: Deployment): Record<string, Service> {
  if (!wanted?.own) return {};
  const part = (image: string, more: Service): Service => ({
    ...COMMON,
    image,
    env_file: ["./secrets/jitsi.env"],
    networks: { jitsi: {} },
    ...more,
  });
  const after = { depends_on: ["jitsi-prosody"] };
  return {
    "jitsi-web": part(images.jitsiWeb, { ...after, ports: [`127.0.0.1:${PROXIED_PORTS.jitsi}:80`] }),
    "jitsi-prosody": part(images.jitsiProsody, { networks: { jitsi: { aliases: ["xmpp.meet.jitsi"] } } }),
    "jitsi-jicofo": part(images.jitsiJicofo, after),
    "jitsi-jvb": part(images.jitsiJvb, { ...after, ports: ["10000:10000/udp"] }),
  };
}

function bridges(deployment: Deployment): Record<string, Service> {
  const services = deployment.bridges.map((name): [string, Service] => {
    const container = {
      ...UNPRIVILEGED,
      image: deployment.images[name],
      volumes: [`./secrets/bridges/${name}:/config:ro`, `./data/bridges/${name}:/data`],
      networks: ["backend"],
      depends_on: { synapse: { condition: "service_healthy" } },
    };
    if (name !== "irc") {
      const command = [`/usr/bin/mautrix-${name}`, "-c", "/config/config.yaml", "--no-update"];
      return [name, { ...container, working_dir: "/data", command }];
    }
    const owner = deployment.admins.length === 0 ? [] : ["-o", deployment.admins[0]];
    const listen = ["--listen-address", "0.0.0.0", "--listen-port", String(BRIDGE_PORT)];
    return [
      name,
      {
        ...container,
        command: ["-c", "/config/registration.yaml", ...listen, ...owner, `http://synapse:${SYNAPSE_PORT}`],
      },
    ];
  });
  return Object.fromEntries(services);
}
