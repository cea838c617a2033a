/** What a new config changes, and which of it needs a restart. */

import { isDeepStrictEqual } from "node:util";
import type { CheckedConfig } from "./schema.ts";

/** Fields that a running edge cannot change: it would have to open a port, start processes, or empty its cache. */
const FIXED = [
  "port",
  "host",
  "name",
  "processes",
  "drain",
  "memory",
  "disk",
  "cache",
  "purge",
  "live",
  "tls",
  "limits",
  "metrics",
  "admin",
] as const satisfies readonly (keyof CheckedConfig)[];

/** Names of the sections that differ. */
export interface ConfigDiff {
  /** Take effect at once. */
  readonly live: readonly string[];
  /** Take effect when the edge is started again. */
  readonly restart: readonly string[];
}

export function diffConfigs(before: CheckedConfig, after: CheckedConfig): ConfigDiff {
  const live: string[] = [];
  const restart: string[] = [];
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)]) as Set<keyof CheckedConfig>) {
    if (isDeepStrictEqual(before[key], after[key])) continue;
    if ((FIXED as readonly string[]).includes(key)) restart.push(key);
    else live.push(key);
  }
  return { live, restart };
}

/** The config that is in force after a reload: the new one, with what cannot change as it was. */
export function effectiveConfig(before: CheckedConfig, after: CheckedConfig): CheckedConfig {
  return { ...after, ...Object.fromEntries(FIXED.map((key) => [key, before[key]])) };
}
