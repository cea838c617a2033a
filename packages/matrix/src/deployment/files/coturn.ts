/** coturn's configuration. It holds the secret that Synapse makes credentials with. */

import ipaddr from "ipaddr.js";
import type { Deployment } from "../config/resolve.ts";
import type { Secrets } from "../secrets/secret-names.ts";
import type { GeneratedFile } from "./generated-file.ts";
import { PRIVATE_RANGES } from "./private-ranges.ts";

/** None where there is no TURN server. */
export function coturnFiles({ turn }: Deployment, secrets: Secrets): GeneratedFile[] {
  if (turn === undefined) return [];
  const [first, last] = turn.relayPorts;
  const lines = [
    "# coturn's configuration, written by ami-matrix.",
    "listening-port=3478",
    `realm=${turn.host}`,
    ...(turn.externalIp === undefined ? [] : [`external-ip=${turn.externalIp}`]),
    "use-auth-secret",
    `static-auth-secret=${secrets.turn}`,
    `min-port=${first}`,
    `max-port=${last}`,
    "fingerprint",
    "no-cli",
    "no-tls",
    "no-dtls",
    "no-tcp-relay",
    "no-multicast-peers",
    "user-quota=12",
    "total-quota=1200",
    "log-file=stdout",
    "simple-log",
    // A relay must not become a way into the network that it stands in.
    ...PRIVATE_RANGES.map((range) => `denied-peer-ip=${rangeOf(range)}`),
  ];
  return [{ path: "secrets/turnserver.conf", content: `${lines.join("\n")}\n`, secret: true }];
}

/** coturn takes first and last address instead of CIDR notation. */
function rangeOf(cidr: string): string {
  const family = cidr.includes(":") ? ipaddr.IPv6 : ipaddr.IPv4;
  const first = family.networkAddressFromCIDR(cidr).toString();
  const last = family.broadcastAddressFromCIDR(cidr).toString();
  return first === last ? first : `${first}-${last}`;
}
