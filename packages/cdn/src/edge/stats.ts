/** What an edge counts. */

import { metrics, type ObservableResult } from "@opentelemetry/api";
import type { CacheOutcome } from "../handler/answer-facts.ts";

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
  /** Requests to upstreams. */
  readonly upstreamRequests: number;
  readonly bytesFromUpstream: number;
  /** Bytes of bodies handed to clients. */
  readonly bytesToClients: number;
  /** Objects in memory. */
  readonly entries: number;
  /** Bytes in memory, of objects still arriving as well. */
  readonly bytes: number;
  /** Objects arriving now. */
  readonly fills: number;
}

/** The counting part, which the hot path writes to. */
export type EdgeCounters = { -readonly [Name in Exclude<keyof EdgeStats, "entries" | "bytes" | "fills">]: number };

/** All at zero. */
export function createCounters(): EdgeCounters {
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
  counters: EdgeCounters,
  tier: Pick<EdgeStats, "entries" | "bytes">,
  fills: { readonly size: number },
): EdgeStats {
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
      return counters.upstreamRequests;
    },
    get bytesFromUpstream() {
      return counters.bytesFromUpstream;
    },
    get bytesToClients() {
      return counters.bytesToClients;
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
    [bytes, (result) => result.observe(stats.bytes, edge)],
    [entries, (result) => result.observe(stats.entries, edge)],
    [fills, (result) => result.observe(stats.fills, edge)],
  ];
  for (const [instrument, observe] of watched) instrument.addCallback(observe);
  return () => {
    for (const [instrument, observe] of watched) instrument.removeCallback(observe);
  };
}
