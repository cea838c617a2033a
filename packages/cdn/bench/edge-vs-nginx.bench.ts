/**
 * Cached objects: this edge against nginx proxy_cache, one core each, wrk on the other core, in one run.
 *
 * Beside requests per second it reads the servers' own CPU time, which says the same on a machine that does other things, too.
 */

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createMemoryStore, createOrigin, createServer } from "@ami-streams/cdn";
import { peer } from "@ami-streams/testing";

const run = promisify(execFile);
const SIZES = { "1 KB": 1024, "64 KB": 64 * 1024, "1 MB": 1024 * 1024 };
const ROUNDS = Number(option("--rounds") ?? 5);
const SECONDS = Number(option("--seconds") ?? 4);
const CONNECTIONS = Number(option("--connections") ?? 32);
/** Runs a program on one core (util-linux). */
const PIN = "taskset";
/** Core of the server under test, and core of the load. */
const SERVER_CORE = "1";
const LOAD_CORE = "0";

const [nginx, wrk] = [peer("nginx"), peer("wrk")];
if (nginx === null || wrk === null) {
  console.log("skipped: needs nginx and wrk (apt-get install nginx-light wrk)");
  process.exit(0);
}

const folder = await mkdtemp(join(tmpdir(), "edge-vs-nginx-"));
const vod = createMemoryStore();
for (const [name, size] of Object.entries(SIZES)) await vod.put(`${pathOf(name)}.bin`, Buffer.alloc(size, 0x61));
const origin = await createServer({ handler: createOrigin({ vod, cors: false }), port: 0, host: "127.0.0.1" });

