/** Hits on disk that are sent while they are read. */

import { open } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { bytesResponse } from "../handler/bytes-response.ts";
import { bodyOf, FaultyFiles, freshFolder, sum } from "./disk-tier/disk-tier.test-setup.ts";
import { createDiskTier, type DiskTier } from "./disk-tier/disk-tier.ts";
import { gate, serveEdge } from "./edge.test-setup.ts";
import type { Edge } from "./edge.ts";

const KIB = 1024;
const SLICE = 16 * KIB;
const SLICES = 20;
const BODY = bodyOf("/a", SLICES * SLICE);

/** An edge behind a server that has `/a` on disk and not in memory. */
async function onDisk(options: { maxBytes?: number; readBytes?: number } = {}): Promise<{
  edge: Edge;
  disk: DiskTier;
  files: FaultyFiles;
  folder: string;
  asked: string[];
  ask(init?: RequestInit): Promise<Response>;
  forget(): void;
}> {
  const folder = await freshFolder();
  const files = new FaultyFiles();
  const { maxBytes = KIB * KIB, readBytes = KIB * KIB } = options;
  const disk = await createDiskTier({ path: folder, maxBytes: 32 * KIB * KIB, sliceBytes: SLICE, files, readBytes });
  onTestFinished(() => disk.close());
  const asked: string[] = [];
  const { edge, url } = await serveEdge({
    upstreams: [
      (request) => {
        asked.push(request.method);
        return bytesResponse(BODY, { headers: { "cache-control": "max-age=3600", etag: '"1"' } });
      },
    ],
    cache: { maxBytes: KIB * KIB },
    disk,
  });
  const ask = (init?: RequestInit) => fetch(`${url}/a`, init);
  const forget = (): void => {
    edge.resize(1);
    edge.resize(maxBytes);
  };
  await (await ask()).bytes();
  await disk.flush();
  forget();
  return { edge, disk, files, folder, asked, ask, forget };
}

const outcomeOf = (response: Response) => /; (hit|fwd=[\w-]+)/.exec(response.headers.get("cache-status") ?? "")?.[1];

test("the first slices are sent before the last can be read, and no more than two are read ahead of the client", async () => {
  const { files, ask, disk } = await onDisk();
  const [released, release] = gate();
  let reads = 0;
  files.fault = async (operation) => {
    if (operation !== "read") return;
    reads += 1;
    // The record comes first.
    if (reads > 4) await released;
  };
  const response = await ask();
  expect([response.status, outcomeOf(response)]).toEqual([200, "hit"]);
  const reader = response.body!.getReader();
  const chunks: Uint8Array[] = [];
  let received = 0;
  while (received < 3 * SLICE) {
    const { value } = await reader.read();
    chunks.push(value!);
    received += value!.byteLength;
  }
  expect(received).toBe(3 * SLICE);
  expect(reads).toBe(5);
  expect(disk.lentBytes).toBeLessThanOrEqual(2 * (SLICE + 4 * KIB));
  release();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    chunks.push(value);
  }
  expect(sum(Buffer.concat(chunks))).toBe(sum(BODY));
  expect(disk.lentBytes).toBe(0);
});

test("what is hit again goes into memory, assembled from what is sent; those who come meanwhile read along", async () => {
  const { files, ask, disk, edge, asked } = await onDisk();
  await (await ask()).bytes();
  expect(edge.stats.entries).toBe(0);
  const before = disk.stats.bytesRead;
  const [released, release] = gate();
  let reads = 0;
  files.fault = async (operation) => {
    reads += 1;
    if (operation === "read" && reads > 3) await released;
  };
  const first = await ask();
  const others = await Promise.all(Array.from({ length: 20 }, () => ask()));
  release();
  for (const response of [first, ...others]) {
    expect(outcomeOf(response)).toBe("hit");
    expect(sum(await response.bytes())).toBe(sum(BODY));
  }
  expect(disk.stats.bytesRead - before).toBeLessThan(2 * BODY.length);
  expect(edge.stats.entries).toBe(1);
  const hits = disk.stats.hits;
  expect(sum(await (await ask()).bytes())).toBe(sum(BODY));
  expect(disk.stats.hits).toBe(hits);
  expect(asked).toHaveLength(1);
});

test("a range that is hit again takes the object into memory, too", async () => {
  const { ask, disk, edge } = await onDisk();
  const range = async () => {
    const response = await ask({ headers: { range: `bytes=${SLICE}-${SLICE + 99}` } });
    expect([response.status, sum(await response.bytes())]).toEqual([206, sum(BODY.subarray(SLICE, SLICE + 100))]);
  };
  await range();
  expect(edge.stats.entries).toBe(0);
  await range();
  await expect.poll(() => edge.stats.entries).toBe(1);
  const hits = disk.stats.hits;
  await range();
  expect(disk.stats.hits).toBe(hits);
});

test("what memory has no room for is sent from disk however often it is hit", async () => {
  const { ask, edge, asked } = await onDisk({ maxBytes: BODY.length / 2 });
  for (let hit = 0; hit < 4; hit += 1) {
    const response = await ask();
    expect([outcomeOf(response), sum(await response.bytes())]).toEqual(["hit", sum(BODY)]);
  }
  expect(edge.stats.entries).toBe(0);
  expect(asked).toHaveLength(1);
});

