/** A disk tier, as an OpenTelemetry SDK sees it. */

import { metrics } from "@opentelemetry/api";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { expect, onTestFinished, test } from "vitest";
import { observeDiskTier } from "./disk-stats.ts";
import { bodyOf, get, openTier, put } from "./disk-tier.test-setup.ts";

test("look-ups and writes by outcome, bytes by direction, and what is there", async () => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const readers = [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })];
  const provider = new MeterProvider({ readers });
  metrics.setGlobalMeterProvider(provider);
  onTestFinished(async () => {
    await provider.shutdown();
    metrics.disable();
  });
  const tier = await openTier();
  const stop = observeDiskTier("edge-1", tier);
  await put(tier, "/a", bodyOf("/a", 3000));
  await get(tier, "/a");
  await get(tier, "/none");
  tier.create("/large", Buffer.from(""), 1024 * 1024);
  const seen = await collect(provider, exporter);
  expect(seen).toMatchObject({
    "ami.edge.disk.reads hit": 1,
    "ami.edge.disk.reads miss": 1,
    "ami.edge.disk.reads corrupt": 0,
    "ami.edge.disk.writes stored": 1,
    "ami.edge.disk.writes refused_too_large": 1,
    "ami.edge.disk.io write": tier.bytes,
    "ami.edge.disk.bytes": tier.bytes,
    "ami.edge.disk.entries": 1,
    "ami.edge.disk.failed": 0,
  });
  stop();
  await get(tier, "/a");
  expect((await collect(provider, exporter))["ami.edge.disk.reads hit"]).toBe(1);
});

/** Values by metric name and attributes. */
async function collect(provider: MeterProvider, exporter: InMemoryMetricExporter): Promise<Record<string, unknown>> {
  exporter.reset();
  await provider.forceFlush();
  const seen: Record<string, unknown> = {};
  const scopes = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics);
  for (const { descriptor, dataPoints } of scopes.flatMap(({ metrics }) => metrics)) {
    for (const { attributes, value } of dataPoints) {
      const { "ami.edge.name": edge, ...rest } = attributes;
      expect(edge).toBe("edge-1");
      seen[[descriptor.name, ...Object.values(rest)].join(" ")] = value;
    }
  }
  return seen;
}
