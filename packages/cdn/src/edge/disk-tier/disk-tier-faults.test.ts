/** Disks that are full, slow, broken or taken. */

import { execFile } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, open as openFile, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { bodyOf, FaultyFiles, freshFolder, get, openTier, put, sum, systemError } from "./disk-tier.test-setup.ts";
import { createDiskTier, type DiskTier } from "./disk-tier.ts";

const KIB = 1024;

test("when the disk is full it serves what it has, writes nothing for a while, and then again", async () => {
  const files = new FaultyFiles();
  let now = 0;
  const tier = await openTier({ files, clock: () => now });
  await put(tier, "/before", bodyOf("/before", 3000));
  files.fault = (operation) => {
    if (operation === "write") throw systemError("ENOSPC");
  };
  expect(await put(tier, "/a", bodyOf("/a", 3000))).toBe(false);
  expect(tier.failed).toBe("ENOSPC");
  expect(tier.create("/b", Buffer.from(""), 10)).toBeUndefined();
  expect(tier.stats).toMatchObject({ writeErrors: 1, refusedFailed: 1, abandoned: 1 });
  expect((await get(tier, "/before"))!.body).toEqual(sum(bodyOf("/before", 3000)));
  expect(tier.has("/a")).toBe(false);
  expect(tier.waitingBytes).toBe(0);

  files.fault = undefined;
  now = 29_999;
  expect(tier.create("/b", Buffer.from(""), 10)).toBeUndefined();
  now = 30_000;
  expect(await put(tier, "/b", bodyOf("/b", 3000))).toBe(true);
  expect(tier.failed).toBeUndefined();
  expect((await get(tier, "/b"))!.body).toEqual(sum(bodyOf("/b", 3000)));
});

test("an object of which a slice was lost is never found, though its end could be written", async () => {
  const files = new FaultyFiles();
  let now = 0;
  const tier = await openTier({ files, clock: () => now });
  const writer = tier.create("/a", Buffer.from(""), undefined)!;
  const other = tier.create("/b", Buffer.from(""), undefined)!;
  other.append(bodyOf("/b", 500));
  files.fault = () => {
    throw systemError("EIO");
  };
  writer.append(bodyOf("/a", 3000));
  await tier.flush();
  files.fault = undefined;
  now = 30_000;
  expect(writer.append(Buffer.alloc(1))).toBe(false);
  expect(await writer.commit()).toBe(false);
  expect(await other.commit()).toBe(true);
  expect(tier.has("/a")).toBe(false);
  expect((await get(tier, "/b"))!.body).toEqual(sum(bodyOf("/b", 500)));
});

test("a disk that has room for less than it may use: it keeps to the room there is", async () => {
  const files = new FaultyFiles();
  const path = await freshFolder();
  const room = 100 * KIB;
  let now = 0;
  files.fault = async (operation) => {
    if (operation === "write" && (await bytesIn(path)) > room) throw systemError("ENOSPC");
  };
  const tier = await openTier({ path, files, clock: () => now, maxBytes: 1024 * KIB, volumeBytes: 16 * KIB });
  let stored = 0;
  for (let index = 0; index < 400; index += 1) {
    if (await put(tier, `/${index}`, bodyOf(`/${index}`, 1500))) stored += 1;
    if (tier.failed !== undefined) now += 30_000;
  }
  // One failure taught it; the newest objects are there.
  expect(tier.stats.writeErrors).toBe(1);
  expect(stored).toBe(399);
  expect((await get(tier, "/399"))!.body).toEqual(sum(bodyOf("/399", 1500)));
  // After ten minutes it tries whether there is more.
  now += 600_000;
  files.fault = undefined;
  for (let index = 400; index < 600; index += 1) await put(tier, `/${index}`, bodyOf(`/${index}`, 1500));
  expect(tier.bytes).toBeGreaterThan(2 * room);
});

