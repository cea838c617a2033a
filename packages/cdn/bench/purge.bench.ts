/**
 * Purges over ten edges on this machine, each a process with a journal on disk: from the request to the answer that it is done everywhere. And what a
 * look-up pays for it.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createPurges, type PurgeStatus } from "@ami-streams/cdn";

const EDGES = 10;
const PURGES = 300;
const TOKEN = "benchmark-token-of-ten-edges";

interface Edge {
  readonly name: string;
  readonly url: string;
  readonly process: ChildProcess;
}

const folder = await mkdtemp(join(tmpdir(), "purge-bench-"));
const edges: Edge[] = [];
try {
  const ports = await freePorts(EDGES);
  const peers = ports.map((port, at) => ({ name: `edge-${at}`, url: `http://127.0.0.1:${port}` }));
  for (const [at, { name, url }] of peers.entries()) {
    const options = { self: name, port: ports[at], peers, folder: join(folder, name), secret: TOKEN, token: TOKEN };
    const entry = fileURLToPath(new URL("purge-process.ts", import.meta.url));
    const flags = ["--conditions=@ami-streams/source", "--no-warnings"];
    const child = spawn(process.execPath, [...flags, entry, JSON.stringify(options)], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    edges.push({ name, url, process: child });
  }
  for (const edge of edges) await untilInContact(edge);

  console.log(`${EDGES} edges, one process each, journals on disk; node ${process.version}`);
  console.log("| purges | median | p99 | longest | per second |");
  console.log("| --- | --- | --- | --- | --- |");
  await measure(PURGES, 1, "warm-up", edges);
  for (const [concurrency, what] of [
    [1, "one after the other"],
    [32, "32 at a time"],
  ] as const) {
    console.log(await measure(PURGES, concurrency, what, edges));
  }
  const gone = edges[EDGES - 1]!;
  gone.process.kill("SIGKILL");
  const others = edges.slice(0, -1);
  console.log(await measure(1, 1, "the first one after an edge died", others));
  console.log(await measure(PURGES, 1, "one after the other, that edge still dead", others));
} finally {
  for (const edge of edges) if (edge.process.exitCode === null) edge.process.kill("SIGTERM");
  await Promise.all(
    edges.map((edge) => edge.process.exitCode ?? edge.process.signalCode ?? once(edge.process, "exit")),
  );
  await rm(folder, { recursive: true, force: true });
}
await measureLookUps();

async function measure(count: number, concurrency: number, what: string, asked: readonly Edge[]): Promise<string> {
  const took: number[] = [];
  let next = 0;
  const begun = performance.now();
  const work = async (): Promise<void> => {
    while (next < count) {
      const at = next;
      next += 1;
      const sent = performance.now();
      const response = await post(asked[at % asked.length]!, { urls: [`/vod/film-${at}/1.m4s`] });
      if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
      await response.json();
      took.push(performance.now() - sent);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  const seconds = (performance.now() - begun) / 1000;
  took.sort((a, b) => a - b);
  const at = (share: number): string =>
    `${took[Math.min(took.length - 1, Math.floor(took.length * share))]!.toFixed(1)} ms`;
  return `| ${what} | ${at(0.5)} | ${at(0.99)} | ${at(1)} | ${Math.round(count / seconds)} |`;
}

function post({ url }: Edge, purge: object): Promise<Response> {
  const headers = { authorization: `Bearer ${TOKEN}` };
  return fetch(`${url}/purge`, { method: "POST", headers, body: JSON.stringify(purge) });
}

async function untilInContact({ name, url }: Edge): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt += 1) {
    const status = await fetch(`${url}/purge`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    })
      .then((response) => response.json() as Promise<PurgeStatus>)
      .catch(() => undefined);
    if (status?.trusted && Object.values(status.edges).every(({ weMayServe }) => weMayServe)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${name} did not get in contact with the others`);
}

/** What a hit pays, in nanoseconds. */
async function measureLookUps(): Promise<void> {
  await using purges = await createPurges();
  const stored = { key: "/live/demo/video/1080p/segment-1234.m4s", tags: ["film-1", "live", "demo"], generation: 0 };
  const cost = (generation: number): string => {
    const rounds = 2_000_000;
    stored.generation = generation;
    let kept = 0;
    for (let round = 0; round < rounds / 10; round += 1) purges.judge(stored);
    const begun = performance.now();
    for (let round = 0; round < rounds; round += 1) if (purges.judge(stored) === "kept") kept += 1;
    if (kept !== rounds) throw new Error("the look-up was to keep it");
    return `${(((performance.now() - begun) * 1e6) / rounds).toFixed(0)} ns`;
  };
  console.log("\n| a look-up | takes |");
  console.log("| --- | --- |");
  const { generation } = purges;
  console.log(`| nothing purged since | ${cost(purges.generation)} |`);
  for (let at = 0; at < 100_000; at += 1) await purges.purge({ urls: [`/vod/${at}`], tags: [`tag-${at}`] });
  console.log(`| 100,000 URLs and tags purged since, three tags | ${cost(generation)} |`);
  for (let at = 0; at < 1000; at += 1) await purges.purge({ prefixes: [`/vod/film-${at}/`] });
  console.log(`| and 1,000 prefixes, five segments | ${cost(generation)} |`);
}

async function freePorts(count: number): Promise<number[]> {
  const listeners = Array.from({ length: count }, () => createTcpServer().listen(0, "127.0.0.1"));
  await Promise.all(listeners.map((listener) => once(listener, "listening")));
  const ports = listeners.map((listener) => (listener.address() as AddressInfo).port);
  await Promise.all(listeners.map((listener) => once(listener.close(), "close")));
  return ports;
}
