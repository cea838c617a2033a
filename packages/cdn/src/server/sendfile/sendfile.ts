/**
 * sendfile(2) on Linux: sends what a file holds without a copy into the kernel, by reference to the pages that hold it.
 *
 * Node has no such call. koffi calls C functions from JavaScript without a compiler, and is an optional peer of this package: without it,
 * or elsewhere than on Linux, bodies are written as always.
 */

import { closeSync } from "node:fs";

const MFD_CLOEXEC = 1;
const EINTR = 4;
const EAGAIN = 11;

/** The socket takes no more for now. */
const WOULD_BLOCK = 0;
/** What {@link Sendfile.send} returns when the socket or the file is no good. */
export const FAILED = -1;

/** The system's calls. */
export interface Sendfile {
  /** Makes a file in memory that has no name, and is gone with its descriptor. Undefined where there can be none: too many are open. */
  create(): number | undefined;
  close(file: number): void;
  /** @returns bytes that the socket took, 0 when it takes none now, or {@link FAILED}. */
  send(socket: number, file: number, offset: number, length: number): number;
}

let loaded: Promise<Sendfile | undefined> | undefined;

/**
 * The calls, or undefined where there are none. Looked for once.
 *
 * @throws what keeps a koffi that is installed from calling them.
 */
export function loadSendfile(): Promise<Sendfile | undefined> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<Sendfile | undefined> {
  if (process.platform !== "linux") return undefined;
  const koffi = await importKoffi();
  if (koffi === undefined) return undefined;
  // Offsets there are too small for long files, and it has another name.
  if (koffi.sizeof("long") !== 8) return undefined;
  // What this process is linked to already, whichever C library that is.
  const libc = koffi.load(null);
  const memfdCreate = libc.func("int memfd_create(const char *name, unsigned int flags)");
  const sendfile = libc.func("intptr_t sendfile(int socket, int file, int64_t *offset, size_t length)");
  const offsets = new BigInt64Array(1);

  return {
    create() {
      const file: number = memfdCreate("ami-body", MFD_CLOEXEC);
      return file === -1 ? undefined : file;
    },
    close: closeSync,
    send(socket, file, offset, length) {
      for (;;) {
        offsets[0] = BigInt(offset);
        const sent = Number(sendfile(socket, file, offsets, length));
        if (sent > 0) return sent;
        // Nothing, and no error: the file is shorter than it should be.
        if (sent === 0) return FAILED;
        const error = koffi.errno();
        if (error === EAGAIN) return WOULD_BLOCK;
        if (error !== EINTR) return FAILED;
      }
    },
  };
}

async function importKoffi(): Promise<typeof import("koffi").default | undefined> {
  try {
    return (await import("koffi")).default;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}
