/** `homeserver.yaml`: Synapse's configuration, as its container sees it. */

import type { Deployment } from "../config/resolve.ts";
import { type GeneratedFile, yamlFile } from "./generated-file.ts";
import { PRIVATE_RANGES } from "./private-ranges.ts";
import { federationSender, REPLICATION_PORT } from "./workers.ts";

/** Where things are in the container. */
export const CONTAINER = { config: "/config", secrets: "/secrets", data: "/data" } as const;
/** The port inside the container. */
export const SYNAPSE_PORT = 8008;

const COMMENT = `Synapse's configuration, written by ami-matrix. Change ami-matrix.json and run "ami-matrix init" again; a change made
here is kept, and what init would have written then lies beside it as homeserver.yaml.new.
Reference: https://element-hq.github.io/synapse/latest/usage/configuration/config_documentation.html`;

/** The whole configuration. Secrets are in files of their own, which it names. */
export function homeserverYaml(deployment: Deployment): GeneratedFile {
  return yamlFile("homeserver.yaml", COMMENT, {
    server_name: deployment.serverName,
    public_baseurl: `${deployment.publicUrl}/`,
    report_stats: false,
    pid_file: `${CONTAINER.data}/homeserver.pid`,
    log_config: `${CONTAINER.config}/log.yaml`,
    signing_key_path: `${CONTAINER.secrets}/signing.key`,
    registration_shared_secret_path: `${CONTAINER.secrets}/registration`,
    macaroon_secret_key_path: `${CONTAINER.secrets}/macaroon`,
    form_secret_path: `${CONTAINER.secrets}/form`,
    listeners: listeners(deployment),
    database: {
      name: "psycopg2",
      args: {
        host: "postgres",
        user: "synapse",
        dbname: "synapse",
        passfile: `${CONTAINER.secrets}/pgpass`,
        cp_min: 5,
        cp_max: 10,
      },
    },
    ...mediaOptions(deployment),
    ...accountOptions(deployment),
    ...federationOptions(deployment),
    ...rateLimits(deployment),
    ...turnOptions(deployment),
    ...callOptions(deployment),
    ...workerOptions(deployment),
    app_service_config_files: registrationFiles(deployment),
    // A room is encrypted unless whoever makes it says otherwise, when it is for invited people.
    encryption_enabled_by_default_for_room_type: "invite",
    presence: { enabled: true },
    redaction_retention_period: "7d",
    forgotten_room_retention_period: "28d",
    user_ips_max_age: "28d",
    // The room directory is for people with an account, and nobody learns profiles of strangers.
    allow_public_rooms_without_auth: false,
    require_auth_for_profile_requests: true,
    limit_profile_requests_to_users_who_share_rooms: true,
    suppress_key_server_warning: true,
    ...deployment.synapse,
  });
}

function listeners(deployment: Deployment): unknown[] {
  const names = ["client"];
  if (deployment.federation) names.push("federation");
  // The authorisation service of calls asks who a user is by the federation API.
  else if (deployment.calls) names.push("openid");
  const http = {
    port: SYNAPSE_PORT,
    type: "http",
    tls: false,
    x_forwarded: true,
    bind_addresses: ["0.0.0.0"],
    resources: [{ names, compress: false }],
  };
  if (deployment.workers === 0) return [http];
  return [
    http,
    { port: REPLICATION_PORT, type: "http", bind_addresses: ["0.0.0.0"], resources: [{ names: ["replication"] }] },
  ];
}

function mediaOptions({ maxUploadBytes, urlPreviews }: Deployment): object {
  return {
    media_store_path: `${CONTAINER.data}/media`,
    max_upload_size: `${maxUploadBytes}`,
    max_image_pixels: "64M",
    dynamic_thumbnails: false,
    // Media are for people with an account (MSC3916).
    enable_authenticated_media: true,
    media_retention: { remote_media_lifetime: "90d" },
    url_preview_enabled: urlPreviews,
    url_preview_ip_range_blacklist: PRIVATE_RANGES,
    url_preview_url_blacklist: [{ username: "*" }, { netloc: "^[0-9]+\\.[0-9]+\\.[0-9]+\\.[0-9]+$" }],
    max_spider_size: "10M",
    ip_range_blacklist: PRIVATE_RANGES,
  };
}

