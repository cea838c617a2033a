/** Writes a deployment into a folder. Doing it again changes what the config changes, and never a secret or what somebody edited. */

import { createHash } from "node:crypto";
import { chmod, chown, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { MatrixError } from "../../errors.ts";
import type { DeploymentConfig } from "../config/deployment-config.ts";
import { type Deployment, resolveDeployment } from "../config/resolve.ts";
import { OPERATOR_SECRETS } from "../files/bridges.ts";
import type { GeneratedFile } from "../files/generated-file.ts";
import { dataFolders, renderDeployment } from "../files/render.ts";
import { type Owner, provideSecrets, readSecret, SECRET_FOLDER_MODE, SECRET_MODE } from "../secrets/secret-store.ts";
import { CONFIG_FILE, readConfig } from "./config-file.ts";
import { containerUser } from "./owner.ts";

/** Digests of what was written last, by path. */
const MANIFEST = ".ami-matrix.json";
/** Options of {@link writeDeployment}. */
export interface WriteOptions {
  /** The deployment's folder. Made if missing. */
  readonly dir: string;
  /** What to deploy. Over a deployment that is there it replaces what was asked before, except the server's name. */
  readonly config: DeploymentConfig;
}

/** What {@link writeDeployment} did. Paths are relative to the folder. */
export interface WrittenDeployment {
  /** The folder, absolute. */
  readonly dir: string;
  readonly deployment: Deployment;
  /** Files that are new or changed. */
  readonly written: readonly string[];
  /** Files that somebody edited: they stay as they are, and the new version is beside them as `<name>.new`. */
  readonly kept: readonly string[];
  /** What is left to be done by hand, a sentence each. */
  readonly todo: readonly string[];
}

/**
 * Writes `homeserver.yaml`, secrets, log config, Element's config, `.well-known` documents, proxy configs and `compose.yaml`.
 *
 * @throws {MatrixError} `INVALID_CONFIG`, `SERVER_NAME_FIXED`, `SECRET_UNSAFE`, `FILE_FAILED`
 */
export async function writeDeployment({ dir, config }: WriteOptions): Promise<WrittenDeployment> {
  const folder = resolve(dir);
  const deployment = resolveDeployment(config);
  const before = await readConfig(folder);
  if (before !== undefined && resolveDeployment(before).serverName !== deployment.serverName) {
    const message = `${folder} is the deployment of ${before.serverName}, and a server cannot be renamed: use another folder`;
    throw new MatrixError("SERVER_NAME_FIXED", message);
  }
  const owner = containerUser();
  const chownTo = process.getuid?.() === 0 ? owner : undefined;
  await mkdir(folder, { recursive: true });
  const secrets = { ...(await provideSecrets(join(folder, "secrets"), deployment, chownTo)) };
  const todo: string[] = [];
  for (const bridge of deployment.bridges) {
    const needed = OPERATOR_SECRETS[bridge];
    if (needed === undefined) continue;
    const file = join(folder, "secrets", needed.file);
    const value = await readSecret(file).catch(() => undefined);
    if (value === undefined) todo.push(`Put ${needed.what} into ${file} (chmod 600), and run init again.`);
    else secrets[needed.file] = value;
  }
  for (const path of dataFolders(deployment)) {
    await mkdir(join(folder, path), { recursive: true, mode: SECRET_FOLDER_MODE });
    if (chownTo !== undefined) await chown(join(folder, path), chownTo.uid, chownTo.gid);
  }
  const files = renderDeployment(deployment, secrets, owner);
  const digests = await readManifest(folder);
  const result = { written: [] as string[], kept: [] as string[] };
  const next: Record<string, string> = {};
  for (const file of files) {
    next[file.path] = digest(file.content);
    const state = await write(folder, file, digests[file.path], file.secret ? chownTo : undefined);
    if (state === "written") result.written.push(file.path);
    if (state === "kept") result.kept.push(file.path);
  }
  await writeWhole(join(folder, CONFIG_FILE), `${JSON.stringify(config, null, 2)}\n`, 0o644);
  await writeWhole(join(folder, MANIFEST), `${JSON.stringify(next, null, 2)}\n`, 0o644);
  return { dir: folder, deployment, ...result, todo };
}

/** A file counts as edited when it is neither what was written last nor what is to be written now. Those with secrets are always ours. */
async function write(
  folder: string,
  { path, content, secret = false }: GeneratedFile,
  lastDigest: string | undefined,
  owner: Owner | undefined,
): Promise<"same" | "written" | "kept"> {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true, mode: secret ? SECRET_FOLDER_MODE : 0o755 });
  if (owner !== undefined) await chown(dirname(file), owner.uid, owner.gid);
  const mode = secret ? SECRET_MODE : 0o644;
  const present = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw new MatrixError("FILE_FAILED", `${file} cannot be read: ${error.message}`, { cause: error });
  });
  const same = present === content;
  const edited = !secret && present !== undefined && !same && digest(present) !== lastDigest;
  if (edited) {
    await writeWhole(`${file}.new`, content, mode);
    return "kept";
  }
  await rm(`${file}.new`, { force: true });
  if (same) await chmod(file, mode);
  else await writeWhole(file, content, mode, owner);
  return same ? "same" : "written";
}

/** Never leaves half a file, and never a moment in which a secret is readable. */
async function writeWhole(file: string, content: string, mode: number, owner?: Owner): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, content, { mode, flag: "wx" });
    if (owner !== undefined) await chown(temporary, owner.uid, owner.gid);
    await rename(temporary, file);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new MatrixError("FILE_FAILED", `${file} cannot be written: ${(cause as Error).message}`, { cause });
  }
}

async function readManifest(folder: string): Promise<Record<string, string>> {
  try {
    return JSON.parse(await readFile(join(folder, MANIFEST), "utf8"));
  } catch {
    // Without it, every file that differs counts as edited.
    return {};
  }
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
