/** What purging can be told. */

import { CdnError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import {
  above0,
  bytesOrText,
  callable,
  checkOptions,
  listOf,
  logger,
  object,
  oneOrMore,
  required,
  text,
  whole,
} from "../../options/check-options.ts";
import { EDGE_NAME, MAX_EDGES } from "./network/messages.ts";
import type { PurgePeer } from "./network/network.ts";
import { checkSecrets } from "./network/signature.ts";

/** 3 s. */
export const DEFAULT_PURGE_LEASE = 3000;

/** The other edges, and how this one gets on with them. All edges are to be told the same, each from its own side. */
export interface PurgeNetworkOptions {
  /** This edge's name: letters, digits, `.`, `_` and `-`, up to 64. One process alone may have it. */
  readonly self: string;
  /** All other edges that have a cache between viewers and the origin. An entry for `self` is left out, so that all may have one list. */
  readonly peers: readonly PurgePeer[];
  /** Known to the edges alone: 16 characters or more. Several to change it: the first one signs, all are taken. */
  readonly secret: string | readonly string[];
  /**
   * How many edges may be down, or out of reach, while the others serve on from their caches. With more of them gone the rest revalidate every
   * hit. A purge is answered as done only when one edge more than this has it. Default: 1 with three edges or more, else 0.
   */
  readonly tolerate?: number;
  /**
   * Milliseconds for which an edge serves from its cache without having heard from the others, and so the longest that a purge waits for an edge
   * that does not answer. Default 3000.
   */
  readonly leaseMs?: number;
  /** Milliseconds between two questions to each edge. Default a third of `leaseMs`. */
  readonly heartbeatMs?: number;
  /** Milliseconds after which a purge that is not certain to be everywhere is answered as such. Default three times `leaseMs`. */
  readonly settleMs?: number;
}

/** Options of {@link createPurges}. */
export interface PurgesOptions {
  /**
   * A folder of its own, made where it is missing, for the journal of what was purged. With a disk tier it is needed, as otherwise a restart
   * drops all that is stored. Default: none, for a cache in memory.
   */
  readonly folder?: string;
  /** The canonical target of a request target, as this edge's cache keys have it. Default: that of `createEdge` without options. */
  readonly keyOf?: (target: string) => string;
  /** URLs, prefixes and tags to remember. Default {@link MAX_PURGE_LOG_ENTRIES}. */
  readonly maxEntries?: number;
  /** Default: this edge is alone. */
  readonly network?: PurgeNetworkOptions;
  /** Milliseconds, steady. Default `performance.now`. */
  readonly clock?: () => number;
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly systemClock?: () => number;
  /** Default: silent. */
  readonly logger?: Logger;
}

const network = object<PurgeNetworkOptions>({
  self: required(text),
  peers: required(listOf(object<PurgePeer>({ name: required(text), url: required(text) }))),
  secret: required(oneOrMore(bytesOrText)),
  tolerate: whole(0),
  leaseMs: above0("milliseconds"),
  heartbeatMs: above0("milliseconds"),
  settleMs: above0("milliseconds"),
});

/** @throws {CdnError} `INVALID_OPTION` for what no such option can be. */
export function checkPurgesOptions(options: PurgesOptions): void {
  checkOptions("createPurges", options, {
    folder: text,
    keyOf: callable,
    maxEntries: above0("names"),
    network,
    clock: callable,
    systemClock: callable,
    logger,
  });
}

/** Options of the network with their defaults. */
export interface ResolvedNetwork {
  readonly self: string;
  readonly peers: readonly PurgePeer[];
  readonly secrets: readonly string[];
  readonly tolerate: number;
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  readonly settleMs: number;
}

/** @throws {CdnError} `INVALID_OPTION`. */
export function resolveNetwork(options: PurgeNetworkOptions): ResolvedNetwork {
  const { self, leaseMs = DEFAULT_PURGE_LEASE } = options;
  const peers = options.peers.filter(({ name }) => name !== self);
  const names = [self, ...peers.map(({ name }) => name)];
  const invalid = names.find((name) => !EDGE_NAME.test(name));
  if (invalid !== undefined) {
    throw new CdnError("INVALID_OPTION", `network: ${JSON.stringify(invalid)} is no name, such as edge-1`);
  }
  if (new Set(names).size < names.length) throw new CdnError("INVALID_OPTION", "network.peers has a name twice");
  if (names.length > MAX_EDGES) throw new CdnError("INVALID_OPTION", `network.peers has more than ${MAX_EDGES} edges`);
  for (const { name, url } of peers) {
    if (!/^https?:\/\/[^/?#@]+(?:\/[^?#]*)?$/.test(url) || !URL.canParse(url)) {
      throw new CdnError("INVALID_OPTION", `network.peers: the url of ${name} is not http(s)://host[:port][/base]`);
    }
  }
  const tolerate = options.tolerate ?? (names.length >= 3 ? 1 : 0);
  if (!Number.isInteger(tolerate) || tolerate < 0 || tolerate >= names.length) {
    throw new CdnError("INVALID_OPTION", `network.tolerate is ${tolerate}: give 0 to ${names.length - 1}`);
  }
  const { heartbeatMs = leaseMs / 3, settleMs = 3 * leaseMs } = options;
  for (const [name, value] of Object.entries({ leaseMs, heartbeatMs, settleMs })) {
    if (!(value > 0)) throw new CdnError("INVALID_OPTION", `network.${name} is ${value}: give milliseconds above zero`);
  }
  if (heartbeatMs >= leaseMs) throw new CdnError("INVALID_OPTION", "network.heartbeatMs is not below leaseMs");
  return { self, peers, secrets: checkSecrets(options.secret), tolerate, leaseMs, heartbeatMs, settleMs };
}
