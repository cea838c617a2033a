/** What players say, as an OpenTelemetry SDK sees it. */

import { metrics } from "@opentelemetry/api";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseCmcd } from "./cmcd.ts";
import { observeCmcd } from "./cmcd-metrics.ts";
import { createCmcdTap } from "./tap.ts";

const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
const provider = new MeterProvider({
  readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })],
});

beforeAll(() => {
  metrics.setGlobalMeterProvider(provider);
});
afterAll(async () => {
  await provider.shutdown();
  metrics.disable();
});

interface Seen {
  readonly attributes: Record<string, unknown>;
  readonly value: unknown;
}

/** Points of one metric, of one edge. */
async function pointsOf(edge: string, metric: string): Promise<Seen[]> {
  exporter.reset();
  await provider.forceFlush();
  const all = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
  const points = all.find(({ descriptor }) => descriptor.name === `ami.edge.cmcd.${metric}`)?.dataPoints ?? [];
  return points.filter(({ attributes }) => attributes["ami.edge.name"] === edge) as Seen[];
}

test("starved buffers, throughput, latency and start of those who ask", async () => {
  const cmcd = observeCmcd("a");
  const said = 'sid="s",bs,mtp=(4800),ltc=3200,msd=900,bl=(2000),sf=h,st=ll,ot=v,su,v=2';
  cmcd.record(parseCmcd(said)!, "request");
  cmcd.close();
  const stream = { "ami.edge.name": "a", "cmcd.sf": "h", "cmcd.st": "ll" };
  expect(await pointsOf("a", "starvations")).toMatchObject([
    { value: 1, attributes: { ...stream, "cmcd.mode": "request" } },
  ]);
  expect(await pointsOf("a", "urgent")).toMatchObject([{ value: 1, attributes: stream }]);
  expect(await pointsOf("a", "throughput")).toMatchObject([{ value: { sum: 4800, count: 1 }, attributes: stream }]);
  expect(await pointsOf("a", "latency")).toMatchObject([{ value: { sum: 3.2, count: 1 } }]);
  expect(await pointsOf("a", "startup")).toMatchObject([{ value: { sum: 0.9, count: 1 } }]);
  expect(await pointsOf("a", "buffer")).toMatchObject([{ value: { sum: 2 }, attributes: { "cmcd.ot": "v" } }]);
});

test("a player that rebuffers is counted when it begins to, not each time that it says so", async () => {
  const cmcd = observeCmcd("b");
  cmcd.record(parseCmcd("e=ps,sta=r,ts=1,v=2")!, "event");
  cmcd.record(parseCmcd("e=t,sta=r,ts=2,v=2")!, "event");
  cmcd.record(parseCmcd("sta=r,v=2")!, "request");
  cmcd.record(parseCmcd("e=ps,sta=p,bsd=(1500),ts=3,v=2")!, "event");
  cmcd.close();
  expect(await pointsOf("b", "rebuffers")).toMatchObject([{ value: 1 }]);
  expect(await pointsOf("b", "rebuffer.duration")).toMatchObject([{ value: { sum: 1.5, count: 1 } }]);
});

test("whatever players send, there are only so many attributes", async () => {
  const cmcd = observeCmcd("c");
  for (let client = 0; client < 500; client += 1) {
    cmcd.record(
      parseCmcd(`sid="s${client}",cid="c${client}",sf=x${client},st=y${client},ot=z${client},mtp=${client}`)!,
      "request",
    );
  }
  expect(await pointsOf("c", "reports")).toHaveLength(1);
  expect(await pointsOf("c", "throughput")).toHaveLength(1);
  expect(await pointsOf("c", "sessions")).toMatchObject([{ value: 500 }]);
  cmcd.close();
});

test("a session that says nothing for a while is gone", () => {
  let now = 0;
  const cmcd = observeCmcd("d", () => now);
  const say = (sid: string) => cmcd.record(parseCmcd(`sid="${sid}"`)!, "request");
  say("a");
  say("b");
  now = 31_000;
  say("a");
  expect(cmcd.sessions).toBe(2);
  now = 62_000;
  expect(cmcd.sessions).toBe(1);
  now = 200_000;
  expect(cmcd.sessions).toBe(0);
  cmcd.close();
});

test("no more are read in a second than there is room for, and what is left out is counted", async () => {
  let now = 0;
  const cmcd = observeCmcd("e");
  const tap = createCmcdTap({ metrics: cmcd, maxPerSecond: 2, clock: () => now });
  const take = (text: string) => tap.take({ target: `/a?CMCD=${encodeURIComponent(text)}`, headers: {} });
  expect(tap.take({ target: "/a", headers: {} })).toBeUndefined();
  expect(take('sid="1"')?.sid).toBe("1");
  expect(take("(")).toBeUndefined();
  expect(take('sid="3"')).toBeUndefined();
  now = 1_000;
  expect(take('sid="4"')?.sid).toBe("4");
  cmcd.close();
  const unread = await pointsOf("e", "unread");
  expect(unread.map(({ attributes, value }) => [attributes["cmcd.reason"], value])).toEqual([
    ["malformed", 1],
    ["sampled", 1],
  ]);
});