test("ranges, HEAD and conditions read no more from disk than they send", async () => {
  const { ask, disk, asked } = await onDisk();
  const before = disk.stats.bytesRead;
  const from = 5 * SLICE - 10;
  const part = await ask({ headers: { range: `bytes=${from}-${from + 19}` } });
  expect([part.status, part.headers.get("content-range"), outcomeOf(part)]).toEqual([
    206,
    `bytes ${from}-${from + 19}/${BODY.length}`,
    "hit",
  ]);
  expect(sum(await part.bytes())).toBe(sum(BODY.subarray(from, from + 20)));
  const head = await ask({ method: "HEAD" });
  expect([head.status, head.headers.get("content-length"), outcomeOf(head)]).toEqual([200, `${BODY.length}`, "hit"]);
  const unchanged = await ask({ headers: { "if-none-match": '"1"' } });
  expect([unchanged.status, outcomeOf(unchanged)]).toEqual([304, "hit"]);
  const outside = await ask({ headers: { range: `bytes=${BODY.length}-` } });
  expect([outside.status, outside.headers.get("content-range")]).toEqual([416, `bytes */${BODY.length}`]);
  await outside.bytes();
  // Four records, and the two slices that the range touches.
  expect(disk.stats.bytesRead - before).toBeLessThan(2 * SLICE + 8 * KIB);
  expect(asked).toHaveLength(1);
});

/** Changes a byte of a slice of what was written first. */
async function damage(folder: string, slice: number): Promise<void> {
  await using file = await open(join(folder, "0000000001.volume"), "r+");
  await file.write(Buffer.from([BODY[slice * SLICE + 7]! ^ 1]), 0, 1, slice * SLICE + 7);
}

test.each([
  ["sent straight from disk", 0],
  ["on its way into memory", 1],
])("a damaged slice in the middle of what is %s breaks it off before that, and the object is gone", async (_, hits) => {
  const { ask, folder, disk, edge, asked } = await onDisk();
  for (let hit = 0; hit < hits; hit += 1) await (await ask()).bytes();
  await damage(folder, 7);
  const response = await ask();
  expect(response.headers.get("content-length")).toBe(`${BODY.length}`);
  const received: Uint8Array[] = [];
  await expect(
    (async () => {
      for await (const chunk of response.body!) received.push(chunk);
    })(),
  ).rejects.toThrow();
  const bytes = Buffer.concat(received);
  expect(bytes.length).toBeLessThanOrEqual(7 * SLICE);
  expect(sum(bytes)).toBe(sum(BODY.subarray(0, bytes.length)));
  expect(disk.stats.corrupt).toBe(1);
  expect(edge.stats).toMatchObject({ entries: 0, bytes: 0 });
  expect(disk.lentBytes).toBe(0);
  const again = await ask();
  expect([outcomeOf(again), sum(await again.bytes())]).toEqual(["fwd=uri-miss", sum(BODY)]);
  expect(asked).toHaveLength(2);
});

test.each([0, 1])("what is damaged at its beginning is a miss, after %i hits", async (hits) => {
  const { ask, folder, disk, asked } = await onDisk();
  for (let hit = 0; hit < hits; hit += 1) await (await ask()).bytes();
  await damage(folder, 0);
  const response = await ask();
  expect([outcomeOf(response), sum(await response.bytes())]).toEqual(["fwd=uri-miss", sum(BODY)]);
  expect(disk.lentBytes).toBe(0);
  expect(asked).toHaveLength(2);
});

test("a client that leaves gives back what it had, and what is invalidated while it is read does not get into memory", async () => {
  const { ask, files, disk, edge } = await onDisk();
  const controller = new AbortController();
  const left = await ask({ signal: controller.signal });
  controller.abort();
  await expect(left.bytes()).rejects.toThrow();
  await expect.poll(() => disk.lentBytes).toBe(0);
  const [released, release] = gate();
  let reads = 0;
  files.fault = async (operation) => {
    reads += 1;
    if (operation === "read" && reads > 3) await released;
  };
  const response = await ask();
  files.fault = undefined;
  await (await ask({ method: "POST" })).bytes();
  release();
  expect(sum(await response.bytes())).toBe(sum(BODY));
  expect(edge.stats).toMatchObject({ entries: 0, bytes: 0 });
});

test("where clients hold half of what there is to read into, others are answered by way of memory", async () => {
  const { ask, disk } = await onDisk({ readBytes: 4 * (SLICE + 4 * KIB) });
  const held = await Promise.all([disk.open("/a"), disk.open("/a")]);
  const bodies = await Promise.all(held.map((entry) => entry!.read()));
  expect(disk.isCrowded).toBe(true);
  expect(sum(await (await ask()).bytes())).toBe(sum(BODY));
  for (const body of bodies) await body![Symbol.asyncIterator]().return?.();
  expect(disk.isCrowded).toBe(false);
});