function accountOptions({ registration, guests, element }: Deployment): object {
  return {
    enable_registration: registration === "token",
    registration_requires_token: true,
    enable_registration_without_verification: false,
    allow_guest_access: guests,
    bcrypt_rounds: 12,
    password_config: {
      enabled: true,
      policy: { enabled: true, minimum_length: 10 },
    },
    // An access token lives for an hour where the client can refresh it.
    refreshable_access_token_lifetime: "1h",
    ...(element === undefined ? {} : { web_client_location: `${element.url}/` }),
  };
}

function federationOptions({ federation }: Deployment): object {
  const tls = { federation_client_minimum_tls_version: "1.2" };
  if (federation) {
    return {
      ...tls,
      trusted_key_servers: [{ server_name: "matrix.org" }],
      allow_public_rooms_over_federation: false,
      allow_device_name_lookup_over_federation: false,
    };
  }
  return {
    ...tls,
    federation_domain_whitelist: [],
    trusted_key_servers: [],
    allow_public_rooms_over_federation: false,
  };
}

function rateLimits({ messageRate, calls }: Deployment): object {
  const limit = (per_second: number, burst_count: number) => ({ per_second, burst_count });
  return {
    rc_message: limit(messageRate.perSecond, messageRate.burst),
    rc_registration: limit(0.17, 3),
    rc_registration_token_validity: limit(0.1, 5),
    rc_login: { address: limit(0.15, 5), account: limit(0.15, 5), failed_attempts: limit(0.1, 3) },
    rc_admin_redaction: limit(50, 500),
    rc_joins: { local: limit(0.5, 20), remote: limit(0.05, 10) },
    rc_joins_per_room: limit(20, 200),
    rc_invites: { per_room: limit(0.3, 10), per_user: limit(0.05, 10), per_issuer: limit(0.3, 10) },
    rc_3pid_validation: limit(0.003, 5),
    rc_media_create: limit(10, 50),
    rc_federation: { window_size: 1000, sleep_limit: 10, sleep_delay: 500, reject_limit: 50, concurrent: 3 },
    ...(calls ? { rc_delayed_event_mgmt: limit(2, 40) } : {}),
  };
}

function turnOptions({ turn }: Deployment): object {
  if (turn === undefined) return {};
  return {
    turn_uris: [`turn:${turn.host}?transport=udp`, `turn:${turn.host}?transport=tcp`],
    turn_shared_secret_path: `${CONTAINER.secrets}/turn`,
    turn_user_lifetime: "1h",
    turn_allow_guests: false,
  };
}

function callOptions({ calls, publicUrl }: Deployment): object {
  if (!calls) return {};
  return {
    // A client that vanishes is taken out of its call by an event sent ahead (MSC4140).
    max_event_delay_duration: "24h",
    matrix_rtc: { transports: [{ type: "livekit", livekit_service_url: `${publicUrl}/livekit/jwt` }] },
    experimental_features: { msc4143_enabled: true, msc4222_enabled: true },
  };
}

function workerOptions(deployment: Deployment): object {
  if (deployment.workers === 0) return {};
  const sender = federationSender(deployment);
  return {
    redis: { enabled: true, host: "redis", port: 6379, password_path: `${CONTAINER.secrets}/redis` },
    worker_replication_secret_path: `${CONTAINER.secrets}/replication`,
    instance_map: { main: { host: "synapse", port: REPLICATION_PORT } },
    ...(sender === undefined ? {} : { federation_sender_instances: [sender] }),
  };
}

function registrationFiles({ bridges }: Deployment): string[] {
  if (bridges.length === 0) return [];
  return ["double-puppet", ...bridges].map((name) => `${CONTAINER.secrets}/bridges/${name}/registration.yaml`);
}