test("what was deleted while nothing could be written is not there after a restart", async () => {
  const files = new FaultyFiles();
  const path = await freshFolder();
  let now = 0;
  const tier = await createDiskTier({ path, files, clock: () => now, maxBytes: KIB * KIB });
  await put(tier, "/a", bodyOf("/a", 3000));
  await put(tier, "/b", bodyOf("/b", 3000));
  files.fault = () => {
    throw systemError("EIO");
  };
  expect(tier.delete("/a")).toBe(true);
  await tier.flush();
  expect(tier.failed).toBe("EIO");
  expect(tier.delete("/b")).toBe(true);
  files.fault = undefined;
  now = 30_000;
  await put(tier, "/c", bodyOf("/c", 10));
  await tier.close();
  const again = await openTier({ path });
  expect([again.has("/a"), again.has("/b"), again.has("/c")]).toEqual([false, false, true]);
});

test("while the disk is slower than the fills, new objects are refused and memory stays bounded", async () => {
  const { files, open } = slowWrites();
  const backlogBytes = 100 * KIB;
  const tier = await openTier({ files, backlogBytes });
  const commits: Promise<boolean>[] = [];
  for (let index = 0; index < 200; index += 1) {
    const writer = tier.create(`/${index}`, Buffer.from(""), undefined);
    writer?.append(bodyOf(`/${index}`, 3000));
    if (writer !== undefined) commits.push(writer.commit());
    expect(tier.waitingBytes).toBeLessThanOrEqual(backlogBytes);
  }
  const taken = commits.length;
  expect(tier.stats.refusedBusy).toBe(200 - taken);
  open();
  expect(await Promise.all(commits)).toEqual(Array(taken).fill(true));
  expect(tier.waitingBytes).toBe(0);
  expect(await put(tier, "/after", bodyOf("/after", 3000))).toBe(true);
});

test("what is deleted in the middle of being written is not there, and not after a restart either", async () => {
  const path = await freshFolder();
  const { files, began, open } = slowWrites();
  const tier = await createDiskTier({ path, files, maxBytes: KIB * KIB });
  const stored = put(tier, "/a", bodyOf("/a", 3000));
  await began;
  expect(tier.delete("/a")).toBe(true);
  open();
  expect(await stored).toBe(false);
  await tier.flush();
  expect(tier.has("/a")).toBe(false);
  await tier.close();
  expect((await openTier({ path })).has("/a")).toBe(false);
});

test("a damaged object that is dropped does not take along the newer one that is being written", async () => {
  const path = await freshFolder();
  const { files, began, open } = slowWrites();
  const before = await createDiskTier({ path, maxBytes: KIB * KIB });
  await put(before, "/a", bodyOf("/a", 3000));
  await before.close();
  await flip(path, bodyOf("/a", 3000).subarray(0, 10));
  const tier = await createDiskTier({ path, files, maxBytes: KIB * KIB });
  const stored = put(tier, "/a", bodyOf("newer", 2000));
  await began;
  expect(await tier.open("/a")).toBeUndefined();
  open();
  expect(await stored).toBe(true);
  expect((await get(tier, "/a"))!.body).toEqual(sum(bodyOf("newer", 2000)));
  await tier.close();
  expect((await get(await openTier({ path }), "/a"))!.body).toEqual(sum(bodyOf("newer", 2000)));
});

test("an object whose beginning left before its end came is given up", async () => {
  const tier = await openTier({ maxBytes: 256 * KIB, volumeBytes: 16 * KIB });
  const writer = tier.create("/slow", Buffer.from(""), undefined)!;
  writer.append(bodyOf("/slow", 5000));
  for (let index = 0; tier.stats.evicted === 0; index += 1) await put(tier, `/${index}`, bodyOf("x", 3000));
  expect(await writer.commit()).toBe(false);
  expect(tier.has("/slow")).toBe(false);
  expect(tier.stats.abandoned).toBe(1);
});

test("what was lost with the end of a volume does not come back when something else is written", async () => {
  const path = await freshFolder();
  const tier = await createDiskTier({ path, maxBytes: KIB * KIB, sliceBytes: KIB });
  await put(tier, "/a", bodyOf("/a", 500));
  await put(tier, "/b", bodyOf("/b", 500));
  await tier.close();
  const name = join(path, (await readdir(path)).find((each) => each.endsWith("volume"))!);
  await truncate(name, (await stat(name)).size - 10);
  const torn = await createDiskTier({ path, maxBytes: KIB * KIB, sliceBytes: KIB });
  expect([torn.has("/a"), torn.has("/b")]).toEqual([true, false]);
  await put(torn, "/c", bodyOf("/c", 500));
  await torn.close();
  const again = await openTier({ path });
  expect([again.has("/a"), again.has("/b"), again.has("/c")]).toEqual([true, false, true]);
});

