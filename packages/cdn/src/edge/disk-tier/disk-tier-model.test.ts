/** The tier against a Map, under any sequence of what is done to it, with restarts and crashes. */

import { cp, readdir, rm, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { bodyOf, freshFolder } from "./disk-tier.test-setup.ts";
import { createDiskTier, type DiskTier } from "./disk-tier.ts";

const KIB = 1024;
/** More than what is written again with a new head. */
const SLICE = 5000;
const LONGEST = 3 * SLICE;

const key = fc.constantFrom("/a", "/b", "/c", "/d", "/e");
const size = fc.oneof(fc.constantFrom(0, 1, SLICE - 1, SLICE, SLICE + 1, 2 * SLICE), fc.nat(LONGEST));
const put = fc.record({
  do: fc.constant("put" as const),
  key,
  size,
  chunk: fc.integer({ min: 500, max: 9000 }),
  announced: fc.boolean(),
  awaited: fc.boolean(),
});
const steps = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: put },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("abort" as const), key, size }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("delete" as const), key }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("head" as const), key }) },
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant("read" as const), key, from: fc.nat(LONGEST), to: fc.nat(LONGEST) }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant("crash" as const), data: fc.nat(20_000), journal: fc.nat(100) }),
    },
  ),
  { maxLength: 60 },
);

/** What a key may be answered with: versions of it, or nothing (undefined). */
type Possible = Set<string | undefined>;

for (const [name, maxBytes, evicts] of [
  ["with room for everything", 4096 * KIB, false],
  ["with room for a few objects", 256 * KIB, true],
] as const) {
  test(`${name}, a key is answered with what was stored last, and never with anything else`, { timeout: 60_000 }, () =>
    fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const options = { maxBytes, volumeBytes: maxBytes / 8, sliceBytes: SLICE };
        const folder = await freshFolder();
        let lives = 0;
        let path = join(folder, "0");
        let tier = await createDiskTier({ path, ...options });
        const possible = new Map<string, Possible>();
        /** Every version that was ever committed, with its size: what a crash may bring back. */
        const versions = new Map<string, number>();
        let made = 0;

        const check = async (each: string, from = 0, to = 5000): Promise<void> => {
          await tier.flush();
          const found = await read(tier, each, from, to);
          const expected = possible.get(each) ?? new Set([undefined]);
          if (found === undefined) {
            if (!evicts) expect(expected).toContain(undefined);
            return;
          }
          expect(expected).toContain(found.version);
          const body = bodyOf(found.version.replace(/:.*/, ""), versions.get(found.version)!);
          expect(found.body.equals(body.subarray(from, Math.max(from, to)))).toBe(true);
          possible.set(each, new Set([found.version]));
        };

        try {
          for (const step of all) {
            if (step.do === "put") {
              made += 1;
              const version = `${step.key}${made}`;
              const body = bodyOf(version, step.size);
              const writer = tier.create(step.key, Buffer.from(version), step.announced ? step.size : undefined)!;
              for (let at = 0; at < body.length; at += step.chunk) writer.append(body.subarray(at, at + step.chunk));
              const committed = writer.commit();
              versions.set(version, step.size);
              possible.set(step.key, new Set([version]));
              if (step.awaited) expect(await committed).toBe(true);
            } else if (step.do === "abort") {
              const writer = tier.create(step.key, Buffer.from("aborted"), undefined)!;
              writer.append(Buffer.alloc(step.size));
              writer.abort();
            } else if (step.do === "delete") {
              tier.delete(step.key);
              possible.set(step.key, new Set([undefined]));
            } else if (step.do === "head") {
              await tier.flush();
              const found = await read(tier, step.key, 0, 0);
              if (found === undefined) continue;
              made += 1;
              const version = `${found.version.replace(/:.*/, "")}:${made}`;
              versions.set(version, versions.get(found.version)!);
              const isReplaced = await tier.replaceHead(step.key, Buffer.from(version));
              if (!evicts) expect(isReplaced).toBe(true);
              if (isReplaced) possible.set(step.key, new Set([version]));
            } else if (step.do === "read") {
              await check(step.key, Math.min(step.from, step.to), Math.max(step.from, step.to));
            } else {
              const before = path;
              lives += 1;
              path = join(folder, String(lives));
              if (step.do === "restart") {
                await tier.close();
                await cp(before, path, { recursive: true });
              } else {
                await cp(before, path, { recursive: true });
                await tier.close();
                await rm(join(path, "lock"));
                await tear(path, step.data, step.journal);
                for (const each of ["/a", "/b", "/c", "/d", "/e"]) {
                  const ever = [...versions.keys()].filter((version) => version.startsWith(each));
                  possible.set(each, new Set([undefined, ...ever]));
                }
              }
              tier = await createDiskTier({ path, ...options });
            }
            expect(tier.bytes).toBeLessThanOrEqual(maxBytes);
            expect(await bytesIn(path)).toBeLessThanOrEqual(maxBytes);
          }
          for (const each of ["/a", "/b", "/c", "/d", "/e"]) await check(each);
          expect(tier.waitingBytes).toBe(0);
          expect(tier.lentBytes).toBe(0);
        } finally {
          await tier.close();
          await rm(folder, { recursive: true, force: true });
        }
      }),
      { numRuns: 40 },
    ),
  );
}

async function read(
  tier: DiskTier,
  key: string,
  from: number,
  to: number,
): Promise<{ version: string; body: Buffer } | undefined> {
  const entry = await tier.open(key);
  const body = await entry?.read(from, to);
  if (entry === undefined || body === undefined) return undefined;
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return { version: Buffer.from(entry.head).toString(), body: Buffer.concat(chunks) };
}

/** Takes bytes off the end of the newest volume and of its journal, as when the power goes. */
async function tear(path: string, data: number, journal: number): Promise<void> {
  const names = (await readdir(path)).toSorted();
  for (const [kind, bytes] of [
    [".volume", data],
    [".journal", journal],
  ] as const) {
    const name = names.findLast((each) => each.endsWith(kind));
    if (name === undefined) continue;
    const { size } = await stat(join(path, name));
    await truncate(join(path, name), Math.max(0, size - bytes));
  }
}

async function bytesIn(path: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(path)) {
    // A volume may leave between being listed and being looked at.
    if (/\.(?:volume|journal)$/.test(name))
      bytes += await stat(join(path, name)).then(
        ({ size }) => size,
        () => 0,
      );
  }
  return bytes;
}
