/** The few file operations that the disk tier needs: what a test replaces to make a disk full, slow or broken. */

import { close, constants, fstat, ftruncate, open, read, writev } from "node:fs";
import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { makeFolder } from "../../make-folder.ts";

/** A file that is open for reading and writing. */
export interface OpenFile {
  size(): Promise<number>;
  /** Fills `into` from `position`. @returns the bytes read: fewer only where the file ends. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Writes all parts, one after the other, from `position`. At most {@link MAX_PARTS} of them. */
  write(parts: readonly Uint8Array[], position: number): Promise<void>;
  truncate(size: number): Promise<void>;
  close(): Promise<void>;
}

/** Files of one folder tree. What fails rejects with the system's error. */
export interface DiskFiles {
  /** Opens a file for reading and writing: one that is there, or a new one where there is none. */
  open(path: string, access: "write" | "create"): Promise<OpenFile>;
  makeFolder(path: string): Promise<void>;
  list(folder: string): Promise<string[]>;
  readAll(path: string): Promise<Buffer>;
  /** Writes a small file. `replace`: whole or not at all; `new`: fails with `EEXIST` where there is one. */
  writeAll(path: string, text: string, how: "replace" | "new"): Promise<void>;
  move(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
}

/** Buffers that one write takes: `IOV_MAX` of POSIX systems is 1024. */
export const MAX_PARTS = 1024;

const { O_CREAT, O_EXCL, O_RDWR } = constants;
const ACCESS = { write: O_RDWR, create: O_RDWR | O_CREAT | O_EXCL };

/** What the system calls an error: `ENOSPC` and the like. */
export function reasonOf(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return error instanceof Error ? error.message : String(error);
}

/** There is no room left, for anybody or for this user. */
export function isDiskFull(error: unknown): boolean {
  return ["ENOSPC", "EDQUOT"].includes(reasonOf(error));
}

/** The files of this machine. Callbacks instead of node:fs/promises: a read costs a third less. */
export const systemFiles: DiskFiles = {
  open(path, access) {
    return new Promise((resolve, reject) => {
      open(path, ACCESS[access], 0o600, (error, descriptor) => {
        if (error === null) resolve(new SystemFile(descriptor));
        else reject(error);
      });
    });
  },
  makeFolder,
  list: (folder) => readdir(folder),
  readAll: (path) => readFile(path),
  async writeAll(path, text, how) {
    if (how === "new") {
      await writeFile(path, text, { flag: "wx", mode: 0o600 });
      return;
    }
    await writeFile(`${path}.new`, text, { mode: 0o600 });
    await rename(`${path}.new`, path);
  },
  move: (from, to) => rename(from, to),
  async remove(path) {
    await rm(path, { force: true });
  },
};

class SystemFile implements OpenFile {
  readonly #descriptor: number;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  size(): Promise<number> {
    return new Promise((resolve, reject) => {
      fstat(this.#descriptor, (error, stats) => (error === null ? resolve(stats.size) : reject(error)));
    });
  }

  read(into: Uint8Array, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const more = (done: number): void => {
        read(this.#descriptor, into, done, into.byteLength - done, position + done, (error, count) => {
          if (error !== null) reject(error);
          else if (count === 0 || done + count === into.byteLength) resolve(done + count);
          else more(done + count);
        });
      };
      if (into.byteLength === 0) resolve(0);
      else more(0);
    });
  }

  write(parts: readonly Uint8Array[], position: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const more = (left: readonly Uint8Array[], at: number): void => {
        writev(this.#descriptor, left, at, (error, written) => {
          if (error !== null) {
            reject(error);
            return;
          }
          const rest = after(left, written);
          if (rest.length === 0) resolve();
          // Nothing taken and no error: a write that goes on would never end.
          else if (written === 0) reject(new Error("the file took no bytes"));
          else more(rest, at + written);
        });
      };
      if (parts.length === 0) resolve();
      else more(parts, position);
    });
  }

  truncate(size: number): Promise<void> {
    return new Promise((resolve, reject) => {
      ftruncate(this.#descriptor, size, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  close(): Promise<void> {
    return new Promise((resolve, reject) => {
      close(this.#descriptor, (error) => (error == null ? resolve() : reject(error)));
    });
  }
}

/** What is left of parts once so many bytes of them are written. */
function after(parts: readonly Uint8Array[], written: number): readonly Uint8Array[] {
  let left = written;
  for (let at = 0; at < parts.length; at += 1) {
    const part = parts[at]!;
    if (left < part.byteLength) return [part.subarray(left), ...parts.slice(at + 1)];
    left -= part.byteLength;
  }
  return [];
}
