/** Secrets as files: made once, readable by their owner alone, never printed. */

import { chmod, chown, lstat, mkdir, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { MatrixError } from "../../errors.ts";
import type { Deployment } from "../config/resolve.ts";
import { type Secrets, secretMakers } from "./secret-names.ts";

/** Only its owner can read and write it. */
export const SECRET_MODE = 0o600;
/** Only its owner can enter it. */
export const SECRET_FOLDER_MODE = 0o700;

/** Who owns the files of a deployment: user and group ids. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Makes those secrets of a deployment that are missing, and reads all of them. One that is there is never changed.
 *
 * @param folder - where they are; made if missing.
 * @throws {MatrixError} `SECRET_UNSAFE` where a file can be read by others, is a link, or is empty.
 */
export async function provideSecrets(folder: string, deployment: Deployment, owner?: Owner): Promise<Secrets> {
  await mkdir(folder, { recursive: true, mode: SECRET_FOLDER_MODE });
  await chmod(folder, SECRET_FOLDER_MODE);
  if (owner !== undefined) await chown(folder, owner.uid, owner.gid);
  const secrets: Record<string, string> = {};
  for (const [name, make] of secretMakers(deployment)) {
    const file = join(folder, name);
    await create(file, make, owner);
    secrets[name] = await readSecret(file);
  }
  return secrets;
}

/** Reads one secret, and refuses a file that others could read or replace. */
export async function readSecret(file: string): Promise<string> {
  const facts = await lstat(file).catch((cause: unknown) => {
    throw new MatrixError("SECRET_UNSAFE", `the secret ${file} is missing: restore it from a backup, or run init`, {
      cause,
    });
  });
  if (!facts.isFile()) throw new MatrixError("SECRET_UNSAFE", `${file} is no plain file`);
  if ((facts.mode & 0o077) !== 0) {
    throw new MatrixError(
      "SECRET_UNSAFE",
      `${file} can be read by others: chmod 600 it, and change the secret if they could`,
    );
  }
  const text = (await readFile(file, "utf8")).trim();
  if (text === "") throw new MatrixError("SECRET_UNSAFE", `the secret ${file} is empty`);
  return text;
}

/** Leaves a file that exists alone. */
async function create(file: string, make: () => string, owner: Owner | undefined): Promise<void> {
  try {
    const handle = await open(file, "wx", SECRET_MODE);
    try {
      await handle.writeFile(`${make()}\n`);
      if (owner !== undefined) await handle.chown(owner.uid, owner.gid);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return;
    throw new MatrixError("FILE_FAILED", `${file} cannot be written: ${(error as Error).message}`, { cause: error });
  }
}
