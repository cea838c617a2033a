/** Finds out what a schema cannot know of a config: a file that is missing, a country that is none, a key that is too short. */

import { trustProxies } from "../guard/address/trusted-proxies.ts";
import { silentLogger } from "../logger.ts";
import { readCertificate } from "./certificate.ts";
import type { CheckedConfig } from "./config/schema.ts";
import { closeGuards, makeGuards } from "./guards.ts";
import { makeUpstreams } from "./live-upstreams.ts";

/**
 * Makes what a config asks for, and lets it go. Nothing is listened on, asked or written.
 *
 * @throws {CdnError} or {ProgramError} what is wrong.
 */
export async function tryConfig(config: CheckedConfig): Promise<void> {
  const { tls, guard } = config;
  if (tls !== undefined) await readCertificate(tls);
  if (guard.trustProxies !== undefined) trustProxies(guard.trustProxies);
  const guards = await makeGuards(guard, new Map(), silentLogger);
  await closeGuards(guards);
  const upstreams = await makeUpstreams(withoutChecks(config), silentLogger);
  await upstreams.close();
}

/** A health check would ask. */
function withoutChecks(config: CheckedConfig): CheckedConfig {
  return { ...config, upstreams: config.upstreams.map(({ health: _, ...rest }) => rest) };
}
