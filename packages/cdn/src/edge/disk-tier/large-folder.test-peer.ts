/** A disk tier's folder with as many objects as a large disk has, made without writing their bodies. */

import { createHash } from "node:crypto";
import { mkdir, open, writeFile } from "node:fs/promises";
import { endianness } from "node:os";
import { join } from "node:path";
import { encodeJournal, type JournalEntry } from "./journal.ts";
import { createKeyHash } from "./key-hash.ts";
import { volumePath } from "./volume.ts";

const SECRET = "generated";

/** Keys of the objects in it. */
export function generatedKey(volume: number, entry: number): string {
  return `/vod/show-${volume}/segment-${entry}.m4s`;
}

/** Writes a folder of volumes that are holes, with journals that name `perVolume` objects in each. */
export async function writeLargeFolder(
  path: string,
  { volumes, perVolume, volumeBytes }: { volumes: number; perVolume: number; volumeBytes: number },
): Promise<void> {
  await mkdir(path, { recursive: true });
  const hashOf = createKeyHash(SECRET);
  const size = Math.floor((volumeBytes * 0.95) / perVolume);
  for (let volume = 1; volume <= volumes; volume += 1) {
    const entries: JournalEntry[] = [];
    for (let entry = 0; entry < perVolume; entry += 1) {
      // Where a million keys are hashed for nothing but their spread, cheaper words do as well.
      const hash = entry === 0 ? hashOf(generatedKey(volume, entry)) : spread(volume, entry);
      entries.push({ hash, place: { volume, offset: entry * size, readBytes: size, whole: true, span: 0 } });
    }
    await writeFile(volumePath(path, volume, "journal"), encodeJournal(entries, volume));
    const data = await open(volumePath(path, volume, "volume"), "w");
    await data.truncate(size * perVolume);
    await data.close();
  }
  await writeFile(join(path, "format.json"), JSON.stringify({ format: 1, byteOrder: endianness(), secret: SECRET }));
}

let digest = Buffer.alloc(0);
let used = 0;

/** Words without a pattern, a few at a time from one digest. */
function spread(volume: number, entry: number): { a: number; b: number } {
  if (used + 8 > digest.length) {
    digest = createHash("sha512").update(`${volume}/${entry}`).digest();
    used = 0;
  }
  used += 8;
  return { a: digest.readUInt32LE(used - 8), b: digest.readUInt32LE(used - 4) };
}
