/**
 * Cached objects: this edge against nginx proxy_cache and Varnish, one core each, wrk on the other core, in interleaved rounds of one run.
 *
 * Beside requests per second it reads the servers' own CPU time, which says the same on a machine that does other things, too.
 *
 * ```
 * pnpm bench edge-vs-peers                              every row
 * node … edge-vs-peers.bench.ts --sizes 1KB,1MB --connections 32 --transports plain,tls --servers edge,nginx --rounds 5 --seconds 2
 *   --against <edge-process.ts of another checkout>     measures that build of the edge, too
 *   --cpu-prof <folder>                                 profiles the edge
 * ```
 */

import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createMemoryStore, createOrigin, createServer } from "@ami-streams/cdn";
import { type PeerName, peer } from "@ami-streams/testing";
import { listOption, median, option } from "./load/processes.ts";
import { makeCertificate, type ServerUnderTest, startEdge, startNginx, startVarnish } from "./load/servers.ts";
import { load, type Sample } from "./load/wrk.ts";

const run = promisify(execFile);
const SIZES = { "1KB": 1024, "64KB": 64 * 1024, "1MB": 1024 * 1024, "16MB": 16 * 1024 * 1024 };
const ROUNDS = Number(option("--rounds") ?? 5);
const SECONDS = Number(option("--seconds") ?? 2);
const sizes = listOption("--sizes", Object.keys(SIZES)) as (keyof typeof SIZES)[];
const connectionCounts = (option("--connections") ?? "32,1000").split(",").map(Number);
const transports = listOption("--transports", ["plain", "tls"]) as ("plain" | "tls")[];
const servers = listOption("--servers", ["edge", "nginx", "varnish"]);

const wrk = peer("wrk");
const programs = {
  nginx: servers.includes("nginx") ? peer("nginx") : null,
  varnish: servers.includes("varnish") ? peer("varnishd" as PeerName) : null,
  hitch: servers.includes("varnish") && transports.includes("tls") ? peer("hitch" as PeerName) : null,
};
if (wrk === null) {
  console.log(
    "skipped: needs wrk, and nginx, varnish, hitch to compare with (apt-get install wrk nginx-light varnish hitch)",
  );
  process.exit(0);
}

const folder = await mkdtemp(join(tmpdir(), "edge-vs-peers-"));
const vod = createMemoryStore();
for (const name of sizes) await vod.put(`${name}.bin`, Buffer.alloc(SIZES[name], 0x61));
const origin = await createServer({ handler: createOrigin({ vod, cors: false }), port: 0, host: "127.0.0.1" });
const surroundings = { folder, origin: origin.url, ...(await makeCertificate(folder)) };
const profile = option("--cpu-prof");
const against = option("--against");
const running: ServerUnderTest[] = [];

try {
  if (servers.includes("edge")) {
    const nodeArgs = profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`];
    running.push(await startEdge(surroundings, { nodeArgs }));
  }
  if (against !== undefined) running.push(await startEdge(surroundings, { name: "before", entry: against }));
  if (programs.nginx !== null) running.push(await startNginx(programs.nginx, surroundings));
  if (programs.varnish !== null) running.push(await startVarnish(programs.varnish, programs.hitch, surroundings));

  console.log(`cached hits, ${ROUNDS} rounds of ${SECONDS} s each, interleaved; medians, ratios of the same round`);
  console.log([`node ${process.version}`, ...(await versions())].join(", "));
  const names = running.map(({ name }) => name);
  const peers = names.slice(1);
  console.log(
    `| object, transport, connections | ${names.map((name) => `${name} req/s`).join(" | ")} | ${names.map((name) => `${name} CPU/req`).join(" | ")} | ${peers.map((name) => `req/s ÷ ${name} | CPU of ${name} ÷ ours`).join(" | ")} | edge MB/s |`,
  );
  console.log(`|${" --- |".repeat(2 + 2 * names.length + 2 * peers.length)}`);
  for (const size of sizes) {
    for (const transport of transports) {
      for (const connections of connectionCounts) await row(size, transport, connections);
    }
  }
} finally {
  for (const server of running) await server.close();
  await origin.close();
  await rm(folder, { recursive: true, force: true });
}

async function row(name: keyof typeof SIZES, transport: "plain" | "tls", connections: number): Promise<void> {
  const size = SIZES[name];
  const samples = new Map<string, Sample[]>(running.map((server) => [server.name, []]));
  const measure = async (server: ServerUnderTest, seconds: number): Promise<Sample | undefined> => {
    const url = server.url[transport];
    if (url === undefined) return undefined;
    return await load(wrk!, `${url}/vod/${name}.bin`, { size, connections, seconds, pids: server.pids[transport] });
  };
  // Until compilers and caches have seen enough.
  for (const server of running) await measure(server, size > 100_000 ? 2 : 3);
  for (let round = 0; round < ROUNDS; round += 1) {
    const order = round % 2 === 0 ? running : running.toReversed();
    for (const server of order) {
      const sample = await measure(server, SECONDS);
      if (sample !== undefined) samples.get(server.name)!.push(sample);
    }
  }
  const [ours = [], ...others] = samples.values();
  const cells = [`${name}, ${transport}, ${connections}`];
  for (const each of samples.values()) cells.push(number(median(each.map(({ requests }) => requests)), 0));
  for (const each of samples.values()) cells.push(`${number(median(each.map(({ cpu }) => cpu)), 1)} µs`);
  for (const theirs of others) {
    cells.push(ratio(ours.map(({ requests }, at) => requests / (theirs[at]?.requests ?? Number.NaN))));
    cells.push(ratio(ours.map(({ cpu }, at) => (theirs[at]?.cpu ?? Number.NaN) / cpu)));
  }
  cells.push(number(median(ours.map(({ megabytes }) => megabytes)), 0));
  console.log(`| ${cells.join(" | ")} |`);
}

async function versions(): Promise<string[]> {
  const asked: [string | null, string[]][] = [
    [programs.nginx, ["-v"]],
    [programs.varnish, ["-V"]],
    [programs.hitch, ["--version"]],
  ];
  const found: string[] = [];
  for (const [program, args] of asked) {
    if (program === null) continue;
    const { stdout, stderr } = await run(program, args);
    found.push((stdout + stderr).trim().split("\n", 1)[0]!);
  }
  return found;
}

function ratio(values: readonly number[]): string {
  if (values.some(Number.isNaN)) return "–";
  const sorted = values.toSorted((a, b) => a - b);
  return `**${number(median(values), 2)}** (${number(sorted[0]!, 2)}–${number(sorted.at(-1)!, 2)})`;
}

function number(value: number, digits: number): string {
  return Number.isNaN(value) ? "–" : value.toFixed(digits);
}
