/** Where a journal's bytes are. */

import { constants } from "node:fs";
import { type FileHandle, open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/** Bytes that only grow, or are replaced as a whole. What fails rejects with the system's error. */
export interface JournalStorage {
  /** All there is; undefined where there is nothing. */
  read(): Promise<Buffer | undefined>;
  /** Resolves when the bytes would outlast the machine's power. Where it fails, some of them may be there. */
  append(bytes: Uint8Array): Promise<void>;
  /** Puts these bytes in the place of all there are: whole, or not at all. @returns how many they are. */
  replace(chunks: Iterable<Uint8Array>): Promise<number>;
  close(): Promise<void>;
}

/** Bytes that are written at a time when a journal is replaced: other work goes on in between. */
const WRITE_BYTES = 256 * 1024;

/** A journal in a file. */
export function createFileStorage(path: string): JournalStorage {
  let file: FileHandle | undefined;
  const opened = async (): Promise<FileHandle> => {
    file ??= await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND, 0o600);
    return file;
  };
  const close = async (): Promise<void> => {
    const closing = file;
    file = undefined;
    await closing?.close();
  };

  return {
    async read() {
      try {
        return await readFile(path);
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
        throw error;
      }
    },
    async append(bytes) {
      const handle = await opened();
      await writeAll(handle, bytes);
      await handle.datasync();
    },
    async replace(chunks) {
      const beside = `${path}.new`;
      let written = 0;
      try {
        const fresh = await open(beside, "w", 0o600);
        try {
          for (const bytes of joined(chunks)) {
            await writeAll(fresh, bytes);
            written += bytes.byteLength;
          }
          await fresh.sync();
        } finally {
          await fresh.close();
        }
        await rename(beside, path);
      } catch (error) {
        // What has to be heard of is the failure before.
        await rm(beside, { force: true }).catch(() => {});
        throw error;
      }
      // From here on the name leads to the new bytes: those who append must, too.
      await close().catch(() => {});
      await syncFolder(dirname(path));
      return written;
    },
    close,
  };
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.byteLength; ) at += (await file.write(bytes, at)).bytesWritten;
}

/** A name is kept only when its folder is (not on Windows, which has no such thing). */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function* joined(chunks: Iterable<Uint8Array>): Generator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let length = 0;
  for (const chunk of chunks) {
    parts.push(chunk);
    length += chunk.byteLength;
    if (length < WRITE_BYTES) continue;
    yield Buffer.concat(parts);
    parts = [];
    length = 0;
  }
  if (length > 0) yield Buffer.concat(parts);
}
