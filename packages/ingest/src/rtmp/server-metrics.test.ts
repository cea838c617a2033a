import { createNoopMeter, metrics } from "@opentelemetry/api";
import { afterEach, expect, test } from "vitest";
import { createRtmpClient, createRtmpServer, type Publication } from "../index.ts";
import { madeSource } from "../testing/made-source.ts";

afterEach(() => metrics.disable());

test("metrics add up to what publications count, from their first byte, and nothing stays live", async () => {
  const totals = new Map<string, number>();
  const instrument = (name: string) => ({
    add: (value: number, attributes?: object) => {
      const label = `${name} ${JSON.stringify(attributes)}`;
      totals.set(label, (totals.get(label) ?? 0) + value);
    },
  });
  const meter = Object.assign(createNoopMeter(), { createCounter: instrument, createUpDownCounter: instrument });
  metrics.setGlobalMeterProvider({ getMeter: () => meter });
  await using server = await createRtmpServer({ port: 0, host: "127.0.0.1" });
  await using client = createRtmpClient({ url: `${server.url}/live/key` });
  const published = client.publish(madeSource({ duration: 1 }));
  const publication: Publication = (await server.publications()[Symbol.asyncIterator]().next()).value;
  await Promise.all([published, publication.closed]);
  expect(Object.fromEntries(totals)).toEqual({
    'ami.ingest.publications {"app":"live"}': 0,
    'ami.ingest.received {"app":"live"}': publication.stats.bytesReceived,
    'ami.ingest.packets {"app":"live"}': publication.stats.packets,
    'ami.ingest.drops {"app":"live"}': 0,
  });
});
