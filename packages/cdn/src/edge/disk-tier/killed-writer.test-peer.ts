/** A process that writes to a disk tier until it is killed, and tells what it does before and after. */

import { writeSync } from "node:fs";
import { createDiskTier, type DiskTier } from "./disk-tier.ts";

/** A folder that has room for all that one test writes, in volumes that a test fills several of. */
export const KILLED_OPTIONS = { maxBytes: 512 * 1024 * 1024, volumeBytes: 1024 * 1024, sliceBytes: 16 * 1024 };

/** Body of a version of a key. */
export function versionBody(version: number): Buffer {
  const body = Buffer.alloc((version * 7919) % 90_000);
  for (let at = 0; at + 4 <= body.length; at += 4) body.writeUInt32LE((version * 65_599 + at) >>> 0, at);
  return body;
}

/**
 * Writes, deletes and revalidates objects, several at a time. It writes a line before and after each, `key version`, `key -` for a deletion,
 * with `<` before and `>` after.
 */
export async function writeUntilKilled(path: string, firstVersion: number): Promise<void> {
  const tier = await createDiskTier({ path, ...KILLED_OPTIONS });
  /** Version that each key has now, where this process wrote it. */
  const heads = new Map<string, number>();
  let version = firstVersion;
  const work = async (key: string): Promise<void> => {
    for (;;) {
      version += 1;
      if (version % 7 === 0) {
        heads.delete(key);
        await remove(tier, key);
      } else if (version % 5 === 0 && heads.has(key)) await tier.replaceHead(key, Buffer.from(String(heads.get(key))));
      else await store(tier, key, version);
    }
  };
  const store = async (each: DiskTier, key: string, number: number): Promise<void> => {
    say(`< ${key} ${number}`);
    const body = versionBody(number);
    const writer = each.create(key, Buffer.from(String(number)), number % 2 === 0 ? body.length : undefined);
    for (let at = 0; at < body.length; at += 5000) {
      writer?.append(body.subarray(at, at + 5000));
      // Others write in between.
      if (at % 20_000 === 0) await new Promise(setImmediate);
    }
    if (!(await writer?.commit())) throw new Error("not stored");
    heads.set(key, number);
    say(`> ${key} ${number}`);
  };
  await Promise.all(["/a", "/b", "/c", "/d", "/e"].map(work));
}

async function remove(tier: DiskTier, key: string): Promise<void> {
  say(`< ${key} -`);
  tier.delete(key);
  await tier.flush();
  say(`> ${key} -`);
}

/** At once, also when the next thing that happens is the end. */
function say(line: string): void {
  writeSync(1, `${line}\n`);
}