test("one object that outruns the disk is given up", async () => {
  const { files, open } = slowWrites();
  const tier = await openTier({ files, backlogBytes: 100 * KIB });
  const writer = tier.create("/a", Buffer.from(""), undefined)!;
  let taken = 0;
  while (writer.append(Buffer.alloc(KIB))) taken += 1;
  expect(taken).toBeLessThan(100);
  expect(await writer.commit()).toBe(false);
  open();
  await tier.flush();
  expect(tier.stats.abandoned).toBe(1);
  expect(tier.has("/a")).toBe(false);
  expect(tier.waitingBytes).toBe(0);
});

test("a byte that changed on disk makes the object a miss, and it is dropped", async () => {
  const path = await freshFolder();
  for (const length of [10, 1000, 5000]) {
    const tier = await openTier({ path: join(path, String(length)) });
    await put(tier, "/other", bodyOf("/other", length));
    await put(tier, "/a", bodyOf("/a", length));
    await flip(join(path, String(length)), bodyOf("/a", length).subarray(0, 10));
    expect(tier.has("/a")).toBe(true);
    expect(await get(tier, "/a")).toBeUndefined();
    expect(tier.has("/a")).toBe(false);
    expect(tier.stats.corrupt).toBe(1);
    expect((await get(tier, "/other"))!.body).toEqual(sum(bodyOf("/other", length)));
    expect(tier.lentBytes).toBe(0);
  }
});

test("a byte that changed in the middle breaks off the reading before it, and whoever asks then gets a miss", async () => {
  const path = await freshFolder();
  const tier = await openTier({ path });
  const body = bodyOf("/a", 5000);
  await put(tier, "/a", body);
  await flip(path, body.subarray(3000, 3010));
  const taken: Uint8Array[] = [];
  const reading = (async () => {
    for await (const chunk of (await (await tier.open("/a"))!.read())!) taken.push(chunk);
  })();
  await expect(reading).rejects.toMatchObject({ code: "DISK_CORRUPT" });
  expect(sum(Buffer.concat(taken))).toEqual(sum(body.subarray(0, 2048)));
  expect(await tier.open("/a")).toBeUndefined();
  expect(tier.lentBytes).toBe(0);
  // It stays away after a restart, too.
  await tier.close();
  expect((await openTier({ path })).has("/a")).toBe(false);
});

test("a part that does not touch the changed byte is served", async () => {
  const path = await freshFolder();
  const tier = await openTier({ path });
  const body = bodyOf("/a", 5000);
  await put(tier, "/a", body);
  await flip(path, body.subarray(3000, 3010));
  expect((await get(tier, "/a", 0, 2048))!.body).toEqual(sum(body.subarray(0, 2048)));
  expect(await (await tier.open("/a"))!.bytes()).toBeUndefined();
});

test("a read that fails is a miss, and the object is dropped", async () => {
  const files = new FaultyFiles();
  const tier = await openTier({ files });
  await put(tier, "/a", bodyOf("/a", 3000));
  files.fault = (operation) => {
    if (operation === "read") throw systemError("EIO");
  };
  expect(await tier.open("/a")).toBeUndefined();
  files.fault = undefined;
  expect(tier.has("/a")).toBe(false);
  expect(tier.stats).toMatchObject({ readErrors: 1, misses: 1, corrupt: 0 });
});

