/** Purging as OpenTelemetry metrics. */

import { type Attributes, type Histogram, metrics, type ObservableResult } from "@opentelemetry/api";
import type { PurgeStatus } from "./purges.ts";

/** What is counted while purging. */
export interface PurgeCounters {
  /** Purges that this edge was asked for. */
  own: number;
  /** Purges that other edges told of. */
  others: number;
  settle(milliseconds: number, settled: boolean): void;
}

export function createPurgeCounters(self: string): PurgeCounters {
  const duration: Histogram = metrics.getMeter("@ami-streams/cdn").createHistogram("ami.edge.purge.duration", {
    unit: "ms",
    description: "From a purge's request to its certainty everywhere",
  });
  return {
    own: 0,
    others: 0,
    settle(milliseconds, settled) {
      duration.record(milliseconds, { "ami.edge.name": self, "ami.edge.purge.complete": settled });
    },
  };
}

/** Shows them, read when the SDK collects. @returns how to stop. */
export function observePurges(counters: PurgeCounters, purges: { readonly status: PurgeStatus }): () => void {
  const meter = metrics.getMeter("@ami-streams/cdn");
  const count = meter.createObservableCounter("ami.edge.purges", { description: "Purges by who was asked for them" });
  const trusted = meter.createObservableGauge("ami.edge.purge.trusted", {
    description: "1 while what is stored may be served without asking, 0 while cut off from the other edges",
  });
  const entries = meter.createObservableGauge("ami.edge.purge.entries", { description: "Names in the log of purges" });
  const edge = (): Attributes => ({ "ami.edge.name": purges.status.self });
  const watched: [typeof count, (result: ObservableResult) => void][] = [
    [
      count,
      (result) => {
        result.observe(counters.own, { ...edge(), "ami.edge.purge.source": "self" });
        result.observe(counters.others, { ...edge(), "ami.edge.purge.source": "peer" });
      },
    ],
    [trusted, (result) => result.observe(purges.status.trusted ? 1 : 0, edge())],
    [entries, (result) => result.observe(purges.status.entries, edge())],
  ];
  for (const [instrument, observe] of watched) instrument.addCallback(observe);
  return () => {
    for (const [instrument, observe] of watched) instrument.removeCallback(observe);
  };
}
