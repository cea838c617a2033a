/** Objects as files of one folder. */

import { randomUUID } from "node:crypto";
import type { Stats } from "node:fs";
import { type FileHandle, open, readdir, realpath, rename, rm, stat } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import { CdnError } from "../errors.ts";
import { mediaTypeOf } from "../http/media-type.ts";
import { makeFolder } from "../make-folder.ts";
import { checkKey, type ObjectMetadata, type ObjectStore, rangeWithin } from "./object-store.ts";

/** Bytes read from a file at a time. */
export const FOLDER_READ_BYTES = 256 * 1024;

/** Temporary files live here, inside the folder, because a rename is atomic only within one file system. Keys cannot start with a dot. */
const TEMPORARY = ".tmp";

/**
 * An {@link ObjectStore} over a folder, which is made where it is missing. A key is the file's path in it, so files put there by other
 * means are objects too.
 *
 * A `put` writes beside, syncs and renames: a crash leaves the object before or the object after, and at most a stray file in `.tmp`.
 * A symbolic link that leads out of the folder is no object. Content types follow the key's ending.
 */
export function createFolderStore(folder: string): ObjectStore {
  const root = resolve(folder);

  return {
    async get(key, { range, signal } = {}) {
      signal?.throwIfAborted();
      const found = await find(root, key);
      if (found === null) return null;
      const metadata = metadataOf(key, found.stats);
      const place = rangeWithin(range, metadata.size);
      return { ...metadata, range: place, body: read(found.path, metadata.etag, place, signal) };
    },
    async head(key, { signal } = {}) {
      signal?.throwIfAborted();
      const found = await find(root, key);
      return found === null ? null : metadataOf(key, found.stats);
    },
    async put(key, body, { signal } = {}) {
      signal?.throwIfAborted();
      checkKey(key);
      const temporary = join(root, TEMPORARY, randomUUID());
      const path = join(root, key);
      try {
        await makeFolder(dirname(temporary));
        await makeFolder(dirname(path));
        await checkInside(root, dirname(path));
        await write(temporary, body, signal);
        await rename(temporary, path);
        return metadataOf(key, await stat(path));
      } catch (error) {
        // Where even this fails the temporary file stays: what the caller has to hear of is the failure before.
        await rm(temporary, { force: true }).catch(() => {});
        throw storeError(error, "write", key, signal);
      }
    },
    async delete(key, { signal } = {}) {
      signal?.throwIfAborted();
      const found = await find(root, key);
      if (found === null) return false;
      try {
        await rm(join(root, key));
        return true;
      } catch (error) {
        if (isMissing(error)) return false;
        throw storeError(error, "delete", key, signal);
      }
    },
    async *list({ prefix = "", signal } = {}) {
      for await (const key of walk(root, "", prefix, signal)) {
        const found = await find(root, key);
        if (found !== null) yield metadataOf(key, found.stats);
      }
    },
  };
}

async function find(root: string, key: string): Promise<{ path: string; stats: Stats } | null> {
  checkKey(key);
  try {
    const path = await checkInside(root, join(root, key));
    const stats = await stat(path);
    return stats.isFile() ? { path, stats } : null;
  } catch (error) {
    if (isMissing(error)) return null;
    throw storeError(error, "read", key, undefined);
  }
}

/** The real path, when it lies in the folder: a link must not lead out of it. */
async function checkInside(root: string, path: string): Promise<string> {
  const [realRoot, real] = await Promise.all([realpath(root), realpath(path)]);
  if (real !== realRoot && !real.startsWith(realRoot + sep)) {
    throw new CdnError("INVALID_KEY", "the key leads out of the store by a symbolic link");
  }
  return real;
}

async function write(
  path: string,
  body: Uint8Array | AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const file = await open(path, "wx");
  try {
    if (body instanceof Uint8Array) await file.writeFile(body);
    else {
      for await (const chunk of body) {
        signal?.throwIfAborted();
        await writeAll(file, chunk);
      }
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.byteLength; ) {
    const { bytesWritten } = await file.write(chunk, at);
    at += bytesWritten;
  }
}

async function* read(
  path: string,
  etag: string,
  { start, end }: { start: number; end: number },
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const file = await open(path, "r").catch((cause: unknown) => {
    throw isMissing(cause) ? changed(path) : storeError(cause, "read", path, signal);
  });
  try {
    if (etagOf(await file.stat()) !== etag) throw changed(path);
    for (let at = start; at < end; ) {
      signal?.throwIfAborted();
      const buffer = Buffer.allocUnsafeSlow(Math.min(FOLDER_READ_BYTES, end - at));
      const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, at);
      if (bytesRead === 0) throw changed(path);
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** Keys below a folder in code-unit order of whole keys, which is not that of a depth-first walk by name: `a-b` sorts before `a/b`. */
async function* walk(
  root: string,
  folder: string,
  prefix: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<string> {
  signal?.throwIfAborted();
  let entries: { key: string; isFolder: boolean }[];
  try {
    const found = await readdir(join(root, folder), { withFileTypes: true });
    entries = found
      .filter((entry) => !entry.name.startsWith("."))
      .map((entry) => ({ key: folder + entry.name + (entry.isDirectory() ? "/" : ""), isFolder: entry.isDirectory() }));
  } catch (error) {
    if (isMissing(error)) return;
    throw storeError(error, "list", folder, signal);
  }
  entries.sort((a, b) => (a.key < b.key ? -1 : 1));
  for (const { key, isFolder } of entries) {
    if (isFolder) {
      if (key.startsWith(prefix) || prefix.startsWith(key)) yield* walk(root, key, prefix, signal);
    } else if (key.startsWith(prefix) && isKey(key)) yield key;
  }
}

function isKey(key: string): boolean {
  try {
    checkKey(key);
    return true;
  } catch {
    return false;
  }
}

function metadataOf(key: string, stats: Stats): ObjectMetadata {
  return {
    key,
    size: stats.size,
    etag: etagOf(stats),
    lastModified: new Date(Math.floor(stats.mtimeMs / 1000) * 1000),
    contentType: mediaTypeOf(key),
  };
}

/** A file that was replaced has another inode or time, even within a second and at the same size. */
function etagOf({ ino, size, mtimeMs }: Stats): string {
  return `"${ino.toString(36)}-${size.toString(36)}-${Math.round(mtimeMs * 1000).toString(36)}"`;
}

function changed(path: string): CdnError {
  return new CdnError("OBJECT_CHANGED", `${path} was replaced while it was read: read it again`);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
}

function storeError(cause: unknown, action: string, key: string, signal: AbortSignal | undefined): unknown {
  if (cause instanceof CdnError || signal?.aborted) return cause;
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG") {
    return new CdnError("STORE_FULL", `no space left to ${action} ${key}`, { cause });
  }
  if (code === undefined) return cause;
  return new CdnError("STORE_FAILED", `cannot ${action} ${key}`, { cause });
}
