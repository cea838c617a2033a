/** Metrics of several processes as those of one. Pure. */

import { DataPointType, type MetricData, type ScopeMetrics } from "@opentelemetry/sdk-metrics";

type AnyPoint = MetricData["dataPoints"][number];

/** Gauges that say how one thing is, and not how much there is of it. All others are summed. */
const BEST: Readonly<Record<string, (a: number, b: number) => number>> = {
  "ami.edge.upstream.healthy": Math.min,
  "ami.edge.upstream.circuit": Math.max,
  "ami.edge.disk.failed": Math.max,
};

/** Sums counters and histograms, and gauges where that makes sense, of metrics with the same name and attributes. */
export function mergeMetrics(all: readonly (readonly ScopeMetrics[])[]): ScopeMetrics[] {
  const scopes = new Map<string, { scope: ScopeMetrics["scope"]; metrics: Map<string, MetricData> }>();
  for (const { scope, metrics } of all.flat()) {
    const id = `${scope.name}\n${scope.version ?? ""}`;
    const merged = scopes.get(id) ?? { scope, metrics: new Map<string, MetricData>() };
    scopes.set(id, merged);
    for (const metric of metrics) {
      const key = `${metric.descriptor.name}\n${metric.dataPointType}`;
      const known = merged.metrics.get(key);
      merged.metrics.set(key, known === undefined ? metric : mergeMetric(known, metric));
    }
  }
  return [...scopes.values()].map(({ scope, metrics }) => ({ scope, metrics: [...metrics.values()] }));
}

/** Only what must never go back: what a process that ended has counted stays counted. */
export function countersOf(all: readonly ScopeMetrics[]): ScopeMetrics[] {
  return all.map(({ scope, metrics }) => ({ scope, metrics: metrics.filter(isCounter) }));
}

function isCounter(metric: MetricData): boolean {
  return (
    metric.dataPointType === DataPointType.HISTOGRAM ||
    (metric.dataPointType === DataPointType.SUM && metric.isMonotonic)
  );
}

function mergeMetric(a: MetricData, b: MetricData): MetricData {
  const points = new Map<string, AnyPoint>();
  for (const point of [...a.dataPoints, ...b.dataPoints]) {
    const key = JSON.stringify(Object.entries(point.attributes).sort(([one], [other]) => (one < other ? -1 : 1)));
    const known = points.get(key);
    points.set(key, known === undefined ? point : mergePoint(a, known, point));
  }
  return { ...a, dataPoints: [...points.values()] } as MetricData;
}

function mergePoint({ descriptor }: MetricData, a: AnyPoint, b: AnyPoint): AnyPoint {
  if (typeof a.value === "number" && typeof b.value === "number") {
    const better = BEST[descriptor.name];
    return { ...a, value: better === undefined ? a.value + b.value : better(a.value, b.value) };
  }
  if (!isHistogram(a.value) || !isHistogram(b.value)) return a;
  const { buckets, count, sum } = b.value;
  return {
    ...a,
    value: {
      ...a.value,
      buckets: {
        boundaries: a.value.buckets.boundaries,
        counts: a.value.buckets.counts.map((each, index) => each + (buckets.counts[index] ?? 0)),
      },
      count: a.value.count + count,
      sum: (a.value.sum ?? 0) + (sum ?? 0),
    },
  } as AnyPoint;
}

interface HistogramValue {
  readonly buckets: { readonly boundaries: number[]; readonly counts: number[] };
  readonly count: number;
  readonly sum?: number;
}

function isHistogram(value: unknown): value is HistogramValue {
  return typeof value === "object" && value !== null && "buckets" in value;
}
