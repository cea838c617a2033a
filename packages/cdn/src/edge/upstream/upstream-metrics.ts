/** What upstreams do, as OpenTelemetry metrics `ami.edge.upstream.*`. Series are by upstream, and by code where something failed. */

import { type Attributes, type Histogram, metrics, type ObservableResult } from "@opentelemetry/api";
import type { UpstreamStats } from "./member.ts";
import type { RetryBudget } from "./retry-budget.ts";

/** Seconds: a segment comes in milliseconds, a blocking reload in seconds. */
const HEAD_BUCKETS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** What fails most. */
const NO_FAILURES = { UPSTREAM_UNREACHABLE: 0, UPSTREAM_TIMEOUT: 0, UPSTREAM_TRUNCATED: 0, UPSTREAM_FAILED: 0 };

const CIRCUITS = { closed: 0, "half-open": 1, open: 2 };

/** The histogram of times until the head. Nothing happens until the user installs an SDK. */
export function headHistogram(): Histogram {
  return metrics.getMeter("@ami-streams/cdn").createHistogram("ami.edge.upstream.head.duration", {
    unit: "s",
    description: "Time until the head of an upstream's answer",
    advice: { explicitBucketBoundaries: HEAD_BUCKETS },
  });
}

/** By which series of one upstream are told from another's. */
export function upstreamAttributes(edge: string, upstream: string): Attributes {
  return { "ami.edge.name": edge, "ami.edge.upstream.name": upstream };
}

/**
 * Shows stats whenever the SDK collects: a request pays nothing for them.
 *
 * @returns how to stop.
 */
export function observeUpstreams(edge: string, read: () => readonly UpstreamStats[], budget: RetryBudget): () => void {
  const meter = metrics.getMeter("@ami-streams/cdn");
  const counter = (name: string, description: string) =>
    meter.createObservableCounter(`ami.edge.upstream.${name}`, { description });
  const gauge = (name: string, description: string) =>
    meter.createObservableGauge(`ami.edge.upstream.${name}`, { description });
  const each =
    (value: (stats: UpstreamStats) => number) =>
    (result: ObservableResult): void => {
      for (const stats of read()) result.observe(value(stats), upstreamAttributes(edge, stats.name));
    };
  const watched: [ReturnType<typeof counter>, (result: ObservableResult) => void][] = [
    [counter("requests", "Requests to upstreams, retries and hedges among them"), each(({ requests }) => requests)],
    [
      counter("failures", "Failed requests by code: of this package, or a status"),
      (result) => {
        for (const { name, failures } of read()) {
          // From the start: what was never zero does not rise when it first happens.
          for (const [code, count] of Object.entries({ ...NO_FAILURES, ...failures })) {
            result.observe(count, { ...upstreamAttributes(edge, name), "error.type": code });
          }
        }
      },
    ],
    [counter("retries", "Requests because another had failed"), each(({ retries }) => retries)],
    [
      counter("hedges", "Requests because another was late, by whether their answer came first"),
      (result) => {
        for (const { name, hedgesWon, hedgesLost } of read()) {
          const attributes = upstreamAttributes(edge, name);
          result.observe(hedgesWon, { ...attributes, "ami.edge.hedge.result": "won" });
          result.observe(hedgesLost, { ...attributes, "ami.edge.hedge.result": "lost" });
        }
      },
    ],
    [
      counter("retries.refused", "Retries and hedges that the budget did not grant"),
      (result) => result.observe(budget.refused, { "ami.edge.name": edge }),
    ],
    [gauge("in_flight", "Requests whose answer has not ended"), each(({ inFlight }) => inFlight)],
    [gauge("healthy", "1 where the health check says so, or where there is none"), each(({ healthy }) => +healthy)],
    [gauge("circuit", "0 closed, 1 half-open, 2 open: not asked"), each(({ circuit }) => CIRCUITS[circuit])],
  ];
  for (const [instrument, observe] of watched) instrument.addCallback(observe);
  return () => {
    for (const [instrument, observe] of watched) instrument.removeCallback(observe);
  };
}
