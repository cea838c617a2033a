/**
 * What connections cost that rest: memory of the server per connection, and how long hits of others take meanwhile.
 *
 * Servers are several processes that share a port, since a process may not have more open files than its limit says (20,000 on many
 * machines); clients are, too, each with source addresses of its own, since an address has some 28,000 ports. All on loopback.
 */

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createMemoryStore, createOrigin, createServer } from "@ami-streams/cdn";
import { latencyAt } from "./load/latency.ts";
import { cpuOf, end, freePort, LOAD_CORE, option, residentOf, SERVER_CORE } from "./load/processes.ts";

const run = promisify(execFile);
const TOTAL = Number(option("--connections") ?? 100_000);
/** Open files that a process may have, less what it needs besides connections. */
const PER_PROCESS = Math.min(20_000, Number((await run("sh", ["-c", "ulimit -Hn"])).stdout.trim()) || 100_000) - 600;
/** With room for the kernel's not quite even hand. */
const SERVERS = Math.ceil((TOTAL * 1.05) / PER_PROCESS);
const STEPS = [0, 0.2, 0.5, 1].map((share) => Math.round(TOTAL * share));
/** Requests per second beside them. */
const RATES = [1000, 5000];
const SECONDS = 4;

/** A program that may have as many open files as any. */
function start(core: string, args: readonly string[]): ChildProcess {
  const command = `ulimit -n $(ulimit -Hn) && exec taskset -c ${core} "$0" "$@"`;
  const nodeArgs = ["--conditions=@ami-streams/source", "--no-warnings", ...args];
  const child = spawn("sh", ["-c", command, process.execPath, ...nodeArgs], { stdio: ["pipe", "pipe", "inherit"] });
  child.on("exit", (code) => {
    if (code !== 0 && code !== null) throw new Error(`${args[0]} ended with ${code}`);
  });
  return child;
}

const program = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const vod = createMemoryStore();
await vod.put("1KB.bin", Buffer.alloc(1024, 0x61));
const origin = await createServer({ handler: createOrigin({ vod, cors: false }), port: 0, host: "127.0.0.1" });
const port = await freePort();
const options = { port, reusePort: true, limits: { maxConnections: PER_PROCESS, idleTimeout: 3_600_000 } };
const servers = Array.from({ length: SERVERS }, () =>
  start(SERVER_CORE, [program("edge-process.ts"), origin.url, "", "", JSON.stringify(options)]),
);
await Promise.all(servers.map((server) => once(server.stdout!, "data")));
const url = `http://127.0.0.1:${port}/vod/1KB.bin`;
const residentOfAll = async (): Promise<number> => {
  let bytes = 0;
  for (const { pid } of servers) bytes += await residentOf(pid!);
  return bytes;
};

const sleep = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
let lost = 0;
const clients = Array.from({ length: Math.ceil(TOTAL / PER_PROCESS) }, (_, at) => {
  const child = start(LOAD_CORE, [program("load/idle-client.ts"), url, `127.0.${10 + at}`]);
  let onRest = (): void => {};
  createInterface({ input: child.stdout! }).on("line", (text) => {
    if (text === "lost") lost += 1;
    else onRest();
  });
  return {
    child,
    connected: 0,
    add(count: number): Promise<void> {
      this.connected += count;
      child.stdin!.write(`${count}\n`);
      return new Promise((resolve) => {
        onRest = resolve;
      });
    },
  };
});

try {
  console.log(
    `${SERVERS} processes of the edge on one core, sharing a port; each connection asked once before it rests`,
  );
  await latencyAt(url, { rate: 10_000, seconds: 5, connections: 64 * SERVERS });
  console.log(
    "| connections at rest | servers, MiB | bytes per connection | their CPU at rest | hits per second | p50 ms | p99 ms | worst ms | generator's own p99 |",
  );
  console.log("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
  let connected = 0;
  let before = 0;
  for (const step of STEPS) {
    for (const client of clients) {
      const count = Math.min(PER_PROCESS - client.connected, step - connected);
      if (count > 0) await client.add(count);
      connected += Math.max(0, count);
    }
    // Two sweeps over all of them, and what was only needed to connect is gone.
    await sleep(3000);
    const pids = servers.map(({ pid }) => pid!);
    const spent = await cpuOf(pids);
    await sleep(3000);
    const idle = ((await cpuOf(pids)) - spent) / 3;
    const resident = await residentOfAll();
    if (step === 0) before = resident;
    const each = step === 0 ? "–" : Math.round((resident - before) / step);
    for (const rate of RATES) {
      const { p50, p99, worst, ownP99 } = await latencyAt(url, { rate, seconds: SECONDS, connections: 64 * SERVERS });
      const cells = [
        step,
        Math.round(resident / 2 ** 20),
        each,
        `${(idle * 100).toFixed(1)} %`,
        rate,
        p50.toFixed(2),
        p99.toFixed(2),
        worst.toFixed(1),
        ownP99.toFixed(2),
      ];
      console.log(`| ${cells.join(" | ")} |`);
    }
  }
  console.log(`${lost} connections were lost`);
} finally {
  for (const { child } of clients) {
    child.stdin!.end();
    await end(child);
  }
  for (const server of servers) await end(server);
  await origin.close();
}