test("a volume that vanishes while the tier is closed takes its own objects with it, and no others", async () => {
  const options = { maxBytes: 1024 * KIB, volumeBytes: 16 * KIB, sliceBytes: KIB };
  for (const kind of ["volume", "journal"]) {
    const path = await freshFolder();
    const tier = await createDiskTier({ path, ...options });
    for (let index = 0; index < 30; index += 1) await put(tier, `/${index}`, bodyOf(`/${index}`, 3000));
    await tier.close();
    const names = (await readdir(path)).filter((name) => name.endsWith(kind)).toSorted();
    await rm(join(path, names[Math.floor(names.length / 2)]!));
    const again = await createDiskTier({ path, ...options });
    let found = 0;
    for (let index = 0; index < 30; index += 1) {
      // Those whose slices are in two volumes are found by the journal, and not whole.
      const object = await get(again, `/${index}`).catch(() => undefined);
      if (object === undefined) continue;
      expect(object.body).toEqual(sum(bodyOf(`/${index}`, 3000)));
      found += 1;
    }
    expect(found).toBeGreaterThan(20);
    expect(found).toBeLessThan(30);
    await again.close();
  }
});

test("a folder that vanishes under the tier costs what is in it; it goes on in a new one", async () => {
  const path = await freshFolder();
  let now = 0;
  const tier = await openTier({ path, clock: () => now, maxBytes: 256 * KIB, volumeBytes: 16 * KIB });
  await put(tier, "/a", bodyOf("/a", 3000));
  await rm(path, { recursive: true });
  // Open files go on; the next volume cannot be made.
  for (let index = 0; tier.failed === undefined; index += 1) {
    expect(index).toBeLessThan(50);
    await put(tier, `/${index}`, bodyOf("x", 3000));
  }
  expect(tier.failed).toBe("ENOENT");
  await mkdir(path);
  now = 30_000;
  expect(await put(tier, "/b", bodyOf("/b", 3000))).toBe(true);
  expect((await get(tier, "/a"))!.body).toEqual(sum(bodyOf("/a", 3000)));
});

test("a journal that is cut short or damaged costs the objects in the damaged part", async () => {
  const path = await freshFolder();
  const tier = await createDiskTier({ path, maxBytes: KIB * KIB, sliceBytes: KIB });
  for (let index = 0; index < 10; index += 1) await put(tier, `/${index}`, bodyOf(`/${index}`, 3000));
  await tier.close();
  const name = join(path, (await readdir(path)).find((each) => each.endsWith("journal"))!);
  const journal = await readFile(name);
  journal[3 * 24 + 9]! ^= 0x10;
  await writeFile(name, journal.subarray(0, journal.length - 5));
  const again = await openTier({ path });
  expect(again.entries).toBe(8);
  for (const index of [0, 1, 2, 4, 5, 6, 7, 8]) {
    expect((await get(again, `/${index}`))!.body).toEqual(sum(bodyOf(`/${index}`, 3000)));
  }
  expect(await put(again, "/9", bodyOf("/9", 3000))).toBe(true);
});

test("two tiers cannot have one folder", async () => {
  const path = await freshFolder();
  const first = await createDiskTier({ path, maxBytes: KIB * KIB });
  const refusal = { code: "DISK_IN_USE", message: expect.stringContaining(String(process.pid)) };
  await expect(createDiskTier({ path, maxBytes: KIB * KIB })).rejects.toMatchObject(refusal);
  await put(first, "/a", bodyOf("/a", 10));
  await first.close();
  expect((await openTier({ path })).has("/a")).toBe(true);
});

test("a lock that a dead process left, or that is torn, or whose number is another process's by now, is taken over", async () => {
  const path = await freshFolder();
  const child = execFile(process.execPath, ["--version"]);
  await once(child, "exit");
  const locks = [String(child.pid), "", "not a number"];
  // Only Linux says when a process started.
  if (process.platform === "linux") locks.push(`${process.pid} 1 another-boot pid:[1]`);
  for (const lock of locks) {
    await writeFile(join(path, "lock"), lock);
    const tier = await createDiskTier({ path, maxBytes: KIB * KIB });
    await tier.close();
    expect(await readdir(path)).not.toContain("lock");
  }
});

test.skipIf(process.platform !== "linux")(
  "a lock of a process that has ended is taken over, though its parent has not noticed yet",
  async () => {
    const path = await freshFolder();
    // What sh starts is sleep's child from then on, which never asks for its exit code.
    const parent = execFile("sh", ["-c", "sleep 0.1 & echo $!; exec sleep 60"]);
    onTestFinished(() => void parent.kill());
    const [pid] = await once(parent.stdout!, "data");
    await expect.poll(() => readFile(`/proc/${String(pid).trim()}/stat`, "utf8")).toContain(") Z ");
    await writeFile(join(path, "lock"), String(pid).trim());
    const tier = await createDiskTier({ path, maxBytes: KIB * KIB });
    await tier.close();
  },
);

