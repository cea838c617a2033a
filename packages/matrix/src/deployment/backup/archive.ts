/** Backups as files: a tar archive of the deployment's folder, with a digest of every file in it. */

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import * as tar from "tar";
import { MatrixError } from "../../errors.ts";
import { SECRET_MODE } from "../secrets/secret-store.ts";

/** Folder within an archive that is no part of the deployment's folder. */
const EXTRAS = ".backup";
/** What the archive holds: written last, so an archive without it is incomplete. */
const MANIFEST = "manifest.json";
/** The database within the extras. */
const DUMP = "database.dump";

/** What is known of a backup besides its files. */
export interface BackupFacts {
  readonly serverName: string;
  /** When the database was read, ISO 8601. */
  readonly createdAt: string;
  /** Synapse's release. */
  readonly synapse: string;
  /** Where it ran. */
  readonly kind: "local" | "containers";
  /** `postgres`: a custom-format dump of pg_dump. `sqlite`: the database file. */
  readonly database: "postgres" | "sqlite";
}

interface Manifest extends BackupFacts {
  readonly format: 1;
  /** SHA-256 of each file, hexadecimal, by its path. */
  readonly files: Readonly<Record<string, string>>;
}

/** What runs, can be made again, or is in the dump. Paths in the deployment's folder. */
const LEFT_OUT = [
  /^data\/postgres(\/|$)/,
  /^local\/(postgres|lock$|state\.json|homeserver\.(db|pid|yaml)|.*\.(log|out))/,
  /^backups(\/|$)/,
  /\.(tmp|partial)(\/|$)/,
];

/** Writes an archive: whole, or not at all. `dump` is called with the path to write the database to. */
export async function writeArchive(
  file: string,
  { folder, facts, dump }: { folder: string; facts: BackupFacts; dump: (path: string) => Promise<void> },
): Promise<void> {
  const target = resolve(file);
  const partial = `${target}.partial`;
  const staging = `${target}.tmp`;
  try {
    await mkdir(join(staging, EXTRAS), { recursive: true, mode: 0o700 });
    await (await open(partial, "wx", SECRET_MODE)).close();
    await dump(join(staging, EXTRAS, DUMP));
    const entries = await readdir(folder);
    await tar.create({ file: partial, cwd: folder, filter: (path, entry) => isBackedUp(path, entry) }, entries);
    await tar.replace({ file: partial, cwd: staging }, [EXTRAS]);
    const manifest: Manifest = { format: 1, ...facts, files: await digestsOf(partial) };
    await writeFile(join(staging, EXTRAS, MANIFEST), JSON.stringify(manifest));
    await tar.replace({ file: partial, cwd: staging }, [`${EXTRAS}/${MANIFEST}`]);
    await sync(partial);
    await rename(partial, target);
  } catch (cause) {
    // Another backup that is being written there stays.
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") await rm(partial, { force: true });
    if (cause instanceof MatrixError) throw cause;
    throw new MatrixError("FILE_FAILED", `the backup ${target} cannot be written: ${(cause as Error).message}`, {
      cause,
    });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/**
 * Extracts an archive into an empty folder and checks every file.
 *
 * @returns what it is, and where the database's dump is. `extras` is to be removed after use.
 * @throws {MatrixError} `BACKUP_CORRUPT` where a file is missing, changed or one too many.
 */
export async function readArchive(
  file: string,
  folder: string,
): Promise<{ facts: BackupFacts; dump: string; extras: string }> {
  const extras = join(folder, EXTRAS);
  try {
    await tar.extract({ file, cwd: folder, strict: true, preserveOwner: false, filter: (_, entry) => isPlain(entry) });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT")
      throw new MatrixError("FILE_FAILED", `there is no backup ${file}`, { cause });
    throw corrupt(file, (cause as Error).message, cause);
  }
  const manifest = await readManifest(file, join(extras, MANIFEST));
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = found
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .filter((path) => path !== `${EXTRAS}/${MANIFEST}`);
  for (const path of paths) {
    const expected = Object.hasOwn(manifest.files, path) ? manifest.files[path] : undefined;
    if (expected !== (await digestOf(createReadStream(join(folder, path)))))
      throw corrupt(file, `${path} is not what was backed up`);
  }
  const missing = Object.keys(manifest.files).find((path) => !paths.includes(path));
  if (missing !== undefined) throw corrupt(file, `${missing} is missing`);
  return { facts: manifest, dump: join(extras, DUMP), extras };
}

async function readManifest(file: string, path: string): Promise<Manifest> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw corrupt(file, "it is no backup of ami-matrix, or it is incomplete", cause);
  });
  try {
    const manifest = JSON.parse(text) as Manifest;
    if (manifest.format === 1 && typeof manifest.files === "object") return manifest;
  } catch {
    // Told below.
  }
  throw corrupt(file, "a later release of ami-matrix wrote it, or its list of files is damaged");
}

/** Digests of what really is in an archive: a file may have changed while it was added. */
async function digestsOf(archive: string): Promise<Record<string, string>> {
  const digests: Record<string, string> = {};
  const pending: Promise<void>[] = [];
  await tar.list({
    file: archive,
    strict: true,
    onReadEntry: (entry) => {
      if (entry.type === "Directory") return entry.resume();
      const path = entry.path.replace(/^\.\//, "");
      const hash = createHash("sha256");
      entry.on("data", (chunk: Buffer) => hash.update(chunk));
      pending.push(
        new Promise((done) => {
          entry.on("end", () => {
            digests[path] = hash.digest("hex");
            done();
          });
        }),
      );
      return undefined;
    },
  });
  await Promise.all(pending);
  return digests;
}

async function digestOf(stream: NodeJS.ReadableStream): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(stream, hash);
  return hash.digest("hex");
}

function isBackedUp(path: string, entry: object): boolean {
  const name = path.replace(/^\.\//, "");
  return isPlain(entry) && !LEFT_OUT.some((pattern) => pattern.test(name)) && basename(name) !== EXTRAS;
}

/** Links and devices have no place in a deployment. */
function isPlain(entry: object): boolean {
  if ("isFile" in entry) {
    const stats = entry as { isFile(): boolean; isDirectory(): boolean };
    return stats.isFile() || stats.isDirectory();
  }
  return /^(OldFile|File|Directory|ContiguousFile)$/.test((entry as { type: string }).type);
}

async function sync(file: string): Promise<void> {
  for (const path of [file, dirname(file)]) {
    const handle = await open(path, "r");
    await handle.sync().finally(() => handle.close());
  }
}

function corrupt(file: string, why: string, cause?: unknown): MatrixError {
  return new MatrixError("BACKUP_CORRUPT", `the backup ${file} cannot be used: ${why}`, { cause });
}
