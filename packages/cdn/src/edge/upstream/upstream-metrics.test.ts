/** What a collector sees of upstreams. */

import { metrics } from "@opentelemetry/api";
import { MeterProvider, MetricReader } from "@opentelemetry/sdk-metrics";
import { afterAll, expect, onTestFinished, test } from "vitest";
import { ask, send } from "./upstream.test-setup.ts";
import { createUpstreams } from "./upstreams.ts";

class Reader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

const reader = new Reader();
const provider = new MeterProvider({ readers: [reader] });
metrics.setGlobalMeterProvider(provider);
afterAll(async () => {
  metrics.disable();
  await provider.shutdown();
});

/** `name{upstream,…}` and its value: counts of a histogram. */
async function read(): Promise<Record<string, number>> {
  const { resourceMetrics, errors } = await reader.collect();
  expect(errors).toEqual([]);
  const read: Record<string, number> = {};
  for (const { descriptor, dataPoints } of resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics)) {
    for (const { attributes, value } of dataPoints) {
      const { "ami.edge.name": _, ...labels } = attributes;
      const series = `${descriptor.name.replace("ami.edge.upstream.", "")}{${Object.values(labels).join(",")}}`;
      read[series] = typeof value === "number" ? value : (value as { count: number }).count;
    }
  }
  return read;
}

test("requests, failures by code, retries, hedges, health, circuit and times, each by upstream", async () => {
  const wait = (): Promise<Response> => new Promise((resolve) => setTimeout(resolve, 200, new Response("late")));
  const all = createUpstreams({
    upstreams: [
      { name: "first", handler: ({ url }) => (url.endsWith(".m4s") ? wait() : new Response(null, { status: 500 })) },
      { name: "second", handler: () => new Response("ok") },
      {
        name: "ill",
        handler: () => new Response(null, { status: 418 }),
        backup: true,
        health: { path: "/", unhealthyAfter: 1 },
      },
    ],
    hedge: { after: 5 },
  });
  onTestFinished(() => all.close());
  expect(await ask(all, "/a")).toBe("200 ok");
  expect(await ask(all, "/s1.m4s")).toBe("200 ok");
  await expect.poll(() => all.stats[2]!.healthy).toBe(false);
  expect(await read()).toMatchObject({
    "requests{first}": 2,
    "requests{second}": 2,
    "requests{ill}": 0,
    "failures{first,500}": 1,
    "failures{second,UPSTREAM_TIMEOUT}": 0,
    "retries{second}": 1,
    "hedges{second,won}": 1,
    "hedges{second,lost}": 0,
    "retries.refused{}": 0,
    "healthy{first}": 1,
    "healthy{ill}": 0,
    "circuit{first}": 0,
    "in_flight{second}": 0,
    "head.duration{first}": 1,
    "head.duration{second}": 2,
  });
});

test("whatever statuses an upstream makes up, they are one series", async () => {
  let status = 520;
  const all = createUpstreams({
    upstreams: [{ name: "odd", handler: () => new Response(null, { status: status++ }) }],
    circuit: { failures: 1_000 },
  });
  onTestFinished(() => all.close());
  for (let turn = 0; turn < 40; turn += 1) await send(all, "/a");
  const failures = Object.entries(await read()).filter(([series]) => series.startsWith("failures{odd"));
  expect(failures.filter(([, count]) => count > 0)).toEqual([["failures{odd,5xx}", 40]]);
});

test("what is closed is observed no longer", async () => {
  const all = createUpstreams({ upstreams: [{ name: "gone", handler: () => new Response("ok") }] });
  await all.close();
  expect(Object.keys(await read()).filter((series) => series.includes("gone"))).toEqual([]);
});
