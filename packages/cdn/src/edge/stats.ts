/** What an edge counts. */

import { metrics, type ObservableResult } from "@opentelemetry/api";
import type { AnswerFacts, CacheOutcome } from "../handler/answer-facts.ts";
import type { RawRequest } from "../handler/raw.ts";
import { PEER_FIELD } from "./peers/peer-mark.ts";

/** Counters since the edge was made, and what it holds now. */
export interface EdgeStats {
  /** Requests by clients. */
  readonly requests: number;
  /** Answered from the cache, fresh or allowed to be stale. */
  readonly hits: number;
  /** Hits that were stale. */
  readonly stale: number;
  /** Sent on to an upstream for themselves. */
  readonly misses: number;
  /** Misses for which what was stored turned out to hold. */
  readonly revalidated: number;
  /** Answered by an upstream request that another client's request had caused. */
  readonly collapsed: number;
  /** Passed on because a cache cannot answer them. */
  readonly bypassed: number;
  /** Answered with an error of the edge itself. */
  readonly errors: number;
  /** Requests to upstreams; not those that a peer answered. */
  readonly upstreamRequests: number;
  readonly bytesFromUpstream: number;
  /** Bytes of bodies handed to clients. */
  readonly bytesToClients: number;
  /** Requests by peers, which are none of those above, and those of them that were answered from the cache. */
  readonly peerRequests: number;
  readonly peerHits: number;
  readonly bytesFromPeers: number;
  readonly bytesToPeers: number;
  /** Objects in memory. */
  readonly entries: number;
  /** Bytes in memory, of objects still arriving as well. */
  readonly bytes: number;
  /** Objects arriving now. */
  readonly fills: number;
}

type Counted =
  | "requests"
  | "hits"
  | "stale"
  | "misses"
  | "revalidated"
  | "collapsed"
  | "bypassed"
  | "errors"
  | "upstreamRequests"
  | "bytesFromUpstream"
  | "bytesToClients";

/** The counting part, which the hot path writes to. */
export type EdgeCounters = { -readonly [Name in Counted]: number };

/** Counts clients' requests, and those of peers apart from them: whoever asked the peer has counted its client already. */
export class EdgeCounts {
  readonly clients = createCounters();
  readonly peers = createCounters();
  bytesFromPeers = 0;

  /** Where a request counts. */
  of({ headers }: Pick<RawRequest, "headers">): EdgeCounters {
    return headers[PEER_FIELD] === undefined ? this.clients : this.peers;
  }
}

/** Counts an answer by what whoever made it says of it. */
export function countAs(counters: EdgeCounters, outcome: AnswerFacts["outcome"]): void {
  if (outcome === "hit" || outcome === "stale") counters.hits += 1;
  if (outcome === "miss" || outcome === "revalidated") counters.misses += 1;
  if (outcome === "stale" || outcome === "revalidated" || outcome === "collapsed") counters[outcome] += 1;
  if (outcome === "bypass") counters.bypassed += 1;
  if (outcome === "error") counters.errors += 1;
}

/** All at zero. */
function createCounters(): EdgeCounters {
  return {
    requests: 0,
    hits: 0,
    stale: 0,
    misses: 0,
    revalidated: 0,
    collapsed: 0,
    bypassed: 0,
    errors: 0,
    upstreamRequests: 0,
    bytesFromUpstream: 0,
    bytesToClients: 0,
  };
}

