/** Which secrets a deployment has, and what each looks like. */

import { randomBytes } from "node:crypto";
import type { Deployment } from "../config/resolve.ts";

/** Names of secrets, which are the names of their files; values as the files hold them, without line end. */
export type Secrets = Readonly<Record<string, string>>;

/** Bytes of randomness in a secret. */
const SECRET_BYTES = 32;

/** The homeserver's signing key. Whoever has it is the server. */
export const SIGNING_KEY = "signing.key";

/** The secrets that this deployment needs, and how each is made. */
export function secretMakers(deployment: Deployment): ReadonlyMap<string, () => string> {
  const names = ["registration", "macaroon", "form", "postgres"];
  if (deployment.turn !== undefined) names.push("turn");
  if (deployment.workers > 0) names.push("replication", "redis");
  if (deployment.calls) names.push("livekit");
  if (deployment.jitsi?.own) names.push("jitsi-jicofo", "jitsi-jvb");
  if (deployment.bridges.length > 0) names.push("double-puppet");
  for (const bridge of deployment.bridges) names.push(`${bridge}-as`, `${bridge}-hs`, `${bridge}-pickle`);
  return new Map([[SIGNING_KEY, makeSigningKey], ...names.map((name) => [name, makeSecret] as const)]);
}

/** Hexadecimal: it needs no quoting in YAML, URLs, shells and passfiles. */
function makeSecret(): string {
  return randomBytes(SECRET_BYTES).toString("hex");
}

/** Synapse's format: algorithm, key version, and the ed25519 seed as unpadded Base64. */
function makeSigningKey(): string {
  const version = `a_${randomBytes(3).toString("hex")}`;
  return `ed25519 ${version} ${randomBytes(32).toString("base64").replaceAll("=", "")}`;
}
