/** Bridges: the registration that Synapse reads, and the configuration that the bridge reads. Both hold tokens. */

import type { BridgeName } from "../config/deployment-config.ts";
import type { Deployment } from "../config/resolve.ts";
import type { Secrets } from "../secrets/secret-names.ts";
import { type GeneratedFile, yamlFile } from "./generated-file.ts";

/** Where each bridge listens inside the containers' network. */
export const BRIDGE_PORT = 29_300;

/** What a bridge needs that only its operator can know: name of the secret's file, and what belongs in it. */
export const OPERATOR_SECRETS: Readonly<Partial<Record<BridgeName, { readonly file: string; readonly what: string }>>> =
  {
    telegram: { file: "telegram-api", what: "api_id:api_hash from my.telegram.org" },
  };

/** Registrations and configurations of all bridges. */
export function bridgeFiles(deployment: Deployment, secrets: Secrets): GeneratedFile[] {
  if (deployment.bridges.length === 0) return [];
  const files = [registration("double-puppet", doublePuppeting(deployment, secrets))];
  for (const bridge of deployment.bridges) {
    files.push(registration(bridge, bridgeRegistration(bridge, deployment, secrets)));
    if (bridge !== "irc") files.push(mautrixConfig(bridge, deployment, secrets));
  }
  return files.map((file) => ({ ...file, secret: true }));
}

function registration(name: string, value: object): GeneratedFile {
  return yamlFile(
    `secrets/bridges/${name}/registration.yaml`,
    "An application service's registration, written by ami-matrix.",
    value,
  );
}

/** Lets bridges speak as the user who uses them, without their password. */
function doublePuppeting({ serverName }: Deployment, secrets: Secrets): object {
  return {
    id: "double-puppet",
    url: null,
    as_token: secrets["double-puppet"],
    // Synapse never calls it.
    hs_token: secrets["double-puppet"],
    sender_localpart: "_double_puppet",
    rate_limited: false,
    namespaces: { users: [{ regex: `@.*:${escapeRegExp(serverName)}`, exclusive: false }] },
  };
}

function bridgeRegistration(bridge: BridgeName, { serverName }: Deployment, secrets: Secrets): object {
  const domain = escapeRegExp(serverName);
  const ghosts = bridge === "irc" ? `@irc_.*:${domain}` : `@${bridge}_.*:${domain}`;
  const bot = bridge === "irc" ? "heisenbridge" : `${bridge}bot`;
  return {
    id: bridge,
    url: `http://${bridge}:${BRIDGE_PORT}`,
    as_token: secrets[`${bridge}-as`],
    hs_token: secrets[`${bridge}-hs`],
    sender_localpart: bot,
    rate_limited: false,
    namespaces: {
      users: [
        { regex: ghosts, exclusive: true },
        { regex: `@${bot}:${domain}`, exclusive: true },
      ],
      aliases: [],
      rooms: [],
    },
    "de.sorunome.msc2409.push_ephemeral": true,
    receive_ephemeral: true,
  };
}

/** Only what differs from the bridge's own defaults, which it fills in when it starts. */
function mautrixConfig(bridge: BridgeName, deployment: Deployment, secrets: Secrets): GeneratedFile {
  const { serverName, admins } = deployment;
  const database = { type: "sqlite3-fk-wal", uri: `file:/data/${bridge}.db?_txlock=immediate` };
  const permissions = { [serverName]: "user", ...Object.fromEntries(admins.map((admin) => [admin, "admin"])) };
  const doublePuppet = { [serverName]: `as_token:${secrets["double-puppet"]}` };
  const encryption = { allow: true, default: false, pickle_key: secrets[`${bridge}-pickle`] };
  const appservice = {
    address: `http://${bridge}:${BRIDGE_PORT}`,
    hostname: "0.0.0.0",
    port: BRIDGE_PORT,
    id: bridge,
    bot: { username: `${bridge}bot` },
    as_token: secrets[`${bridge}-as`],
    hs_token: secrets[`${bridge}-hs`],
    ephemeral_events: true,
  };
  const common = {
    homeserver: { address: "http://synapse:8008", domain: serverName, software: "standard" },
    logging: { min_level: "info", writers: [{ type: "stdout", format: "pretty" }] },
  };
  // The bridge to Discord keeps the older generation's layout.
  const config =
    bridge === "discord"
      ? {
          ...common,
          appservice: { ...appservice, database },
          bridge: { permissions, login_shared_secret_map: doublePuppet, encryption },
        }
      : {
          ...common,
          ...networkOptions(bridge, secrets),
          appservice,
          database,
          bridge: { permissions },
          double_puppet: { secrets: doublePuppet },
          encryption,
        };
  return yamlFile(
    `secrets/bridges/${bridge}/config.yaml`,
    `Configuration of the bridge to ${bridge}, written by ami-matrix.`,
    config,
  );
}

function networkOptions(bridge: BridgeName, secrets: Secrets): object {
  if (bridge !== "telegram") return {};
  const [id = "0", hash = ""] = (secrets["telegram-api"] ?? "").split(":");
  return { network: { api_id: Number(id) || 0, api_hash: hash } };
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