/** The counters as they are whenever somebody looks, and what the tier and the fills hold then. */
export function liveStats(
  counts: EdgeCounts,
  tier: Pick<EdgeStats, "entries" | "bytes">,
  fills: { readonly size: number },
  peers: { readonly ownRequests: number } | undefined,
): EdgeStats {
  const counters = counts.clients;
  return {
    get requests() {
      return counters.requests;
    },
    get hits() {
      return counters.hits;
    },
    get stale() {
      return counters.stale;
    },
    get revalidated() {
      return counters.revalidated;
    },
    get misses() {
      return counters.misses;
    },
    get collapsed() {
      return counters.collapsed;
    },
    get bypassed() {
      return counters.bypassed;
    },
    get errors() {
      return counters.errors;
    },
    get upstreamRequests() {
      return peers === undefined ? counters.upstreamRequests : peers.ownRequests;
    },
    get bytesFromUpstream() {
      return counters.bytesFromUpstream;
    },
    get bytesToClients() {
      return counters.bytesToClients;
    },
    get peerRequests() {
      return counts.peers.requests;
    },
    get peerHits() {
      return counts.peers.hits;
    },
    get bytesFromPeers() {
      return counts.bytesFromPeers;
    },
    get bytesToPeers() {
      return counts.peers.bytesToClients;
    },
    get entries() {
      return tier.entries;
    },
    get bytes() {
      return tier.bytes;
    },
    get fills() {
      return fills.size;
    },
  };
}

/**
 * Shows an edge's stats as OpenTelemetry metrics `ami.edge.*`, read when the SDK collects: a hit pays nothing for them.
 *
 * @returns how to stop.
 */
export function observeStats(name: string, stats: EdgeStats): () => void {
  const meter = metrics.getMeter("@ami-streams/cdn");
  const requests = meter.createObservableCounter("ami.edge.requests", {
    description: "Requests by what became of them",
  });
  const traffic = meter.createObservableCounter("ami.edge.io", { unit: "By", description: "Body bytes by direction" });
  const peerRequests = meter.createObservableCounter("ami.edge.peer.requests", {
    description: "Requests by peers, by whether the cache answered them",
  });
  const peerTraffic = meter.createObservableCounter("ami.edge.peer.io", {
    unit: "By",
    description: "Body bytes from and to peers",
  });
  const bytes = meter.createObservableGauge("ami.edge.cache.bytes", { unit: "By", description: "Bytes in memory" });
  const entries = meter.createObservableGauge("ami.edge.cache.entries", { description: "Objects in memory" });
  const fills = meter.createObservableGauge("ami.edge.fills", { description: "Objects arriving now" });

  const edge = { "ami.edge.name": name };
  // Each request is in one of them.
  const outcomes: Record<Exclude<CacheOutcome, "refused">, (stats: EdgeStats) => number> = {
    hit: ({ hits, stale }) => hits - stale,
    stale: ({ stale }) => stale,
    revalidated: ({ revalidated }) => revalidated,
    collapsed: ({ collapsed }) => collapsed,
    miss: ({ misses, revalidated }) => misses - revalidated,
    bypass: ({ bypassed }) => bypassed,
    error: ({ errors }) => errors,
  };
  const watched: [typeof requests, (result: ObservableResult) => void][] = [
    [
      requests,
      (result) => {
        for (const [outcome, count] of Object.entries(outcomes)) {
          result.observe(count(stats), { ...edge, "ami.edge.outcome": outcome });
        }
      },
    ],
    [
      traffic,
      (result) => {
        result.observe(stats.bytesFromUpstream, { ...edge, "network.io.direction": "receive" });
        result.observe(stats.bytesToClients, { ...edge, "network.io.direction": "transmit" });
      },
    ],
    [
      peerRequests,
      (result) => {
        result.observe(stats.peerHits, { ...edge, "ami.edge.outcome": "hit" });
        result.observe(stats.peerRequests - stats.peerHits, { ...edge, "ami.edge.outcome": "miss" });
      },
    ],
    [
      peerTraffic,
      (result) => {
        result.observe(stats.bytesFromPeers, { ...edge, "network.io.direction": "receive" });
        result.observe(stats.bytesToPeers, { ...edge, "network.io.direction": "transmit" });
      },
    ],
    [bytes, (result) => result.observe(stats.bytes, edge)],
    [entries, (result) => result.observe(stats.entries, edge)],
    [fills, (result) => result.observe(stats.fills, edge)],
  ];
  for (const [instrument, observe] of watched) instrument.addCallback(observe);
  return () => {
    for (const [instrument, observe] of watched) instrument.removeCallback(observe);
  };
}
