/** A journal of purges: whatever happens to its bytes, nothing that was acknowledged comes back. */

import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { silentLogger } from "../../../logger.ts";
import type { ChainedPurge, ChainHead } from "../network/chains.ts";
import type { PurgeMemory } from "../network/member.ts";
import type { Purge } from "../purge.ts";
import type { PurgeLog } from "../purge-log.ts";
import { type Journal, openJournal } from "./journal.ts";
import { compacted } from "./records.ts";
import { createFileStorage, type JournalStorage } from "./storage.ts";

/** A disk as bytes, which may be full, and take its time. */
class Disk implements JournalStorage {
  bytes: Buffer | undefined;
  full = false;
  replaced = 0;
  /** What is written of what does not fit. */
  torn = 0;

  async read(): Promise<Buffer | undefined> {
    return this.bytes;
  }

  async append(bytes: Uint8Array): Promise<void> {
    await Promise.resolve();
    const taken = this.full ? bytes.subarray(0, this.torn) : bytes;
    this.bytes = Buffer.concat([this.bytes ?? Buffer.alloc(0), taken]);
    if (this.full) throw new Error("no space left");
  }

  async replace(chunks: Iterable<Uint8Array>): Promise<number> {
    await Promise.resolve();
    const written: Uint8Array[] = [];
    for (const chunk of chunks) {
      written.push(chunk);
      // Others go on in between.
      await Promise.resolve();
    }
    if (this.full) throw new Error("no space left");
    this.bytes = Buffer.concat(written);
    this.replaced += 1;
    return this.bytes.byteLength;
  }

  async close(): Promise<void> {}
}

/** An edge's log and journal, and its purges as a chain of its own. */
class Writer {
  readonly log: PurgeLog;
  readonly journal: Journal;
  readonly memory: PurgeMemory | undefined;
  readonly #purges: ChainedPurge[] = [];
  readonly #incarnation: number;

  private constructor({ log, journal, memory }: Awaited<ReturnType<typeof openJournal>>, systemTime: number) {
    this.log = log;
    this.journal = journal;
    this.memory = memory;
    this.#incarnation = systemTime;
    this.#purges.push(...(memory?.purges ?? []));
    journal.from(() =>
      compacted(log.state, { heads: [this.#head], purges: this.#purges, leaseMs: 7, recovering: false }),
    );
  }

  static async open(storage: JournalStorage, { systemTime = 1000, compactionBytes = 1 << 20 } = {}): Promise<Writer> {
    const writer = new Writer(
      await openJournal({ storage, systemTime, compactionBytes, logger: silentLogger }),
      systemTime,
    );
    await writer.journal.append({ kind: "life", generation: writer.log.generation, leaseMs: 7, recovering: false });
    return writer;
  }

  purge(purge: Purge): Promise<void> {
    const at = { incarnation: this.#incarnation, seq: this.#purges.length + 1 };
    const chained = { source: "e1", at, purge };
    this.#purges.push(chained);
    this.log.purge(purge);
    return this.journal.append({ kind: "changes", reset: false, purges: [chained], heads: [], recovered: false });
  }

  get #head(): ChainHead {
    const at = this.#purges.at(-1)?.at ?? { incarnation: this.#incarnation, seq: 0 };
    return { source: "e1", at, lostAt: 0, since: { incarnation: 0, seq: 0 } };
  }
}

const names = fc.array(fc.constantFrom("/a", "/b", "/c/d", "/c"), { maxLength: 2 });
const purge: fc.Arbitrary<Purge> = fc.record(
  { urls: names, prefixes: names, tags: names, all: fc.constantFrom(false, false, false, true), soft: fc.boolean() },
  { requiredKeys: [] },
);

function expectSame(a: PurgeLog, b: PurgeLog, since: number): void {
  for (const key of ["/a", "/b", "/c", "/c/d", "/e"]) {
    for (const tags of [[], ["/a"], ["/b", "/c"]]) {
      for (let generation = since; generation <= b.generation; generation += 1) {
        const at = { key, tags, generation };
        // The same, or one that a restart cannot tell any more and takes for purged.
        if (generation < b.generation) expect(a.judge(at)).toBe(b.judge(at));
      }
    }
  }
}

test("a log is after a restart what it was, and its generations go on", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(purge, { maxLength: 20 }),
      fc.constantFrom(1, 300, 1 << 20),
      async (purges, compactionBytes) => {
        const disk = new Disk();
        const before = await Writer.open(disk, { compactionBytes });
        const since = before.log.generation;
        for (const each of purges) await before.purge(each);
        const after = await Writer.open(disk, { systemTime: 2000 });
        expectSame(after.log, before.log, since);
        expect(after.log.generation).toBeGreaterThan(before.log.generation);
        expect(after.log.judge({ key: "/e", tags: [], generation: since - 1 })).toBe("hard");
        expect(after.memory?.purges.map(({ purge }) => purge)).toEqual(purges);
        expect(after.memory?.leaseMs).toBe(7);
      },
    ),
  );
});

test("purges that come while the journal is written anew are neither lost nor counted twice", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(purge, fc.nat(6)), { maxLength: 30 }), async (steps) => {
      const disk = new Disk();
      const before = await Writer.open(disk, { compactionBytes: 200 });
      const since = before.log.generation;
      const written: Promise<void>[] = [];
      for (const [each, turns] of steps) {
        written.push(before.purge(each));
        for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      }
      await Promise.all(written);
      const { log } = await openJournal({ storage: disk, systemTime: 0, logger: silentLogger });
      expectSame(log, before.log, since);
      expect(log.generation - 2 ** 20).toBe(before.log.generation);
    }),
  );
});

