/**
 * The disk tier: writing, reading and starting, beside node:fs streams over files of the same bytes.
 *
 * Files are in the system's page cache, so that it is the programs that are measured and not the disk. `--folder` says where.
 */

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createDiskTier, type DiskTier } from "../src/edge/disk-tier/disk-tier.ts";
import { generatedKey, writeLargeFolder } from "../src/edge/disk-tier/large-folder.test-peer.ts";
import { type LentBody, lentChunks } from "../src/edge/disk-tier/lent-chunks.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const ROUNDS = Number(option("--rounds") ?? 5);
/** Bytes written and read for each row. */
const TOTAL = Number(option("--mib") ?? 512) * MIB;
const SIZES = { "16 KB": 16 * KIB, "64 KB": 64 * KIB, "1 MB": MIB, "16 MB": 16 * MIB };
const SLICES = (option("--slices") ?? "128").split(",").map((slice) => Number(slice) * KIB);
/** Room for two rounds: a tier that is full, as one is most of its life, writes to memory that the system has used before, as rewriting files does. */
const TIER_BYTES = 2.5 * TOTAL;
/** Reads at a time. */
const CONCURRENCY = 4;

const folder = await mkdtemp(join(option("--folder") ?? tmpdir(), "disk-tier-bench-"));
const block = randomBytes(16 * MIB);

try {
  console.log(`node ${process.version}, ${TOTAL / MIB} MiB a round, median of ${ROUNDS} rounds, MB/s`);
  for (const sliceBytes of SLICES) await compareThroughput(sliceBytes);
  await compareSending();
  await measureStart();
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function compareThroughput(sliceBytes: number): Promise<void> {
  console.log(`\nslices of ${sliceBytes / KIB} KiB; streams with chunks of the same size`);
  console.log("| object | | MB/s | CPU, µs per MiB |");
  console.log("| --- | --- | --- | --- |");
  for (const [name, size] of Object.entries(SIZES)) {
    const path = join(folder, `tier-${size}-${sliceBytes}`);
    const files = join(folder, `files-${size}-${sliceBytes}`);
    await using tier = await createDiskTier({ path, maxBytes: TIER_BYTES, sliceBytes });
    await mkdir(files);
    const count = Math.min(4096, Math.floor(TOTAL / size));
    const toTier = (index: number): Promise<void> => write(tier, `/${index}`, size);
    const toFile = (index: number): Promise<void> => writeFileOf(join(files, `${index}`), size, sliceBytes);
    for (let round = 0; round < 3; round += 1) await measure(count, size, toTier);
    await measure(count, size, toFile);
    const samples = await interleave(count, size, {
      "tier writes": toTier,
      "streams write": toFile,
      "tier reads, chunks given back": (index) => readLent(tier, `/${index}`),
      "tier reads, new buffers": (index) => readPlain(tier, `/${index}`),
      "streams read": (index) => readFileOf(join(files, `${index}`), sliceBytes),
    });
    for (const [way, cells] of samples) console.log(`| ${name} | ${way} | ${cells} |`);
    await rm(files, { recursive: true });
  }
}

/** Sends objects to another process over loopback, with buffers that are used again and with new ones. */
async function compareSending(): Promise<void> {
  const sliceBytes = SLICES[0]!;
  const sink = spawn(process.execPath, [
    "-e",
    `require("node:net").createServer((socket) => socket.resume()).listen(0, "127.0.0.1", function () { console.log(this.address().port); })`,
  ]);
  const [port] = (await once(sink.stdout, "data")) as [Buffer];
  const path = join(folder, "sent");
  await using tier = await createDiskTier({ path, maxBytes: TIER_BYTES, sliceBytes });
  const size = 16 * MIB;
  const count = Math.max(CONCURRENCY, Math.floor(TOTAL / size));
  for (let index = 0; index < count; index += 1) await write(tier, `/${index}`, size);
  const file = join(folder, "one-file");
  await writeFileOf(file, size, sliceBytes);
  const sockets: Socket[] = [];
  for (let number = 0; number < CONCURRENCY; number += 1) {
    const socket = connect(Number(port.toString()), "127.0.0.1");
    await once(socket, "connect");
    sockets.push(socket);
  }
  const take = (): Socket => sockets.pop()!;
  const using = async (send: (socket: Socket) => Promise<void>): Promise<void> => {
    const socket = take();
    await send(socket);
    sockets.push(socket);
  };
  const samples = await interleave(count, size, {
    "tier, chunks given back": (index) => using((socket) => sendLent(tier, `/${index}`, socket)),
    "tier, new buffers": (index) => using((socket) => sendPlain(tier, `/${index}`, socket)),
    "node:fs stream": () =>
      using((socket) => pipeline(createReadStream(file, { highWaterMark: sliceBytes }), socket, { end: false })),
  });
  console.log(`\n16 MB objects over loopback, ${CONCURRENCY} connections, slices of ${sliceBytes / KIB} KiB`);
  console.log("| way | MB/s | CPU, µs per MiB |");
  console.log("| --- | --- | --- |");
  for (const [way, cells] of samples) console.log(`| ${way} | ${cells} |`);
  for (const socket of sockets) socket.destroy();
  sink.kill();
  await once(sink, "exit");
}

async function measureStart(): Promise<void> {
  console.log("\nstart, with warm journals");
  console.log(
    "| objects | volumes | bytes | seconds | longest pause, ms | index bytes per object | heap bytes per object |",
  );
  console.log("| --- | --- | --- | --- | --- | --- | --- |");
  for (const [volumes, perVolume] of [
    [400, 250],
    [400, 4000],
    [800, 5000],
  ] as const) {
    const path = join(folder, `start-${volumes}-${perVolume}`);
    const volumeBytes = 256 * MIB;
    await writeLargeFolder(path, { volumes, perVolume, volumeBytes });
    globalThis.gc?.();
    const heapBefore = process.memoryUsage().heapUsed;
    const seconds: number[] = [];
    let pause = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      let last = performance.now();
      const watch = setInterval(() => {
        pause = Math.max(pause, performance.now() - last);
        last = performance.now();
      }, 1);
      const began = performance.now();
      const tier = await createDiskTier({ path, maxBytes: (volumes + 10) * volumeBytes, volumeBytes });
      seconds.push((performance.now() - began) / 1000);
      clearInterval(watch);
      if (!tier.has(generatedKey(1, 0))) throw new Error("not found after the start");
      if (round === ROUNDS - 1) {
        globalThis.gc?.();
        const heap = (process.memoryUsage().heapUsed - heapBefore) / tier.entries;
        const cells = [
          tier.entries,
          volumes,
          `${Math.round(tier.bytes / 1024 / MIB)} GiB`,
          mid(seconds, 2),
          Math.round(pause),
          (tier.indexBytes / tier.entries).toFixed(1),
          heap.toFixed(2),
        ];
        console.log(`| ${cells.join(" | ")} |`);
      }
      await tier.close();
    }
    await rm(path, { recursive: true });
  }
}

