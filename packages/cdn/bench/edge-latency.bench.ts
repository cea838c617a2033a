/**
 * How long cached hits take at 70 % of what a server can do at most: this edge, nginx and Varnish, one core each, the load on the other.
 *
 * What a server can do is measured by wrk first. The load is open-loop and times each request from when it was due (see load/open-loop.ts).
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMemoryStore, createOrigin, createServer } from "@ami-streams/cdn";
import { type PeerName, peer } from "@ami-streams/testing";
import { latencyAt } from "./load/latency.ts";
import type { OpenLoopResult } from "./load/open-loop.ts";
import { listOption, median, option } from "./load/processes.ts";
import { makeCertificate, type ServerUnderTest, startEdge, startNginx, startVarnish } from "./load/servers.ts";
import { load } from "./load/wrk.ts";

const SHARE = Number(option("--share") ?? 0.7);
const ROUNDS = Number(option("--rounds") ?? 3);
const SECONDS = Number(option("--seconds") ?? 4);
const CONNECTIONS = 64;
/** The generator runs in Node, too, and on one core: above, it is the one that is late. */
const MAX_RATE = Number(option("--max-rate") ?? 50_000);
const SIZES = { "1KB": 1024, "64KB": 64 * 1024, "1MB": 1024 * 1024 };
const sizes = listOption("--sizes", ["1KB", "64KB"]) as (keyof typeof SIZES)[];
const wanted = listOption("--servers", ["edge", "nginx", "varnish"]);

const wrk = peer("wrk");
if (wrk === null) {
  console.log("skipped: needs wrk, and nginx and varnish to compare with (apt-get install wrk nginx-light varnish)");
  process.exit(0);
}
const [nginx, varnish] = [peer("nginx"), peer("varnishd" as PeerName)];

const folder = await mkdtemp(join(tmpdir(), "edge-latency-"));
const vod = createMemoryStore();
for (const name of sizes) await vod.put(`${name}.bin`, Buffer.alloc(SIZES[name], 0x61));
const origin = await createServer({ handler: createOrigin({ vod, cors: false }), port: 0, host: "127.0.0.1" });
const surroundings = { folder, origin: origin.url, ...(await makeCertificate(folder)) };
const running: ServerUnderTest[] = [];
try {
  if (wanted.includes("edge")) running.push(await startEdge(surroundings));
  if (wanted.includes("nginx") && nginx !== null) running.push(await startNginx(nginx, surroundings));
  if (wanted.includes("varnish") && varnish !== null) running.push(await startVarnish(varnish, null, surroundings));
  console.log(`hits at ${SHARE * 100} % of saturation, open loop, ${ROUNDS} rounds of ${SECONDS} s, median round; ms`);
  console.log(
    "| object | server | saturation, req/s | load, req/s | p50 | p99 (range) | p99.9 | worst | generator's own p99 |",
  );
  console.log("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
  for (const name of sizes) {
    for (const server of running) {
      const url = `${server.url.plain}/vod/${name}.bin`;
      const wrkOptions = { size: SIZES[name], connections: CONNECTIONS, pids: server.pids.plain };
      await load(wrk, url, { ...wrkOptions, seconds: 3 });
      const saturation = (await load(wrk, url, { ...wrkOptions, seconds: 3 })).requests;
      const rate = Math.min(MAX_RATE, saturation * SHARE);
      const results: OpenLoopResult[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        results.push(await latencyAt(url, { rate, seconds: SECONDS, connections: CONNECTIONS * 2 }));
      }
      const middle = (of: (result: OpenLoopResult) => number): string => median(results.map(of)).toFixed(2);
      const p99s = results.map(({ p99 }) => p99).sort((a, b) => a - b);
      const cells = [name, server.name, Math.round(saturation), Math.round(rate), middle(({ p50 }) => p50)];
      cells.push(`**${middle(({ p99 }) => p99)}** (${p99s[0]!.toFixed(2)}–${p99s.at(-1)!.toFixed(2)})`);
      cells.push(
        middle(({ p999 }) => p999),
        middle(({ worst }) => worst),
        middle(({ ownP99 }) => ownP99),
      );
      console.log(`| ${cells.join(" | ")} |`);
    }
  }
} finally {
  for (const server of running) await server.close();
  await origin.close();
  await rm(folder, { recursive: true, force: true });
}
