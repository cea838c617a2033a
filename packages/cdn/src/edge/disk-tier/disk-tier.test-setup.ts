/** Disk tiers in temporary folders, and disks that fail. */

import { hash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { DiskTierOptions } from "./disk-options.ts";
import { createDiskTier, type DiskTier } from "./disk-tier.ts";
import { type DiskFiles, type OpenFile, systemFiles } from "./files.ts";

/** A folder that is removed after the test. */
export async function freshFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "disk-tier-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A tier that is closed after the test. */
export async function openTier(options: Partial<DiskTierOptions> = {}): Promise<DiskTier> {
  const path = options.path ?? (await freshFolder());
  const tier = await createDiskTier({ maxBytes: 1024 * 1024, sliceBytes: 1024, ...options, path });
  onTestFinished(() => tier.close());
  return tier;
}

/** Bytes that tell their key and their place: no ten of them come twice. */
export function bodyOf(key: string, length: number): Buffer {
  const body = Buffer.alloc(length);
  for (let at = 0; at < length; at += 1) {
    const mixed = Math.imul((at + 1) ^ (key.charCodeAt(at % key.length) << 20), 0x9e37_79b1);
    body[at] = (mixed ^ (mixed >>> 15)) >>> 8;
  }
  return body;
}

/** What bytes are compared by: a difference between thousands of them tells nobody anything, and takes minutes to print. */
export function sum(bytes: Uint8Array): string {
  return `${bytes.byteLength} bytes, SHA-1 ${hash("sha1", bytes)}`;
}

/** Writes an object. @returns whether it is stored. */
export async function put(tier: DiskTier, key: string, body: Uint8Array, head = "head"): Promise<boolean> {
  const writer = tier.create(key, Buffer.from(head), body.byteLength);
  if (writer === undefined) return false;
  writer.append(body);
  return await writer.commit();
}

/** Reads an object, its body as {@link sum}; undefined where it is not there. */
export async function get(
  tier: DiskTier,
  key: string,
  start?: number,
  end?: number,
): Promise<{ head: string; body: string; hits: number } | undefined> {
  const entry = await tier.open(key);
  const body = await entry?.read(start, end);
  if (entry === undefined || body === undefined) return undefined;
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return { head: Buffer.from(entry.head).toString(), body: sum(Buffer.concat(chunks)), hits: entry.hits };
}

type Fault = (operation: "open" | "read" | "write", path: string) => void | Promise<void>;

/** The machine's files, with a fault that comes first: it throws what the disk would, or waits as long. */
export class FaultyFiles implements DiskFiles {
  fault: Fault | undefined;

  async open(path: string, access: "write" | "create"): Promise<OpenFile> {
    await this.fault?.("open", path);
    const file = await systemFiles.open(path, access);
    return {
      size: () => file.size(),
      read: async (into, position) => {
        await this.fault?.("read", path);
        return await file.read(into, position);
      },
      write: async (parts, position) => {
        await this.fault?.("write", path);
        await file.write(parts, position);
      },
      truncate: (size) => file.truncate(size),
      close: () => file.close(),
    };
  }
  makeFolder = systemFiles.makeFolder;
  list = systemFiles.list;
  readAll = systemFiles.readAll;
  writeAll = systemFiles.writeAll;
  move = systemFiles.move;
  remove = systemFiles.remove;
}

/** What the system throws. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}
