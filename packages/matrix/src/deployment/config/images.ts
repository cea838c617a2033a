/** The container images that a deployment uses unless told otherwise, with fixed releases: only `upgrade` changes them. */

import type { ImageName } from "./deployment-config.ts";

/** The Synapse release that the generated configuration is tested with. */
export const SYNAPSE_VERSION = "1.163.2";

/** Images by the role they have. */
export const DEFAULT_IMAGES: Readonly<Record<ImageName, string>> = {
  caddy: "docker.io/library/caddy:2-alpine",
  coturn: "docker.io/coturn/coturn:4.9.0",
  discord: "dock.mau.dev/mautrix/discord:v0.7.7",
  element: "ghcr.io/element-hq/element-web:v1.12.26",
  irc: "docker.io/hif1/heisenbridge:1.15.4",
  jitsiJicofo: "docker.io/jitsi/jicofo:stable-11146-2",
  jitsiJvb: "docker.io/jitsi/jvb:stable-11146-2",
  jitsiProsody: "docker.io/jitsi/prosody:stable-11146-2",
  jitsiWeb: "docker.io/jitsi/web:stable-11146-2",
  livekit: "docker.io/livekit/livekit-server:v1.13.5",
  livekitAuth: "ghcr.io/element-hq/lk-jwt-service:0.6.0",
  postgres: "docker.io/library/postgres:17-alpine",
  redis: "docker.io/valkey/valkey:9.1.1-alpine",
  slack: "dock.mau.dev/mautrix/slack:v0.2608.0",
  synapse: synapseImage(SYNAPSE_VERSION),
  telegram: "dock.mau.dev/mautrix/telegram:v0.2608.0",
};

/** Synapse's image of a release. */
export function synapseImage(version: string): string {
  return `ghcr.io/element-hq/synapse:v${version}`;
}