const edge = spawn(
  PIN,
  [
    "-c",
    SERVER_CORE,
    process.execPath,
    ...(option("--cpu-prof") === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${option("--cpu-prof")}`]),
    "--conditions=@ami-streams/source",
    "--no-warnings",
    fileURLToPath(new URL("edge-process.ts", import.meta.url)),
    origin.url,
  ],
  { stdio: ["ignore", "pipe", "inherit"] },
);
const [firstLine] = (await once(edge.stdout, "data")) as [Buffer];
const edgeUrl = firstLine.toString().trim();

const nginxPort = await freePort();
await writeFile(join(folder, "nginx.conf"), nginxConfig(folder, nginxPort, origin.url));
const peerServer = spawn(PIN, ["-c", SERVER_CORE, nginx, "-c", join(folder, "nginx.conf"), "-p", folder], {
  stdio: ["ignore", "ignore", "ignore"],
});
const nginxUrl = `http://127.0.0.1:${nginxPort}`;
await untilServed(nginxUrl);

interface Sample {
  /** Per second. */
  requests: number;
  /** Per second. */
  megabytes: number;
  /** CPU time of the server per request, microseconds. */
  cpu: number;
}

try {
  console.log(`cached hits, ${CONNECTIONS} keep-alive connections, ${ROUNDS} rounds of ${SECONDS} s each, median`);
  console.log(`node ${process.version}, ${(await run(nginx, ["-v"])).stderr.trim()}`);
  console.log(
    "| object | edge req/s | nginx req/s | ratio | edge MB/s | nginx MB/s | edge CPU | nginx CPU | ratio | rounds, req/s | rounds, CPU |",
  );
  console.log("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
  for (const name of Object.keys(SIZES)) {
    const path = `/vod/${pathOf(name)}.bin`;
    const ours: Sample[] = [];
    const theirs: Sample[] = [];
    const measureOurs = async (): Promise<void> => void ours.push(await load(edgeUrl + path, SECONDS, edge.pid!));
    const measureTheirs = async (): Promise<void> =>
      void theirs.push(await load(nginxUrl + path, SECONDS, await workerOf(peerServer.pid!)));
    await warmUp(edgeUrl + path, edge.pid!);
    await warmUp(nginxUrl + path, peerServer.pid!);
    for (let round = 0; round < ROUNDS; round += 1) {
      const order = [measureOurs, measureTheirs];
      for (const measure of round % 2 === 0 ? order : order.reverse()) await measure();
    }
    const throughput = ours.map(({ requests }, round) => requests / theirs[round]!.requests);
    const cpu = ours.map((sample, round) => theirs[round]!.cpu / sample.cpu);
    const cells = [
      name,
      Math.round(median(ours.map(({ requests }) => requests))),
      Math.round(median(theirs.map(({ requests }) => requests))),
      `**${median(throughput).toFixed(2)}**`,
      Math.round(median(ours.map(({ megabytes }) => megabytes))),
      Math.round(median(theirs.map(({ megabytes }) => megabytes))),
      `${median(ours.map((sample) => sample.cpu)).toFixed(1)} µs`,
      `${median(theirs.map((sample) => sample.cpu)).toFixed(1)} µs`,
      `**${median(cpu).toFixed(2)}**`,
      throughput.map((ratio) => ratio.toFixed(2)).join(" "),
      cpu.map((ratio) => ratio.toFixed(2)).join(" "),
    ];
    console.log(`| ${cells.join(" | ")} |`);
  }
} finally {
  edge.kill("SIGTERM");
  peerServer.kill("SIGTERM");
  await Promise.all([once(edge, "exit"), once(peerServer, "exit")]);
  await origin.close();
  await rm(folder, { recursive: true, force: true });
}

async function load(url: string, seconds: number, pid: number): Promise<Sample> {
  const before = await cpuOf(pid);
  const { stdout } = await run(PIN, ["-c", LOAD_CORE, wrk!, "-t1", `-c${CONNECTIONS}`, `-d${seconds}s`, url]);
  const spent = (await cpuOf(pid)) - before;
  if (/Non-2xx|Socket errors: (?!.*timeout [1-9])/.test(stdout))
    throw new Error(`${url} failed under load:\n${stdout}`);
  const requests = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
  const total = Number(/(\d+) requests in/.exec(stdout)?.[1]);
  const [, amount, unit] = /Transfer\/sec:\s+([\d.]+)([KMG]B)/.exec(stdout) ?? [];
  const megabytes = Number(amount) * { KB: 1 / 1024, MB: 1, GB: 1024 }[unit as "KB" | "MB" | "GB"];
  return { requests, megabytes, cpu: (spent * 1e6) / total };
}

/** Until compilers and caches have seen enough: 50,000 requests, or 15 s. */
async function warmUp(url: string, pid: number): Promise<void> {
  let requests = 0;
  for (let second = 0; second < 15 && requests < 50_000; second += 1) requests += (await load(url, 1, pid)).requests;
}

/** CPU seconds of a process so far, all its threads. */
async function cpuOf(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).replace(/^.*\) /, "").split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** nginx's one worker. */
async function workerOf(master: number): Promise<number> {
  return Number((await readFile(`/proc/${master}/task/${master}/children`, "utf8")).trim().split(" ")[0]);
}

function nginxConfig(root: string, port: number, upstream: string): string {
  return `
daemon off;
${process.getuid?.() === 0 ? "user root;" : ""}
worker_processes 1;
pid ${root}/nginx.pid;
error_log ${root}/error.log crit;
events { worker_connections 4096; multi_accept on; use epoll; }
http {
  access_log off;
  server_tokens off;
  sendfile on;
  sendfile_max_chunk 2m;
  # Over loopback, tcp_nopush holds the last bytes of a body back for a delayed ACK: 64 KB would be ten times slower.
  tcp_nopush off;
  tcp_nodelay on;
  keepalive_timeout 65;
  keepalive_requests 100000000;
  open_file_cache max=10000 inactive=60s;
  open_file_cache_valid 60s;
  open_file_cache_min_uses 1;
  client_body_temp_path ${root}/body;
  proxy_temp_path ${root}/proxy;
  fastcgi_temp_path ${root}/fastcgi;
  uwsgi_temp_path ${root}/uwsgi;
  scgi_temp_path ${root}/scgi;
  proxy_cache_path ${root}/cache levels=1:2 keys_zone=edge:64m max_size=1g inactive=60m use_temp_path=off;
  upstream origin { server ${new URL(upstream).host}; keepalive 64; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_cache edge;
      proxy_cache_key $uri$is_args$args;
      proxy_cache_lock on;
      proxy_cache_valid 200 10m;
      add_header X-Cache $upstream_cache_status;
    }
  }
}
`;
}

async function untilServed(url: string): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      await fetch(url);
      return;
    } catch (error) {
      if (attempt === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function pathOf(name: string): string {
  return name.replace(" ", "").toLowerCase();
}

function option(name: string): string | undefined {
  const at = process.argv.indexOf(name);
  return at === -1 ? undefined : process.argv[at + 1];
}
