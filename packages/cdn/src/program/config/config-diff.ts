/** What a new config changes, and which of it needs a restart. */

import { isDeepStrictEqual } from "node:util";
import type { CheckedConfig } from "./schema.ts";

/** Sections that a running edge cannot change: it would have to open a port, start processes, or begin with an empty cache. */
const FIXED = [
  "port",
  "host",
  "name",
  "processes",
  "disk",
  "purge",
  "forward",
  "admin",
] as const satisfies readonly (keyof CheckedConfig)[];

/** What keys are made of, and slices: what is stored, and what was purged, could not be found by others. */
const FIXED_CACHE: readonly (keyof CheckedConfig["cache"])[] = [
  "ignoreParams",
  "keepParams",
  "sortParams",
  "sliceBytes",
];
/** What remembers streams from their first playlist on. */
const FIXED_LIVE: readonly (keyof CheckedConfig["live"])[] = ["rules", "prefetch", "cmcd"];

/** Names of the sections that differ; of those of which a part needs a restart, `cache.keepParams`. */
export interface ConfigDiff {
  /** Take effect at once. */
  readonly live: readonly string[];
  /** Take effect when the edge is started again. */
  readonly restart: readonly string[];
}

/** What changes when `after` is put into force, and what of it would not be. */
export function diffConfigs(before: CheckedConfig, after: CheckedConfig): ConfigDiff {
  const effective = effectiveConfig(before, after);
  const restart = differing(effective, after).flatMap((name) =>
    name === "cache" || name === "live"
      ? differing<object>(effective[name], after[name]).map((field) => `${name}.${field}`)
      : name,
  );
  return { live: differing(before, effective), restart };
}

/** The config that is in force after a reload: the new one, with what cannot change as it was. */
export function effectiveConfig(before: CheckedConfig, after: CheckedConfig): CheckedConfig {
  const kept: (keyof CheckedConfig)[] = [...FIXED];
  // A port speaks TLS or it does not.
  if ((before.tls === undefined) !== (after.tls === undefined)) kept.push("tls");
  return {
    ...keeping(kept, before, after),
    cache: keeping(FIXED_CACHE, before.cache, after.cache),
    live: keeping(FIXED_LIVE, before.live, after.live),
  };
}

/** `after`, with some fields of `before`. */
function keeping<T extends object>(fields: readonly (keyof T)[], before: T, after: T): T {
  const kept = { ...after };
  for (const field of fields) {
    if (before[field] === undefined) delete kept[field];
    else kept[field] = before[field];
  }
  return kept;
}

/** Names of fields in which two objects differ. */
function differing<T extends object>(a: T, b: T): (keyof T & string)[] {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]) as Set<keyof T & string>;
  return [...names].filter((name) => !isDeepStrictEqual(a[name], b[name]));
}