async function write(tier: DiskTier, key: string, size: number): Promise<void> {
  for (;;) {
    const writer = tier.create(key, block.subarray(0, 300), size);
    if (writer === undefined) {
      await tier.flush();
      continue;
    }
    for (let at = 0; at < size; at += 64 * KIB) writer.append(block.subarray(at, Math.min(size, at + 64 * KIB)));
    if (await writer.commit()) return;
  }
}

async function writeFileOf(path: string, size: number, chunk: number): Promise<void> {
  const stream = createWriteStream(path, { highWaterMark: chunk });
  for (let at = 0; at < size; at += 64 * KIB) {
    if (!stream.write(block.subarray(at, Math.min(size, at + 64 * KIB)))) await once(stream, "drain");
  }
  stream.end();
  await once(stream, "close");
}

async function readPlain(tier: DiskTier, key: string): Promise<void> {
  for await (const _ of await bodyOf(tier, key));
}

async function readLent(tier: DiskTier, key: string): Promise<void> {
  const chunks = (await bodyOf(tier, key))[lentChunks]();
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) chunks.release(next.value);
}

async function sendPlain(tier: DiskTier, key: string, socket: Socket): Promise<void> {
  for await (const chunk of await bodyOf(tier, key)) if (!socket.write(chunk)) await once(socket, "drain");
}

async function sendLent(tier: DiskTier, key: string, socket: Socket): Promise<void> {
  const chunks = (await bodyOf(tier, key))[lentChunks]();
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) {
    const chunk = next.value;
    if (!socket.write(chunk, () => chunks.release(chunk))) await once(socket, "drain");
  }
}

async function bodyOf(tier: DiskTier, key: string): Promise<LentBody> {
  const body = await (await tier.open(key))?.read();
  if (body === undefined) throw new Error(`${key} is not there`);
  return body;
}

async function readFileOf(path: string, chunk: number): Promise<void> {
  for await (const _ of createReadStream(path, { highWaterMark: chunk }));
}

interface Sample {
  /** Megabytes a second. */
  readonly rate: number;
  /** CPU time of this process, microseconds per MiB. */
  readonly cpu: number;
}

/** Works on objects, some at a time. */
async function measure(count: number, size: number, work: (index: number) => Promise<void>): Promise<Sample> {
  let next = 0;
  const began = performance.now();
  const before = process.cpuUsage();
  const worker = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await work(next - 1);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  const { user, system } = process.cpuUsage(before);
  const rate = (count * size) / 1e6 / ((performance.now() - began) / 1000);
  return { rate, cpu: (user + system) / ((count * size) / MIB) };
}

/** All ways in turns, so that what else the machine does meets each. @returns their cells of a table. */
async function interleave(
  count: number,
  size: number,
  ways: Record<string, (index: number) => Promise<void>>,
): Promise<[string, string][]> {
  const samples = Object.keys(ways).map((): Sample[] => []);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [at, work] of Object.values(ways).entries()) samples[at]!.push(await measure(count, size, work));
  }
  return Object.keys(ways).map((way, at) => {
    const rates = samples[at]!.map(({ rate }) => rate);
    return [way, `${mid(rates)} | ${mid(samples[at]!.map(({ cpu }) => cpu))}`];
  });
}

function mid(values: readonly number[], digits = 0): string {
  return median(values).toFixed(digits);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function option(name: string): string | undefined {
  const at = process.argv.indexOf(name);
  return at === -1 ? undefined : process.argv[at + 1];
}
