/** Finds out what a schema cannot know of a config: a file that is missing, a country that is none, a key that is too short. */

import { createCmsd } from "../cmcd/cmsd.ts";
import { trustProxies } from "../guard/address/trusted-proxies.ts";
import { createConnectionGate } from "../guard/connection-gate.ts";
import { silentLogger } from "../logger.ts";
import { createSteering } from "../steering/steering.ts";
import { readCertificate } from "./certificate.ts";
import { ConfigError } from "./config/load-config.ts";
import type { CheckedConfig, CheckedUpstream } from "./config/schema.ts";
import { steeringOptions } from "./endpoints.ts";
import { closeGuards, connectionCap, makeGuards } from "./guards.ts";
import { makeUpstreams } from "./live-upstreams.ts";
import { messageOf } from "./program-error.ts";
import { checkNetwork } from "./purges.ts";

/**
 * Makes what a config asks for, and lets it go. Nothing is listened on, asked or written.
 *
 * @throws {ConfigError} with a line for each part that cannot be made.
 */
export async function tryConfig(config: CheckedConfig): Promise<void> {
  const problems: string[] = [];
  const attempt = async (place: string, make: () => unknown): Promise<boolean> => {
    try {
      await make();
      return true;
    } catch (error) {
      // Each upstream is tried as if it were the only one.
      const message = messageOf(error).replace(/^upstreams\[0\]: /, "");
      problems.push(message.startsWith(place) ? message : `${place}: ${message}`);
      return false;
    }
  };
  const { tls, live, steering, purge } = config;
  if (tls !== undefined) await attempt("tls", () => readCertificate(tls));
  await tryUpstreams(config, attempt);
  await tryGuards(config, attempt);
  if (purge !== undefined) await attempt("purge", () => checkNetwork(purge));
  if (live.cmsd) await attempt("name", () => createCmsd({ name: config.name }));
  if (steering !== undefined) {
    const pathways = steering.pathways.map(({ healthUrl: _, ...rest }) => rest);
    await attempt("steering", () => createSteering(steeringOptions({ ...steering, pathways })).close());
  }
  if (problems.length > 0) throw new ConfigError(problems, undefined);
}

type Attempt = (place: string, make: () => unknown) => Promise<boolean>;

/** Each alone, to say which one it is; then together. */
async function tryUpstreams(config: CheckedConfig, attempt: Attempt): Promise<void> {
  const make = async (upstreams: CheckedUpstream[]): Promise<void> => {
    const made = await makeUpstreams({ ...config, upstreams }, silentLogger);
    await made.close();
  };
  const upstreams = config.upstreams.map(withoutCheck);
  const isGood: boolean[] = [];
  for (const [index, upstream] of upstreams.entries()) {
    isGood.push(await attempt(`upstreams[${index}]`, () => make([upstream])));
  }
  if (isGood.every(Boolean)) await attempt("upstreams", () => make(upstreams));
}

async function tryGuards({ guard, ...config }: CheckedConfig, attempt: Attempt): Promise<void> {
  const { trustProxies: proxies, connections, ...guards } = guard;
  if (proxies !== undefined) await attempt("guard.trustProxies", () => trustProxies(proxies));
  if (connections !== undefined) {
    await attempt("guard.connections", () =>
      createConnectionGate(connectionCap({ ...config, guard: { connections } })),
    );
  }
  for (const [name, section] of Object.entries(guards)) {
    await attempt(`guard.${name}`, async () => {
      await closeGuards(await makeGuards({ [name]: section }, new Map(), silentLogger));
    });
  }
}

/** A health check would ask. */
function withoutCheck({ health: _, ...rest }: CheckedUpstream): CheckedUpstream {
  return rest;
}
