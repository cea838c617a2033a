/**
 * What a flood of refused requests does to the hits: the edge behind four guards on one core, wrk on the other, in one run.
 *
 * The flood comes at twice the rate of the hits, paced, so that it is the same flood however fast it is refused. Hits of a kilobyte are paced
 * as well, at a quarter of what the core can do: with a core that has nothing to spare, anything else that it does is missing from the hits.
 * Hits of a megabyte are not: they take all they can get. As other programs may have part of the core, what counts of them is how many there
 * are in a second of the server's CPU time.
 */

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { peer } from "@ami-streams/testing";

const run = promisify(execFile);
const ROUNDS = Number(option("--rounds") ?? 3);
const SECONDS = Number(option("--seconds") ?? 3);
/** Runs a program on one core (util-linux). */
const PIN = "taskset";
const SERVER_CORE = "1";
const LOAD_CORE = "0";
const HIT_CONNECTIONS = 32;
/** Many, so that the flood keeps its rate though each of them waits its turn behind large answers. */
const FLOOD_CONNECTIONS = 256;

const OBJECTS = [
  { name: "1 KB", size: 1024, share: 0.25 },
  { name: "1 MB", size: 1024 * 1024, share: 1 },
] as const;

/** Lua of wrk that makes requests which are refused. */
const FLOODS = {
  "429, a client over its rate": (path: string) => `wrk.path = "${path}"; wrk.headers["x-client"] = "flood"`,
  "403, no token": () => `wrk.path = "/vod/1024.bin"`,
  "403, tokens made up one after the other": (path: string) =>
    `local n = 0; function request() n = n + 1; return wrk.format("GET", "${path.slice(0, path.indexOf("/vod/") - 9)}" .. string.format("%09d", n) .. "/vod/1024.bin") end`,
};

const wrk = peer("wrk");
if (wrk === null) {
  console.log("skipped: needs wrk (apt-get install wrk)");
  process.exit(0);
}

const folder = await mkdtemp(join(tmpdir(), "guard-flood-"));
const profile = option("--cpu-prof");
const edge = spawn(
  PIN,
  [
    "-c",
    SERVER_CORE,
    process.execPath,
    ...(profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`]),
    "--conditions=@ami-streams/source",
    "--no-warnings",
    fileURLToPath(new URL("guard-process.ts", import.meta.url)),
    ...OBJECTS.map(({ size }) => String(size)),
  ],
  { stdio: ["ignore", "pipe", "inherit"] },
);
const [line] = (await once(createInterface(edge.stdout), "line")) as [string];
const { url, paths } = JSON.parse(line) as { url: string; paths: Record<string, string> };

interface Load {
  /** Requests per second. */
  readonly rate: number;
  /** Milliseconds. */
  readonly p99: number;
}

try {
  console.log(`median of ${ROUNDS} rounds of ${SECONDS} s; node ${process.version}`);
  console.log(
    "| hits | flood | hits/s alone | with the flood | refused/s | slowed to | p99 alone | with the flood | CPU of a hit | of a refusal |",
  );
  console.log("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
  for (const { name, size, share } of OBJECTS) {
    const path = paths[size]!;
    const most = await hits(path, 0, 5);
    for (const [kind, script] of Object.entries(FLOODS)) {
      const wanted = share === 1 ? 0 : most.rate * share;
      const alone: Load[] = [];
      const flooded: Load[] = [];
      const refused: number[] = [];
      const ratios: number[] = [];
      const hitCpu: number[] = [];
      const refusalCpu: number[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        const [before, quiet] = await withCpu(() => hits(path, wanted, SECONDS));
        alone.push(quiet);
        const [during, [beside, flood]] = await withCpu(() =>
          Promise.all([
            hits(path, wanted, SECONDS),
            load(script(path), FLOOD_CONNECTIONS, SECONDS, 2 * quiet.rate, true),
          ]),
        );
        flooded.push(beside);
        refused.push(flood.rate);
        const perHit = before / (quiet.rate * SECONDS);
        hitCpu.push(perHit * 1e6);
        // What the flood adds to the CPU time, beyond what the hits take.
        refusalCpu.push(((during - perHit * beside.rate * SECONDS) / (flood.rate * SECONDS)) * 1e6);
        ratios.push(share === 1 ? (perHit * beside.rate * SECONDS) / during : beside.rate / quiet.rate);
      }
      const cells = [
        name,
        kind,
        Math.round(median(alone.map(({ rate }) => rate))),
        Math.round(median(flooded.map(({ rate }) => rate))),
        Math.round(median(refused)),
        `**${median(ratios).toFixed(2)}**`,
        `${median(alone.map(({ p99 }) => p99)).toFixed(1)} ms`,
        `${median(flooded.map(({ p99 }) => p99)).toFixed(1)} ms`,
        `${median(hitCpu).toFixed(1)} µs`,
        `${median(refusalCpu).toFixed(1)} µs`,
      ];
      console.log(`| ${cells.join(" | ")} |`);
    }
  }
} finally {
  edge.kill("SIGTERM");
  await once(edge, "exit");
  await rm(folder, { recursive: true, force: true });
}

function hits(path: string, rate: number, seconds: number): Promise<Load> {
  return load(`wrk.path = "${path}"`, HIT_CONNECTIONS, seconds, rate, false);
}

/** @param rate - requests per second to keep to; 0: as many as go. wrk pauses whole milliseconds, so the right pause is one of two, by chance. */
async function load(
  script: string,
  connections: number,
  seconds: number,
  rate: number,
  isRefused: boolean,
): Promise<Load> {
  const file = join(folder, `${connections}.lua`);
  const pause = (connections / rate) * 1000;
  const delay = rate === 0 ? "" : `function delay() return math.floor(${pause} + math.random()) end`;
  await writeFile(file, `${script}\n${delay}\n`);
  const { stdout } = await run(PIN, [
    "-c",
    LOAD_CORE,
    wrk!,
    "-t1",
    `-c${connections}`,
    `-d${seconds}s`,
    "--latency",
    "-s",
    file,
    url,
  ]);
  const refusals = Number(/Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? 0);
  const total = Number(/(\d+) requests in/.exec(stdout)?.[1]);
  // The first request of a rate-limited client passes.
  if (isRefused ? refusals < total - 10 : refusals > 0) throw new Error(`not what was asked for:\n${stdout}`);
  const [, amount, unit] = /99%\s+([\d.]+)(us|ms|s)/.exec(stdout) ?? [];
  return {
    rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]),
    p99: Number(amount) * { us: 0.001, ms: 1, s: 1000 }[unit as "us" | "ms" | "s"],
  };
}

/** CPU seconds of the server while something runs, and what came of it. */
async function withCpu<T>(task: () => Promise<T>): Promise<[number, T]> {
  const before = await cpuOf(edge.pid!);
  const outcome = await task();
  return [(await cpuOf(edge.pid!)) - before, outcome];
}

async function cpuOf(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).replace(/^.*\) /, "").split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function option(name: string): string | undefined {
  const at = process.argv.indexOf(name);
  return at === -1 ? undefined : process.argv[at + 1];
}
