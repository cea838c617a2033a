/**
 * Publishing N streams in real time: CPU of this server and of node-media-server, in turn, in one run.
 *
 * Both run in processes of their own and are measured by their own CPU time, so that the publishers' share and whatever else the machine
 * does stay out. `--streams`, `--seconds`, `--rounds` change the load.
 */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createRtmpClient } from "@ami-streams/ingest";
import { freePort } from "../src/testing/free-port.ts";
import { liveSource, madePackets } from "../src/testing/made-source.ts";

const STREAMS = option("--streams", 20);
const SECONDS = option("--seconds", 8);
const ROUNDS = option("--rounds", 3);
/** 25 pictures a second of this size are 2.5 Mb/s. */
const FRAME_SIZE = 12_300;
const WARM_UP = 2;
const PACKETS_PER_SECOND = 25 + 44_100 / 1024;

interface Result {
  readonly name: string;
  /** Percent of a core for each Mb/s. */
  readonly cpuPerMegabit: number;
  /** Packets for each second of CPU. */
  readonly packetsPerCpuSecond: number;
  readonly core: number;
}

const folder = await mkdtemp(join(tmpdir(), "ingest-bench-"));
const results: Result[] = [];
try {
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const name of ["ami-streams", "node-media-server"]) results.push(await measure(name));
  }
} finally {
  await rm(folder, { recursive: true });
}

console.log(`\n${STREAMS} streams of 2.5 Mb/s, ${SECONDS} s, ${ROUNDS} rounds; medians:\n`);
console.log("| server | core | per Mb/s | packets per CPU second |\n| --- | --- | --- | --- |");
const own = medianOf("ami-streams");
const other = medianOf("node-media-server");
for (const { name, core, cpuPerMegabit, packetsPerCpuSecond } of [own, other]) {
  console.log(
    `| ${name} | ${core.toFixed(1)} % | ${cpuPerMegabit.toFixed(3)} % | ${Math.round(packetsPerCpuSecond)} |`,
  );
}
console.log(`\nCPU of ami-streams / node-media-server: ${(own.core / other.core).toFixed(2)}`);

async function measure(name: string): Promise<Result> {
  const port = await freePort();
  const script = fileURLToPath(new URL("server-process.ts", import.meta.url));
  const server = fork(script, [name, String(port), folder], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  await once(server, "message");
  const stop = publishAll(port);
  try {
    await sleep(WARM_UP * 1000);
    const before = await cpuOf(server);
    const startedAt = performance.now();
    await sleep(SECONDS * 1000);
    const cpu = (await cpuOf(server)) - before;
    const elapsed = (performance.now() - startedAt) / 1000;
    const megabits = (STREAMS * ((25 * FRAME_SIZE + (44_100 / 1024) * 4) * 8)) / 1e6;
    const core = (100 * cpu) / elapsed;
    return {
      name,
      core,
      cpuPerMegabit: core / megabits,
      packetsPerCpuSecond: (STREAMS * PACKETS_PER_SECOND * elapsed) / cpu,
    };
  } finally {
    await stop();
    server.kill();
    await once(server, "exit");
  }
}

/** Starts all publishers; returns what ends them. */
function publishAll(port: number): () => Promise<void> {
  const packets = madePackets({ duration: WARM_UP + SECONDS + 10, frameSize: FRAME_SIZE });
  const streams = Array.from({ length: STREAMS }, (_, index) => {
    const source = liveSource();
    const client = createRtmpClient({
      url: `rtmp://127.0.0.1:${port}/live/s${index}`,
      reconnect: { initialDelay: 100 },
    });
    return { source, client, published: client.publish(source) };
  });
  const startedAt = performance.now();
  let index = 0;
  const timer = setInterval(() => {
    const time = (performance.now() - startedAt) / 1000;
    for (
      let packet = packets[index];
      packet !== undefined && packet.dts / packet.track.timescale <= time;
      packet = packets[++index]
    ) {
      for (const { source } of streams) source.write(packet);
    }
  }, 5);
  return async () => {
    clearInterval(timer);
    for (const { source } of streams) source.end();
    await Promise.all(streams.map(({ published }) => published));
    await Promise.all(streams.map(({ client }) => client.close()));
  };
}

async function cpuOf(server: ChildProcess): Promise<number> {
  const answer = once(server, "message") as Promise<[NodeJS.CpuUsage]>;
  server.send("cpu");
  const [{ user, system }] = await answer;
  return (user + system) / 1e6;
}

function medianOf(name: string): Result {
  const own = results.filter((result) => result.name === name).sort((a, b) => a.core - b.core);
  return own[own.length >> 1]!;
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function option(name: string, otherwise: number): number {
  const at = process.argv.indexOf(name);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
}
