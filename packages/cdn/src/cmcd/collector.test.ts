/** The endpoint for event reports. */

import { expect, onTestFinished, test } from "vitest";
import type { Cmcd } from "./cmcd.ts";
import { observeCmcd } from "./cmcd-metrics.ts";
import { type CmcdCollectorOptions, createCmcdCollector } from "./collector.ts";

function collecting(options: Partial<CmcdCollectorOptions> = {}) {
  const metrics = observeCmcd("collector");
  onTestFinished(() => metrics.close());
  const reports: Cmcd[] = [];
  const collect = createCmcdCollector({ metrics, onReport: (report) => reports.push(report), ...options });
  const post = async (body: string | ReadableStream<Uint8Array>, type = "application/cmcd"): Promise<Response> =>
    await collect(
      new Request("http://edge/cmcd", {
        method: "POST",
        body,
        headers: { "content-type": type },
        duplex: "half",
      } as RequestInit),
    );
  return { collect, post, reports };
}

const event = (sid: string, rest = "e=t,sta=p,ts=1764300000000"): string => `sid="${sid}",${rest},v=2`;

test("each line is a report", async () => {
  const { post, reports } = collecting();
  const response = await post(
    `${event("a")}\n  ${event("b", 'e=rr,rc=200,ttfb=40,url="https://x/a",ts=1')}  \r\n${event("c")}`,
  );
  expect(response.status).toBe(204);
  expect(reports.map(({ sid, e }) => [sid, e])).toEqual([
    ["a", "t"],
    ["b", "rr"],
    ["c", "t"],
  ]);
  expect(reports[1]).toMatchObject({ rc: 200, ttfb: 40, url: "https://x/a" });
});

test("a line that cannot be read is passed over; a body of nothing else is refused", async () => {
  const { post, reports } = collecting();
  expect((await post(`(\n${event("a")}\nsid="z",v=9`)).status).toBe(204);
  expect(reports.map(({ sid }) => sid)).toEqual(["a"]);
  expect((await post("(\n(\n")).status).toBe(400);
  expect((await post("")).status).toBe(400);
});

test.each(["application/cmcd", "text/cmcd; charset=utf-8", "text/plain;charset=UTF-8"])("takes %s", async (type) => {
  expect((await collecting().post(event("a"), type)).status).toBe(204);
});

test("takes no other type, and no other method", async () => {
  const { collect, post } = collecting();
  expect((await post(event("a"), "application/json")).status).toBe(415);
  const response = await collect(new Request("http://edge/cmcd"));
  expect([response.status, response.headers.get("allow")]).toEqual([405, "POST, OPTIONS"]);
});

test("a page of another origin may send, with a preflight", async () => {
  const { collect, post } = collecting();
  const preflight = await collect(new Request("http://edge/cmcd", { method: "OPTIONS" }));
  expect([preflight.status, preflight.headers.get("access-control-allow-headers")]).toEqual([
    204,
    "content-type, authorization",
  ]);
  for (const response of [preflight, await post(event("a")), await post("(")]) {
    expect(response.headers.get("access-control-allow-origin")).toBe("*");
  }
});

test("a body that is too long is refused, whether it says so or not", async () => {
  const { post, reports } = collecting({ maxBodyBytes: 100 });
  expect((await post("a".repeat(101))).status).toBe(413);
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(Buffer.from(`${event("a")}\n`)),
  });
  expect((await post(endless)).status).toBe(413);
  expect(reports).toEqual([]);
});

test("players are told to slow down when there are too many reports, and to stop when none are wanted", async () => {
  let now = 0;
  const { post, reports } = collecting({ maxPerSecond: 2, clock: () => now });
  expect((await post([event("a"), event("b"), event("c")].join("\n"))).status).toBe(204);
  const refused = await post(event("d"));
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "5"]);
  now = 1_000;
  expect((await post(event("e"))).status).toBe(204);
  expect(reports.map(({ sid }) => sid)).toEqual(["a", "b", "e"]);
  expect((await collecting({ closed: () => true }).post(event("a"))).status).toBe(410);
});
