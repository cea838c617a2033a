/** Synapse's worker processes: which there are, their configuration, and the requests that can go to any of them. */

import type { Deployment } from "../config/resolve.ts";
import { type GeneratedFile, yamlFile } from "./generated-file.ts";

/** Where the main process takes what workers tell it. Inside the containers' network only. */
export const REPLICATION_PORT = 9093;
/** The first worker's port on the loopback address; the others' follow. */
export const FIRST_WORKER_PORT = 8081;
/** A worker's port inside its container. */
export const WORKER_PORT = 8081;

/** The workers that answer requests. */
export function workerNames({ workers }: Deployment): string[] {
  return Array.from({ length: workers }, (_, index) => `generic-${index + 1}`);
}

/** The worker that sends to other servers. */
export function federationSender({ workers, federation }: Deployment): string | undefined {
  return workers > 0 && federation ? "federation-sender" : undefined;
}

/** A file for each worker. */
export function workerFiles(deployment: Deployment): GeneratedFile[] {
  const sender = federationSender(deployment);
  const names = deployment.federation ? ["client", "federation"] : ["client"];
  const generic = workerNames(deployment).map((name) =>
    yamlFile(`workers/${name}.yaml`, "A worker that answers requests, written by ami-matrix.", {
      worker_app: "synapse.app.generic_worker",
      worker_name: name,
      worker_listeners: [
        {
          type: "http",
          port: WORKER_PORT,
          bind_addresses: ["0.0.0.0"],
          x_forwarded: true,
          resources: [{ names, compress: false }],
        },
      ],
      worker_log_config: "/config/log.yaml",
    }),
  );
  if (sender === undefined) return generic;
  const sending = yamlFile(`workers/${sender}.yaml`, "The worker that sends to other servers, written by ami-matrix.", {
    worker_app: "synapse.app.generic_worker",
    worker_name: sender,
    worker_log_config: "/config/log.yaml",
  });
  return [...generic, sending];
}

/** Paths that any worker answers, as regular expressions that nginx and Caddy both read (Synapse's documentation, "Workers"). */
export function workerPaths({ federation }: Deployment): string[] {
  const client = "^/_matrix/client/(api/v1|r0|v1|v3|unstable)";
  const paths = [
    `${client}/(sync|events|initialSync|createRoom|publicRooms|joined_rooms|search|capabilities|notifications)$`,
    "^/_matrix/client/unstable/org.matrix.simplified_msc3575/sync$",
    `${client}/rooms/[^/]+/(initialSync|joined_members|members|state|hierarchy|threads|timestamp_to_event|aliases)$`,
    `${client}/rooms/[^/]+/(context|event|relations|redact|send|state)/`,
    `${client}/rooms/[^/]+/(join|invite|leave|ban|unban|kick)$`,
    `${client}/(join|knock|profile)/`,
    `${client}/keys/(query|changes|claim|upload)`,
    `${client}/room_keys/`,
    `${client}/(login|register|register/available|password_policy)$`,
    `${client}/account/(3pid|whoami)$`,
    `${client}/devices(/|$)`,
    `${client}/user_directory/search$`,
    `${client}/voip/turnServer$`,
    "^/_matrix/client/versions$",
  ];
  if (federation) {
    paths.push(
      "^/_matrix/federation/v1/(version$|event/|state/|state_ids/|backfill/|get_missing_events/|publicRooms|query/|make_join/|make_leave/)",
      "^/_matrix/federation/(v1|v2)/(send_join|send_leave|invite)/",
      "^/_matrix/federation/v1/(make_knock|send_knock|event_auth|timestamp_to_event|exchange_third_party_invite|user/devices|hierarchy|send)/",
      "^/_matrix/key/v2/query",
    );
  }
  return paths;
}
