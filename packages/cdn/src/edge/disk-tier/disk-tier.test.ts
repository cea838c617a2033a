/** The disk tier: what it keeps, how it is read, and what its bounds are. */

import { readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { bodyOf, freshFolder, get, openTier, put, sum } from "./disk-tier.test-setup.ts";
import { createDiskTier, type DiskTier } from "./disk-tier.ts";
import { lentChunks } from "./lent-chunks.ts";

const KIB = 1024;

test("an object is read as it was written, whatever its size is to that of a slice", async () => {
  const tier = await openTier();
  for (const length of [0, 1, 1023, 1024, 1025, 2048, 10_000]) {
    const key = `/of/${length}`;
    expect(tier.has(key)).toBe(false);
    expect(await put(tier, key, bodyOf(key, length), `head of ${length}`)).toBe(true);
    expect(tier.has(key)).toBe(true);
    expect(await get(tier, key)).toMatchObject({ head: `head of ${length}`, body: sum(bodyOf(key, length)) });
    const entry = await tier.open(key);
    expect(entry).toMatchObject({ length });
    expect(sum((await entry!.bytes())!)).toBe(sum(bodyOf(key, length)));
  }
  expect(tier.entries).toBe(7);
  expect(tier.stats).toMatchObject({ stored: 7, hits: 14, misses: 0 });
});

test("a body arrives in chunks of any size, with or without its length", async () => {
  const tier = await openTier({ sliceBytes: 4 * KIB, maxBytes: 8 * KIB * KIB });
  const body = bodyOf("/chunks", 300_000);
  for (const length of [undefined, body.length]) {
    for (const size of [700, 4096, 5000, 300_000]) {
      const writer = tier.create("/chunks", Buffer.from("head"), length)!;
      for (let at = 0; at < body.length; at += size) expect(writer.append(body.subarray(at, at + size))).toBe(true);
      expect(await writer.commit()).toBe(true);
      expect((await get(tier, "/chunks"))!.body).toEqual(sum(body));
    }
  }
});

test("chunks are copied: their owner may use them again at once", async () => {
  const tier = await openTier();
  const writer = tier.create("/a", Buffer.from(""), undefined)!;
  const chunk = Buffer.alloc(2500, 1);
  writer.append(chunk);
  chunk.fill(2);
  writer.append(chunk);
  await writer.commit();
  expect((await get(tier, "/a"))!.body).toEqual(sum(Buffer.concat([Buffer.alloc(2500, 1), Buffer.alloc(2500, 2)])));
});

test("any part of an object can be read", async () => {
  const tier = await openTier();
  const body = bodyOf("/part", 5000);
  await put(tier, "/part", body);
  for (const [start, end] of [
    [0, 1],
    [1023, 1025],
    [1024, 2048],
    [4999, 5000],
    [100, 4900],
    [4000, 9999],
    [5000, 6000],
    [10, 10],
  ]) {
    expect((await get(tier, "/part", start, end))!.body).toEqual(sum(body.subarray(start, end)));
  }
  expect(tier.lentBytes).toBe(0);
});

test("a range is read without the slices that it does not touch", async () => {
  const tier = await openTier();
  await put(tier, "/part", bodyOf("/part", 100 * KIB));
  const before = tier.stats.bytesRead;
  await get(tier, "/part", 50 * KIB, 52 * KIB);
  // Two slices, and the record with 12 bytes for each of 100 slices.
  expect(tier.stats.bytesRead - before).toBeLessThan(2 * KIB + 100 * 12 + 200);
});

test("an object is found when it is committed and on disk, and the one before it until then", async () => {
  const tier = await openTier();
  await put(tier, "/a", bodyOf("first", 3000));
  const writer = tier.create("/a", Buffer.from("second"), undefined)!;
  writer.append(bodyOf("second", 4000));
  expect((await get(tier, "/a"))!.body).toEqual(sum(bodyOf("first", 3000)));
  await writer.commit();
  expect(await get(tier, "/a")).toMatchObject({ head: "second", body: sum(bodyOf("second", 4000)) });
  expect(tier.entries).toBe(1);
});

test("a body that is broken off, or not of the length announced, is never found", async () => {
  const tier = await openTier();
  const aborted = tier.create("/a", Buffer.from(""), undefined)!;
  aborted.append(bodyOf("/a", 3000));
  aborted.abort();
  expect(await aborted.commit()).toBe(false);
  const short = tier.create("/b", Buffer.from(""), 3000)!;
  short.append(bodyOf("/b", 2999));
  expect(await short.commit()).toBe(false);
  const long = tier.create("/c", Buffer.from(""), 3000)!;
  expect(long.append(bodyOf("/c", 3001))).toBe(false);
  expect(await long.commit()).toBe(false);
  await tier.flush();
  for (const key of ["/a", "/b", "/c"]) expect(tier.has(key)).toBe(false);
  expect(tier.waitingBytes).toBe(0);
});

test("what is deleted while it waits to be written never appears", async () => {
  const tier = await openTier();
  const writer = tier.create("/a", Buffer.from(""), undefined)!;
  writer.append(bodyOf("/a", 3000));
  const committed = writer.commit();
  expect(tier.delete("/a")).toBe(true);
  expect(await committed).toBe(false);
  await tier.flush();
  expect(tier.has("/a")).toBe(false);
  expect(tier.delete("/a")).toBe(false);
});

test("of two objects that are committed for a key the later one stays", async () => {
  const tier = await openTier();
  const commits = ["first", "second"].map((name) => {
    const writer = tier.create("/a", Buffer.from(name), undefined)!;
    writer.append(bodyOf(name, 3000));
    return writer.commit();
  });
  await Promise.all(commits);
  expect(await get(tier, "/a")).toMatchObject({ head: "second", body: sum(bodyOf("second", 3000)) });
});

test("after a restart everything is there but what was deleted", async () => {
  const path = await freshFolder();
  const tier = await createDiskTier({ path, maxBytes: KIB * KIB, sliceBytes: KIB });
  for (const key of ["/a", "/b", "/c"]) await put(tier, key, bodyOf(key, 5000), key);
  await put(tier, "/b", bodyOf("newer", 100), "newer");
  tier.delete("/c");
  await tier.close();
  const again = await openTier({ path });
  expect(again.entries).toBe(2);
  expect(again.bytes).toBe(await bytesIn(path));
  expect(await get(again, "/a")).toMatchObject({ head: "/a", body: sum(bodyOf("/a", 5000)) });
  expect(await get(again, "/b")).toMatchObject({ head: "newer", body: sum(bodyOf("newer", 100)) });
  expect(await get(again, "/c")).toBeUndefined();
  await put(again, "/d", bodyOf("/d", 5000));
  expect((await get(again, "/d"))!.body).toEqual(sum(bodyOf("/d", 5000)));
});

test("hits are counted since an object was written, and tell the caller when to keep it in memory", async () => {
  const tier = await openTier();
  await put(tier, "/a", bodyOf("/a", 10));
  expect((await get(tier, "/a"))!.hits).toBe(1);
  expect((await get(tier, "/a"))!.hits).toBe(2);
  tier.touch("/a");
  expect((await get(tier, "/a"))!.hits).toBe(4);
  await put(tier, "/a", bodyOf("/a", 10));
  expect((await get(tier, "/a"))!.hits).toBe(1);
});

test("never takes more bytes than it may, and keeps the newest", async () => {
  const path = await freshFolder();
  const maxBytes = 256 * KIB;
  const tier = await openTier({ path, maxBytes, volumeBytes: 16 * KIB });
  for (let index = 0; index < 500; index += 1) {
    await put(tier, `/${index}`, bodyOf(`/${index}`, (index * 733) % 7000));
    expect(tier.bytes).toBeLessThanOrEqual(maxBytes);
    expect(await bytesIn(path)).toBe(tier.bytes);
  }
  expect(tier.bytes).toBeGreaterThan(maxBytes - 3 * 16 * KIB);
  expect(tier.stats.evicted).toBe(500 - tier.entries);
  expect(tier.has("/0")).toBe(false);
  for (let index = 460; index < 500; index += 1) {
    expect((await get(tier, `/${index}`))!.body).toEqual(sum(bodyOf(`/${index}`, (index * 733) % 7000)));
  }
});

test("what is asked for stays when its volume leaves", async () => {
  const tier = await openTier({ maxBytes: 256 * KIB, volumeBytes: 16 * KIB });
  await put(tier, "/hot", bodyOf("/hot", 100), "hot");
  await put(tier, "/hot-and-large", bodyOf("/hot-and-large", 3000));
  await put(tier, "/cold", bodyOf("/cold", 100));
  for (let index = 0; index < 600; index += 1) {
    await put(tier, `/${index}`, bodyOf(`/${index}`, 2000));
    if (index % 50 > 0) continue;
    expect(await get(tier, "/hot")).toMatchObject({ head: "hot", body: sum(bodyOf("/hot", 100)) });
    expect((await get(tier, "/hot-and-large"))!.body).toEqual(sum(bodyOf("/hot-and-large", 3000)));
  }
  expect(tier.stats.reinserted).toBeGreaterThan(4);
  expect(tier.has("/cold")).toBe(false);
  expect(tier.stats.corrupt).toBe(0);
});

test("when everything is asked for, the bound holds all the same, and new objects get in", async () => {
  const tier = await openTier({ maxBytes: 128 * KIB, volumeBytes: 16 * KIB });
  for (let index = 0; index < 300; index += 1) {
    await put(tier, `/${index}`, bodyOf(`/${index}`, 1500));
    expect(tier.has(`/${index}`)).toBe(true);
    for (let back = 0; back < 60; back += 1) tier.touch(`/${index - back}`);
    expect(tier.bytes).toBeLessThanOrEqual(128 * KIB);
  }
});

test("an object may be larger than a volume, and leaves as a whole", async () => {
  const tier = await openTier({ maxBytes: 256 * KIB, volumeBytes: 16 * KIB });
  const body = bodyOf("/large", 60 * KIB);
  expect(await put(tier, "/large", body)).toBe(true);
  expect((await get(tier, "/large"))!.body).toEqual(sum(body));
  for (let index = 0; tier.has("/large"); index += 1) {
    expect(index).toBeLessThan(200);
    const found = await get(tier, "/large");
    if (found !== undefined) expect(found.body).toEqual(sum(body));
    await put(tier, `/${index}`, bodyOf(`/${index}`, 3000));
  }
  expect(tier.stats.corrupt).toBe(0);
});

test("too large an object is refused when its length is known, and given up when it is not", async () => {
  const tier = await openTier({ maxBytes: 256 * KIB, volumeBytes: 16 * KIB });
  expect(tier.create("/a", Buffer.from(""), 64 * KIB + 1)).toBeUndefined();
  expect(tier.create("/a", Buffer.alloc(16 * KIB), 1)).toBeUndefined();
  const writer = tier.create("/a", Buffer.from(""), undefined)!;
  let taken = 0;
  while (writer.append(Buffer.alloc(KIB))) taken += 1;
  expect(taken).toBe(64);
  expect(await writer.commit()).toBe(false);
  expect(tier.stats.refusedTooLarge).toBe(3);
  await tier.flush();
  expect(tier.waitingBytes).toBe(0);
});

test("holds at most so many objects", async () => {
  const tier = await openTier({ maxEntries: 50 });
  for (let index = 0; index < 200; index += 1) {
    await put(tier, `/${index}`, bodyOf(`/${index}`, 10));
    expect(tier.entries).toBeLessThanOrEqual(50);
    expect(tier.has(`/${index}`)).toBe(true);
  }
});

test("a reader goes on in a volume that left; the bytes count until it is done", async () => {
  const path = await freshFolder();
  const maxBytes = 512 * KIB;
  const tier = await openTier({ path, maxBytes, volumeBytes: 16 * KIB });
  const body = bodyOf("/slow", 10 * KIB);
  await put(tier, "/slow", body);
  const reader = (await (await tier.open("/slow"))!.read())![Symbol.asyncIterator]();
  const chunks = [(await reader.next()).value!];
  for (let index = 0; tier.has("/slow"); index += 1) {
    await put(tier, `/${index}`, bodyOf("x", 3000));
    if (tier.stats.reinserted > 0) tier.delete("/slow");
  }
  while (await bytesIn(path).then((bytes) => bytes === tier.bytes)) await put(tier, "/more", bodyOf("x", 3000));
  expect(tier.bytes - (await bytesIn(path))).toBeGreaterThan(body.length);
  for (let next = await reader.next(); !next.done; next = await reader.next()) chunks.push(next.value);
  expect(sum(Buffer.concat(chunks))).toEqual(sum(body));
  expect(tier.bytes).toBe(await bytesIn(path));
});

test("readers that never go on do not keep room for ever: they are broken off", async () => {
  const tier = await openTier({ maxBytes: 256 * KIB, volumeBytes: 16 * KIB });
  const readers: AsyncIterator<Uint8Array>[] = [];
  let brokenOff = 0;
  for (let index = 0; index < 300; index += 1) {
    const key = `/${index}`;
    await put(tier, key, bodyOf(key, 6000));
    const reader = (await (await tier.open(key))!.read())![Symbol.asyncIterator]();
    await reader.next();
    readers.push(reader);
    expect(tier.bytes).toBeLessThanOrEqual(256 * KIB);
  }
  for (const [index, reader] of readers.entries()) {
    try {
      const body = bodyOf(`/${index}`, 6000);
      for (let at = KIB; at < body.length; at += KIB) {
        expect(sum(Buffer.from((await reader.next()).value!))).toEqual(sum(body.subarray(at, at + KIB)));
      }
    } catch (error) {
      expect(error).toMatchObject({ code: "DISK_CORRUPT" });
      brokenOff += 1;
    }
    await reader.return?.();
  }
  expect(brokenOff).toBeGreaterThan(200);
  expect(brokenOff).toBeLessThan(300);
  expect(tier.lentBytes).toBe(0);
  expect(tier.stats.corrupt).toBe(0);
});

test.each([
  ["of many slices", KIB],
  ["of one slice", 128 * KIB],
])(
  "a head is replaced without its body %s being written again, over and over, and it is there after a restart",
  async (_, sliceBytes) => {
    const path = await freshFolder();
    const options = { path, maxBytes: 32 * KIB * KIB, sliceBytes };
    const tier = await createDiskTier(options);
    await put(tier, "/large", bodyOf("/large", 100_000));
    await put(tier, "/small", bodyOf("/small", 200));
    await get(tier, "/large");
    const before = tier.stats.bytesWritten;
    for (let turn = 1; turn <= 10; turn += 1) {
      expect(await tier.replaceHead("/large", Buffer.from(`revalidated ${turn}`))).toBe(true);
    }
    expect(tier.stats.bytesWritten - before).toBeLessThan(20_000);
    expect(await tier.replaceHead("/small", Buffer.from("revalidated"))).toBe(true);
    expect(await tier.replaceHead("/none", Buffer.from("revalidated"))).toBe(false);
    const check = async (each: DiskTier): Promise<void> => {
      expect(await get(each, "/large")).toMatchObject({ head: "revalidated 10", body: sum(bodyOf("/large", 100_000)) });
      const part = await get(each, "/large", 50_000, 50_010);
      expect(part!.body).toBe(sum(bodyOf("/large", 100_000).subarray(50_000, 50_010)));
      expect(sum((await (await each.open("/large"))!.bytes())!)).toBe(sum(bodyOf("/large", 100_000)));
      expect(await get(each, "/small")).toMatchObject({ head: "revalidated", body: sum(bodyOf("/small", 200)) });
    };
    await check(tier);
    expect((await get(tier, "/large"))!.hits).toBe(5);
    await tier.close();
    await check(await openTier(options));
  },
);

test("a head is not replaced where the object is deleted or replaced meanwhile", async () => {
  const tier = await openTier();
  for (const length of [200, 900, 20_000]) {
    await put(tier, "/a", bodyOf("/a", length));
    const replaced = tier.replaceHead("/a", Buffer.from("late"));
    await put(tier, "/a", bodyOf("/newer", length), "newer");
    await replaced;
    expect(await get(tier, "/a")).toMatchObject({ head: "newer", body: sum(bodyOf("/newer", length)) });
    const deleted = tier.replaceHead("/a", Buffer.from("late"));
    tier.delete("/a");
    await deleted;
    await tier.flush();
    expect(tier.has("/a")).toBe(false);
  }
});

test("an object of replaced heads leaves with the volume that has its body", async () => {
  const tier = await openTier({ maxBytes: 256 * KIB, volumeBytes: 16 * KIB });
  await put(tier, "/a", bodyOf("/a", 5000));
  let replaced = 0;
  for (let index = 0; tier.has("/a"); index += 1) {
    await put(tier, `/${index}`, bodyOf("x", 3000));
    if (await tier.replaceHead("/a", Buffer.from(`head ${index}`))) replaced += 1;
    const found = await tier.open("/a");
    if (found !== undefined) expect(sum((await found.bytes())!)).toBe(sum(bodyOf("/a", 5000)));
    if (tier.stats.reinserted > 2) break;
  }
  expect(replaced).toBeGreaterThan(50);
  expect(tier.stats.corrupt).toBe(0);
});

test("lent chunks come back to be used again; chunks that were not lent do not", async () => {
  const tier = await openTier({ readBytes: 20 * KIB });
  const body = bodyOf("/a", 100 * KIB);
  await put(tier, "/a", body);
  const lent = (await (await tier.open("/a"))!.read())![lentChunks]();
  const buffers = new Set<ArrayBufferLike>();
  let at = 0;
  for (let next = await lent.next(); !next.done; next = await lent.next()) {
    expect(sum(Buffer.from(next.value))).toEqual(sum(body.subarray(at, at + next.value.byteLength)));
    at += next.value.byteLength;
    buffers.add(next.value.buffer);
    lent.release(next.value);
  }
  expect(at).toBe(body.length);
  expect(buffers.size).toBeLessThan(5);
  const kept: Uint8Array[] = [];
  for await (const chunk of (await (await tier.open("/a"))!.read())!) kept.push(chunk);
  expect(sum(Buffer.concat(kept))).toEqual(sum(body));
  expect(tier.lentBytes).toBe(0);
});

test("a chunk that is lent is not touched until it is given back", async () => {
  const tier = await openTier();
  await put(tier, "/a", bodyOf("/a", 5 * KIB));
  await put(tier, "/b", bodyOf("/b", 5 * KIB));
  const lent = (await (await tier.open("/a"))!.read())![lentChunks]();
  const first = (await lent.next()).value!;
  const second = (await lent.next()).value!;
  for (let turn = 0; turn < 3; turn += 1) await get(tier, "/b");
  expect(sum(Buffer.from(first))).toEqual(sum(bodyOf("/a", 5 * KIB).subarray(0, KIB)));
  lent.release(first);
  lent.release(first);
  for (let turn = 0; turn < 3; turn += 1) await get(tier, "/b");
  expect(sum(Buffer.from(second))).toEqual(sum(bodyOf("/a", 5 * KIB).subarray(KIB, 2 * KIB)));
  await lent.return();
  expect(tier.lentBytes).toBe(0);
});

test("a reader that leaves in the middle gives everything back", async () => {
  const tier = await openTier();
  await put(tier, "/a", bodyOf("/a", 50 * KIB));
  const reader = (await (await tier.open("/a"))!.read())![Symbol.asyncIterator]();
  await reader.next();
  const pending = reader.next();
  await reader.return?.();
  await pending;
  expect((await reader.next()).done).toBe(true);
  const unread = await (await tier.open("/a"))!.read();
  await unread![Symbol.asyncIterator]().return?.();
  (await tier.open("/a"))!.close();
  await get(tier, "/a");
  expect(tier.lentBytes).toBe(0);
});

test("readers beyond the bound of the buffers wait for those before them", async () => {
  const tier = await openTier({ readBytes: 11 * KIB });
  await put(tier, "/a", bodyOf("/a", 3 * KIB));
  const held = [];
  for (let reader = 0; reader < 2; reader += 1) {
    const lent = (await (await tier.open("/a"))!.read())![lentChunks]();
    held.push({ lent, chunk: (await lent.next()).value! });
  }
  const waiting = tier.open("/a").then((entry) => entry!.read());
  expect(await Promise.race([waiting, get(tier, "/none").then(() => "waits")])).toBe("waits");
  expect(tier.lentBytes).toBeLessThanOrEqual(11 * KIB);
  for (const { lent } of held) await lent.return();
  const body: Uint8Array[] = [];
  for await (const chunk of (await waiting)!) body.push(chunk);
  expect(sum(Buffer.concat(body))).toEqual(sum(bodyOf("/a", 3 * KIB)));
});

test("files of others in the folder are left alone", async () => {
  const path = await freshFolder();
  await writeFile(join(path, "notes.volume"), "mine");
  await writeFile(join(path, "format.json"), "not ours");
  await put(await openTier({ path }), "/a", bodyOf("/a", 10));
  expect(await readdir(path)).toContain("notes.volume");
});

test("a folder of another format starts empty", async () => {
  const path = await freshFolder();
  const tier = await createDiskTier({ path, maxBytes: KIB * KIB });
  await put(tier, "/a", bodyOf("/a", 10));
  await tier.close();
  await writeFile(join(path, "format.json"), JSON.stringify({ format: 999, byteOrder: "LE", secret: "x" }));
  const again = await openTier({ path });
  expect(again.entries).toBe(0);
  expect(again.bytes).toBe(0);
  expect(await bytesIn(path)).toBe(0);
});

test("a tier that is opened with fewer bytes gives up the oldest objects", async () => {
  const path = await freshFolder();
  const tier = await createDiskTier({ path, maxBytes: KIB * KIB, volumeBytes: 16 * KIB, sliceBytes: KIB });
  for (let index = 0; index < 200; index += 1) await put(tier, `/${index}`, bodyOf("x", 3000));
  await tier.close();
  const smaller = await openTier({ path, maxBytes: 128 * KIB, volumeBytes: 16 * KIB });
  expect(smaller.bytes).toBeLessThanOrEqual(128 * KIB);
  expect(smaller.has("/199")).toBe(true);
  for (let index = 0; index < 50; index += 1) {
    await put(smaller, `/again/${index}`, bodyOf("x", 3000));
    expect(await bytesIn(path)).toBeLessThanOrEqual(128 * KIB);
  }
});

test("objects written in larger slices than now are read all the same", async () => {
  const path = await freshFolder();
  const tier = await createDiskTier({ path, maxBytes: KIB * KIB, sliceBytes: 16 * KIB, volumeBytes: 64 * KIB });
  await put(tier, "/a", bodyOf("/a", 50_000));
  await put(tier, "/b", bodyOf("/b", 15_000));
  await tier.close();
  const again = await openTier({ path, sliceBytes: 512, volumeBytes: 64 * KIB });
  expect((await get(again, "/a", 100, 49_000))!.body).toEqual(sum(bodyOf("/a", 50_000).subarray(100, 49_000)));
  expect((await get(again, "/b"))!.body).toEqual(sum(bodyOf("/b", 15_000)));
  expect(again.lentBytes).toBe(0);
});

test("options that make no sense are refused", async () => {
  const path = await freshFolder();
  const refusal = expect.objectContaining({ code: "INVALID_OPTION" });
  for (const options of [
    { maxBytes: 0 },
    { maxBytes: 1.5 },
    { maxBytes: 2 ** 43 },
    { maxBytes: KIB * KIB, volumeBytes: 256 * KIB },
    { maxBytes: KIB * KIB, volumeBytes: 512 },
    { maxBytes: KIB * KIB, volumeBytes: 64 * KIB, sliceBytes: 32 * KIB },
    { maxBytes: KIB * KIB, maxEntries: 0 },
  ]) {
    await expect(createDiskTier({ path, ...options })).rejects.toEqual(refusal);
  }
});

test("a closed tier takes and finds nothing, and gives its folder back", async () => {
  const path = await freshFolder();
  const tier = await openTier({ path });
  const writer = tier.create("/a", Buffer.from(""), undefined)!;
  writer.append(bodyOf("/a", 2000));
  const committed = writer.commit();
  await Promise.all([tier.close(), tier.close()]);
  expect(await committed).toBe(true);
  expect(tier.create("/b", Buffer.from(""), 1)).toBeUndefined();
  expect(await tier.open("/a")).toBeUndefined();
  expect(tier.delete("/a")).toBe(false);
  expect(tier.stats.corrupt).toBe(0);
  const again = await openTier({ path });
  expect((await get(again, "/a"))!.body).toEqual(sum(bodyOf("/a", 2000)));
});

async function bytesIn(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder)) {
    if (/\.(?:volume|journal)$/.test(name) && name !== "notes.volume") bytes += (await stat(join(folder, name))).size;
  }
  return bytes;
}