test("a path that cannot be a folder is an error that says so", async () => {
  const path = join(await freshFolder(), "file");
  await writeFile(path, "");
  const failure = createDiskTier({ path, maxBytes: KIB * KIB });
  await expect(failure).rejects.toMatchObject({
    code: "DISK_FAILED",
    message: `${path} cannot be used as a disk tier: EEXIST`,
  });
});

test.skipIf(process.platform !== "linux")("a path below a folder that takes none is one, too", async () => {
  const failure = createDiskTier({ path: "/proc/nothing/such", maxBytes: KIB * KIB });
  await expect(failure).rejects.toThrow("/proc/nothing/such cannot be used as a disk tier: ENOENT");
});

test.skipIf(process.getuid?.() === 0)(
  "a folder that may not be written is an error that says so (not as root)",
  async () => {
    const path = await freshFolder();
    await chmod(path, 0o500);
    await expect(createDiskTier({ path, maxBytes: KIB * KIB })).rejects.toMatchObject({ code: "DISK_FAILED" });
  },
);

test("a disk that has no room for a lock makes some by giving up the oldest objects", async () => {
  const path = await freshFolder();
  const options = { path, maxBytes: 256 * KIB, volumeBytes: 16 * KIB, sliceBytes: KIB };
  const tier = await createDiskTier(options);
  for (let index = 0; index < 20; index += 1) await put(tier, `/${index}`, bodyOf("x", 3000));
  await tier.close();
  const files = new FaultyFiles();
  const before = await bytesIn(path);
  files.writeAll = async (name, text, how) => {
    if ((await bytesIn(path)) >= before) throw systemError("ENOSPC");
    await new FaultyFiles().writeAll(name, text, how);
  };
  const again = await openTier({ ...options, files });
  expect([again.has("/0"), again.has("/19")]).toEqual([false, true]);
});

test("a writer that outlives its tier writes nothing", async () => {
  const path = await freshFolder();
  const tier = await openTier({ path });
  const writer = tier.create("/a", Buffer.from(""), undefined)!;
  writer.append(bodyOf("/a", 3000));
  await tier.close();
  const before = await readdir(path);
  writer.append(bodyOf("/a", 3000));
  expect(await writer.commit()).toBe(false);
  expect(await readdir(path)).toEqual(before);
  expect((await openTier({ path })).has("/a")).toBe(false);
});

test("a tier that cannot be opened leaves no lock", async () => {
  const path = await freshFolder();
  const files = new FaultyFiles();
  files.list = () => Promise.reject(systemError("EIO"));
  await expect(createDiskTier({ path, files, maxBytes: KIB * KIB })).rejects.toMatchObject({ code: "DISK_FAILED" });
  expect(await readdir(path)).not.toContain("lock");
  const opened: DiskTier = await openTier({ path });
  expect(await put(opened, "/a", bodyOf("/a", 10))).toBe(true);
});

/** A disk whose writes begin, and go on when they are let. */
function slowWrites(): { files: FaultyFiles; began: Promise<void>; open: () => void } {
  const files = new FaultyFiles();
  let open = (): void => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const began = new Promise<void>((resolve) => {
    files.fault = (operation) => {
      if (operation !== "write") return;
      resolve();
      return gate;
    };
  });
  return { files, began, open };
}

/** Changes a byte of the volume, where such bytes lie. */
async function flip(path: string, where: Uint8Array): Promise<void> {
  const name = join(path, (await readdir(path)).find((each) => each.endsWith("volume"))!);
  const at = (await readFile(name)).indexOf(where);
  expect(at).toBeGreaterThan(-1);
  const file = await openFile(name, "r+");
  await file.write(Buffer.from([where[5]! ^ 0xff]), 0, 1, at + 5);
  await file.close();
}

async function bytesIn(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder)) bytes += (await stat(join(folder, name))).size;
  return bytes;
}
