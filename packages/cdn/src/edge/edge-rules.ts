/** What the options of an edge must be. */

import { CdnError } from "../errors.ts";
import {
  above0,
  atLeast0,
  callable,
  checkOptions,
  flag,
  listOf,
  logger,
  madeBy,
  object,
  oneOf,
  orFalse,
  type Rules,
  required,
  share,
  text,
} from "../options/check-options.ts";
import { CACHE_NAME } from "./cache-status/cache-status.ts";
import type { HeuristicFreshness } from "./freshness/freshness.ts";
import { DEFAULT_CACHE_BYTES, type EdgeCacheOptions, type EdgeOptions, type LiveOptions } from "./options.ts";
import { PEER_RULES } from "./peers/peer-rules.ts";
import type { ForwardOptions } from "./upstream/forward-headers.ts";
import { policyRules, timeouts, upstreams } from "./upstream/upstream-rules.ts";

const bytes = above0("bytes");

const cache = object<EdgeCacheOptions>({
  ignoreParams: listOf(text),
  keepParams: listOf(text),
  sortParams: flag,
  maxBytes: bytes,
  maxObjectBytes: bytes,
  negativeTtl: atLeast0("seconds"),
  heuristic: orFalse(object<HeuristicFreshness>({ fraction: required(share), max: required(atLeast0("seconds")) })),
  staleIfDisconnected: atLeast0("seconds"),
  targetedFields: listOf(text),
  requestDirectives: oneOf("ignore", "harmless", "all"),
  storeSetCookie: flag,
  exposeTags: flag,
  ignoreAuthorization: flag,
  sliceBytes: bytes,
  sliceAbove: bytes,
});

const live = object<LiveOptions>({
  rules: flag,
  prefetch: flag,
  maxPrefetches: atLeast0("objects"),
  maxPrefetchBytesPerSecond: atLeast0("bytes"),
});

const RULES: Rules<EdgeOptions> = {
  ...policyRules,
  upstreams,
  peers: object(PEER_RULES),
  cache,
  forward: object<ForwardOptions>({
    clientAddress: oneOf("alone", "always", "never"),
    fields: oneOf("x-forwarded", "forwarded"),
  }),
  disk: madeBy("createDiskTier", "open", "create"),
  live: orFalse(live),
  cmcd: madeBy("createCmcdTap", "take"),
  purges: madeBy("createPurges", "purge", "mayServe"),
  timeouts,
  name: text,
  clock: callable,
  logger,
};

/** @throws {CdnError} `INVALID_OPTION`. */
export function checkEdgeOptions(options: EdgeOptions): void {
  checkOptions("createEdge", options, RULES);
  const { upstreams, cache = {}, name } = options;
  if (upstreams.length === 0) throw new CdnError("INVALID_OPTION", "an edge needs at least one upstream");
  const { maxBytes = DEFAULT_CACHE_BYTES, maxObjectBytes } = cache;
  if (maxObjectBytes !== undefined && maxObjectBytes > maxBytes) {
    const message = `cache.maxObjectBytes is ${maxObjectBytes}, and cache.maxBytes ${maxBytes}: an object has to fit`;
    throw new CdnError("INVALID_OPTION", message);
  }
  if (cache.ignoreParams !== undefined && cache.keepParams !== undefined) {
    throw new CdnError("INVALID_OPTION", "give cache.ignoreParams or cache.keepParams, not both");
  }
  if (name !== undefined && !CACHE_NAME.test(name)) {
    throw new CdnError("INVALID_OPTION", `name ${JSON.stringify(name)} is no token, such as edge-1`);
  }
}
