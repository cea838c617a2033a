import { DataPointType, type MetricData, type ScopeMetrics } from "@opentelemetry/sdk-metrics";
import { expect, test } from "vitest";
import { countersOf, mergeMetrics } from "./merge-metrics.ts";

type Values = Readonly<Record<string, number | { counts: number[]; sum: number }>>;

function metric(name: string, dataPointType: DataPointType, values: Values, isMonotonic = true): MetricData {
  return {
    descriptor: { name, description: "", unit: "", valueType: 1 },
    aggregationTemporality: 1,
    dataPointType,
    isMonotonic,
    dataPoints: Object.entries(values).map(([label, value]) => ({
      startTime: [0, 0],
      endTime: [0, 0],
      attributes: { label },
      value:
        typeof value === "number"
          ? value
          : {
              buckets: { boundaries: [1, 2], counts: value.counts },
              count: value.counts.reduce((sum, each) => sum + each, 0),
              sum: value.sum,
            },
    })),
  } as unknown as MetricData;
}

const scope = (...metrics: MetricData[]): ScopeMetrics[] => [{ scope: { name: "s" }, metrics }];

/** Values by metric and label. */
function valuesOf(all: readonly ScopeMetrics[]): Record<string, unknown> {
  const entries = all.flatMap(({ metrics }) =>
    metrics.flatMap(({ descriptor, dataPoints }) =>
      dataPoints.map(({ attributes, value }) => [`${descriptor.name} ${attributes.label}`, value]),
    ),
  );
  return Object.fromEntries(entries);
}

test("counters and gauges of processes are summed by what sets their series apart", () => {
  const a = scope(
    metric("requests", DataPointType.SUM, { hit: 1, miss: 2 }),
    metric("bytes", DataPointType.GAUGE, { x: 5 }),
  );
  const b = scope(
    metric("requests", DataPointType.SUM, { hit: 10, error: 4 }),
    metric("bytes", DataPointType.GAUGE, { x: 6 }),
  );
  expect(valuesOf(mergeMetrics([a, b]))).toEqual({
    "requests hit": 11,
    "requests miss": 2,
    "requests error": 4,
    "bytes x": 11,
  });
});

test("of what can only be so or so, the worst counts", () => {
  const of = (healthy: number, circuit: number) =>
    scope(
      metric("ami.edge.upstream.healthy", DataPointType.GAUGE, { o: healthy }),
      metric("ami.edge.upstream.circuit", DataPointType.GAUGE, { o: circuit }),
    );
  expect(valuesOf(mergeMetrics([of(1, 0), of(0, 2), of(1, 1)]))).toEqual({
    "ami.edge.upstream.healthy o": 0,
    "ami.edge.upstream.circuit o": 2,
  });
});

test("histograms are summed bucket by bucket", () => {
  const of = (counts: number[], sum: number) => scope(metric("time", DataPointType.HISTOGRAM, { x: { counts, sum } }));
  expect(valuesOf(mergeMetrics([of([1, 0, 2], 7), of([0, 3, 1], 9)]))).toEqual({
    "time x": { buckets: { boundaries: [1, 2], counts: [1, 3, 3] }, count: 7, sum: 16 },
  });
});

test("what a process that ended has counted is kept, and what it had is not", () => {
  const ended = scope(
    metric("requests", DataPointType.SUM, { hit: 1 }),
    metric("connections", DataPointType.SUM, { x: 3 }, false),
    metric("bytes", DataPointType.GAUGE, { x: 5 }),
    metric("time", DataPointType.HISTOGRAM, { x: { counts: [1, 0, 0], sum: 1 } }),
  );
  expect(Object.keys(valuesOf(countersOf(ended)))).toEqual(["requests hit", "time x"]);
});
