/** The disk tier with processes that are killed, a disk that is really full, and a folder of 100 GiB. */

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";
import { bodyOf, FaultyFiles, freshFolder, get, openTier, put, sum } from "./disk-tier.test-setup.ts";
import { createDiskTier, type DiskTier } from "./disk-tier.ts";
import { KILLED_OPTIONS, versionBody } from "./killed-writer.test-peer.ts";
import { generatedKey, writeLargeFolder } from "./large-folder.test-peer.ts";

const run = promisify(execFile);
const KIB = 1024;
const KILLS = 40;

test(`a process that is killed ${KILLS} times while it writes loses nothing that was written, and nothing torn is served`, async () => {
  const path = await freshFolder();
  /** What each key may be answered with: a version, or "-" for nothing. */
  const possible = new Map<string, Set<string>>();
  let version = 0;
  let served = 0;
  for (let kill = 0; kill < KILLS; kill += 1) {
    version = await writeAndKill(path, version, 1 + ((kill * 37) % 120), possible);
    const tier = await createDiskTier({ path, ...KILLED_OPTIONS });
    for (const [key, expected] of possible) {
      const found = await get(tier, key);
      expect(expected).toContain(found?.head ?? "-");
      if (found !== undefined) expect(found.body).toBe(sum(versionBody(Number(found.head))));
      if (found !== undefined) served += 1;
      possible.set(key, new Set([found?.head ?? "-"]));
    }
    expect(tier.stats).toMatchObject({ corrupt: 0, readErrors: 0, evicted: 0 });
    expect(tier.bytes).toBe(await bytesIn(path));
    await tier.close();
  }
  expect(served).toBeGreaterThan(KILLS * 2);
  expect(version).toBeGreaterThan(KILLS * 10);
});

/** Lets a process write until it has said so many lines. @returns the highest version that it said. */
async function writeAndKill(
  path: string,
  firstVersion: number,
  lines: number,
  possible: Map<string, Set<string>>,
): Promise<number> {
  const peer = JSON.stringify(new URL("killed-writer.test-peer.ts", import.meta.url).href);
  const script = `await (await import(${peer})).writeUntilKilled(${JSON.stringify(path)}, ${firstVersion});`;
  const child = spawn(process.execPath, ["--no-warnings", "--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = 0;
  let highest = firstVersion;
  const reading = createInterface({ input: child.stdout });
  reading.on("line", (line) => {
    said += 1;
    if (said === lines) child.kill("SIGKILL");
    const [when, key, version] = line.split(" ");
    if (version !== "-") highest = Math.max(highest, Number(version));
    // Begun: both are possible. Done: only the new one.
    if (when === ">") possible.set(key!, new Set([version!]));
    else possible.set(key!, new Set([...(possible.get(key!) ?? ["-"]), version!]));
  });
  const [[, signal]] = await Promise.all([once(child, "exit"), once(reading, "close")]);
  expect(signal).toBe("SIGKILL");
  return highest;
}

const smallDisk = await mountSmallDisk();
afterAll(async () => {
  if (smallDisk === undefined) return;
  await run("umount", [smallDisk]);
  await rm(smallDisk, { recursive: true });
});

test.skipIf(smallDisk === undefined)("a disk that is really full (needs leave to mount a small one)", async () => {
  const path = join(smallDisk!, "cache");
  let now = 0;
  const tier = await openTier({
    path,
    clock: () => now,
    maxBytes: 64 * KIB * KIB,
    volumeBytes: 256 * KIB,
    sliceBytes: 16 * KIB,
  });
  await fill(tier, 0, () => tier.failed === undefined);
  expect(tier.failed).toBe("ENOSPC");
  const before = tier.entries;
  expect(before).toBeGreaterThan(100);
  expect(await put(tier, "/new", bodyOf("/new", 30_000))).toBe(false);
  for (let index = 0; index < before; index += 1) await verify(tier, `/${index}`);
  expect(tier.entries).toBe(before);

  now += 30_000;
  await fill(tier, 1000, (index) => index < 1500);
  expect(tier.failed).toBeUndefined();
  expect(tier.stats).toMatchObject({ writeErrors: 1, corrupt: 0 });
  await verify(tier, "/1499");
  await tier.close();
  // Not even a lock has room when it starts again.
  await writeFile(join(smallDisk!, "others"), Buffer.alloc(4 * KIB * KIB)).catch(() => {});
  await expect(writeFile(join(smallDisk!, "more"), Buffer.alloc(1))).rejects.toMatchObject({ code: "ENOSPC" });

  const again = await openTier({ path, maxBytes: 64 * KIB * KIB, volumeBytes: 256 * KIB, sliceBytes: 16 * KIB });
  expect(again.entries).toBeGreaterThan(50);
  for (let index = 0; index < 1500; index += 1) if (again.has(`/${index}`)) await verify(again, `/${index}`);
  expect(again.stats.corrupt).toBe(0);
});

async function fill(tier: DiskTier, from: number, goesOn: (index: number) => boolean): Promise<void> {
  for (let index = from; goesOn(index) && index < from + 10_000; index += 1) {
    await put(tier, `/${index}`, bodyOf(`/${index}`, 5000 + ((index * 977) % 40_000)));
  }
}

async function verify(tier: DiskTier, key: string): Promise<void> {
  const length = 5000 + ((Number(key.slice(1)) * 977) % 40_000);
  expect((await get(tier, key))!.body).toBe(sum(bodyOf(key, length)));
}

/** A file system of 4 MiB; undefined where this process may not mount one. */
async function mountSmallDisk(): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), "small-disk-"));
  try {
    await run("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", folder]);
    return folder;
  } catch {
    await rm(folder, { recursive: true });
    return undefined;
  }
}

test("100 GiB in 1.6 million objects are found after a restart without one byte of their contents being read", async () => {
  const path = await freshFolder();
  const volumeBytes = 256 * KIB * KIB;
  await writeLargeFolder(path, { volumes: 400, perVolume: 4000, volumeBytes });
  const files = new FaultyFiles();
  files.fault = (operation) => {
    if (operation === "read") throw new Error("contents are read");
  };
  const tier = await openTier({ path, files, maxBytes: 408 * volumeBytes, volumeBytes });
  expect(tier.entries).toBe(1_600_000);
  expect(tier.indexBytes / tier.entries).toBeLessThan(44);
  expect(tier.has(generatedKey(1, 0)) && tier.has(generatedKey(400, 0))).toBe(true);
  expect(tier.has(generatedKey(401, 0))).toBe(false);
  files.fault = undefined;
  // What is in the holes is no record: it is found to be none, and dropped.
  expect(await tier.open(generatedKey(7, 0))).toBeUndefined();
  expect(tier.entries).toBe(1_599_999);
});

async function bytesIn(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder)) {
    if (/\.(?:volume|journal)$/.test(name)) bytes += (await stat(join(folder, name))).size;
  }
  return bytes;
}