test("wherever a crash cuts the journal, every purge acknowledged before is in it", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(purge, { minLength: 1, maxLength: 10 }), fc.nat(), async (purges, cut) => {
      const disk = new Disk();
      const before = await Writer.open(disk);
      const sizes: number[] = [];
      for (const each of purges) {
        await before.purge(each);
        sizes.push(disk.bytes!.byteLength);
      }
      const first = sizes[0]! - 1;
      const end = first + (cut % (sizes.at(-1)! - first + 1));
      disk.bytes = disk.bytes!.subarray(0, end);
      const acknowledged = sizes.filter((size) => size <= end).length;
      const after = await Writer.open(disk, { systemTime: 2000 });
      expect(after.memory?.purges.map(({ purge }) => purge)).toEqual(purges.slice(0, acknowledged));
      // And it can be written on from there.
      await after.purge({ urls: ["/after"] });
      const last = await Writer.open(disk, { systemTime: 3000 });
      expect(last.memory?.purges.at(-1)?.purge).toEqual({ urls: ["/after"] });
    }),
  );
});

test("a journal that rotted, with whole records after the rot, is not believed: everything stored is gone", async () => {
  const disk = new Disk();
  const before = await Writer.open(disk);
  await before.purge({ urls: ["/a"] });
  const middle = disk.bytes!.byteLength - 3;
  await before.purge({ urls: ["/b"] });
  disk.bytes![middle]! ^= 1;
  const after = await Writer.open(disk, { systemTime: 5000 });
  expect(after.memory).toBeUndefined();
  expect(after.log.judge({ key: "/e", tags: [], generation: before.log.generation })).toBe("hard");
  expect(after.log.judge({ key: "/e", tags: [], generation: after.log.generation })).toBe("kept");
});

test("any bytes can be opened", async () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.uint8Array().map((tail) => [...Buffer.from("ÀPJ1", "latin1"), ...tail]),
  );
  await fc.assert(
    fc.asyncProperty(bytes, async (content) => {
      const disk = new Disk();
      disk.bytes = Buffer.from(content);
      const { memory, log } = await openJournal({ storage: disk, systemTime: 5000, logger: silentLogger });
      expect(memory).toBeUndefined();
      expect(log.generation).toBe(5000);
    }),
  );
});

test.each([0, 5, 30])(
  "a full disk acknowledges nothing, and all that came is written when there is room (%i bytes torn)",
  async (torn) => {
    const disk = new Disk();
    const before = await Writer.open(disk);
    const since = before.log.generation;
    await before.purge({ urls: ["/a"] });
    Object.assign(disk, { full: true, torn });
    await expect(before.purge({ urls: ["/b"] })).rejects.toMatchObject({ code: "PURGE_NOT_STORED" });
    await expect(before.journal.append()).rejects.toMatchObject({ code: "PURGE_NOT_STORED" });
    disk.full = false;
    await before.journal.append();
    const after = await Writer.open(disk, { systemTime: 2000 });
    for (const key of ["/a", "/b"]) expect(after.log.judge({ key, tags: [], generation: since })).toBe("hard");
    expect(after.log.judge({ key: "/c", tags: [], generation: since })).toBe("kept");
  },
);

test("what was filled after a purge that a crash forgot is purged when another edge tells of it", async () => {
  const disk = new Disk();
  const before = await Writer.open(disk);
  Object.assign(disk, { full: true });
  await expect(before.purge({ urls: ["/b"] })).rejects.toMatchObject({ code: "PURGE_NOT_STORED" });
  const filled = before.log.generation;
  disk.full = false;
  for (const systemTime of [0, 2000]) {
    const after = await Writer.open(disk, { systemTime });
    after.log.purge({ urls: ["/a"] });
    expect(after.log.judge({ key: "/a", tags: [], generation: filled })).toBe("hard");
  }
});

test("many purges at once are few writes", async () => {
  const disk = new Disk();
  let writes = 0;
  const append = disk.append.bind(disk);
  disk.append = (bytes) => {
    writes += 1;
    return append(bytes);
  };
  const writer = await Writer.open(disk);
  await Promise.all(Array.from({ length: 100 }, (_, at) => writer.purge({ urls: [`/${at}`] })));
  expect(writes).toBe(1);
});

test("a journal in a file is written on, written anew, and leaves nothing beside it", async () => {
  const folder = await mkdtemp(join(tmpdir(), "purge-journal-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "purges.journal");
  for (let life = 1; life <= 3; life += 1) {
    const storage = createFileStorage(path);
    const writer = await Writer.open(storage, { systemTime: life * 1000, compactionBytes: 500 });
    expect(writer.memory?.purges.length ?? 0).toBe((life - 1) * 20);
    for (let at = 0; at < 20; at += 1) await writer.purge({ urls: [`/${life}/${at}`] });
    await writer.journal.close();
    await expect(writer.journal.append()).rejects.toMatchObject({ code: "CLOSED" });
  }
  expect(await readdir(folder)).toEqual(["purges.journal"]);
});
