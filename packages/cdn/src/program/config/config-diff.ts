/** What a new config changes, and which of it needs a restart. */

import { isDeepStrictEqual } from "node:util";
import type { CheckedConfig } from "./schema.ts";

/** Sections that a running edge cannot change: it would have to open a port, start processes, or begin with an empty cache. */
const FIXED = [
  "port",
  "host",
  "name",
  "processes",
  "memory",
  "disk",
  "purge",
  "live",
  "metrics",
  "admin",
  "cache",
] as const satisfies readonly (keyof CheckedConfig)[];

/** Names of the sections that differ. */
export interface ConfigDiff {
  /** Take effect at once. */
  readonly live: readonly string[];
  /** Take effect when the edge is started again. */
  readonly restart: readonly string[];
}

/** What changes when `after` is put into force, and what of it would not be. */
export function diffConfigs(before: CheckedConfig, after: CheckedConfig): ConfigDiff {
  const effective = effectiveConfig(before, after);
  return { live: namesOfDifferent(before, effective), restart: namesOfDifferent(effective, after) };
}

/** The config that is in force after a reload: the new one, with what cannot change as it was. */
export function effectiveConfig(before: CheckedConfig, after: CheckedConfig): CheckedConfig {
  const kept: (keyof CheckedConfig)[] = [...FIXED];
  // A port speaks TLS or it does not.
  if ((before.tls === undefined) !== (after.tls === undefined)) kept.push("tls");
  return { ...after, ...Object.fromEntries(kept.map((key) => [key, before[key]])) };
}

function namesOfDifferent(a: CheckedConfig, b: CheckedConfig): string[] {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]) as Set<keyof CheckedConfig>;
  return [...names].filter((name) => !isDeepStrictEqual(a[name], b[name]));
}
