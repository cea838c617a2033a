/** Changing to another release of Synapse. A release may change the database for good, so a backup comes first. */

import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { MatrixError } from "../../errors.ts";
import { backUp, restoreBackup } from "../backup/backup.ts";
import type { DeploymentConfig } from "../config/deployment-config.ts";
import { SYNAPSE_VERSION, synapseImage } from "../config/images.ts";
import { compose } from "../containers/compose.ts";
import { type DatabaseChoice, readChoice } from "../local/database.ts";
import { readVersion, startLocal, stopLocal } from "../local/local.ts";
import { type LocalPaths, localPaths } from "../local/paths.ts";
import { readState } from "../local/process.ts";
import { type InstallOptions, installSynapse } from "../local/synapse.ts";
import { readConfig, readDeployment } from "../write/config-file.ts";
import { writeDeployment } from "../write/write-deployment.ts";

/** Options of {@link upgrade}. */
export interface UpgradeOptions extends Omit<InstallOptions, "version"> {
  /** The deployment's folder. */
  readonly dir: string;
  /** The release. Default: the one that the generated configuration is tested with. */
  readonly to?: string;
}

/** What {@link upgrade} did. */
export interface Upgrade {
  readonly from: string;
  readonly to: string;
  /** The deployment as it was; undefined where nothing had to be done. */
  readonly backup: string | undefined;
}

/**
 * Backs up, stops, and starts the other release. Where a local homeserver does not start with it, what was there before is put back and started.
 *
 * @throws {MatrixError} `INVALID_CONFIG` for an older release, `INSTALL_FAILED`, `UPGRADE_FAILED`
 */
export async function upgrade(options: UpgradeOptions): Promise<Upgrade> {
  const { dir, to = SYNAPSE_VERSION, say } = options;
  if (!/^\d+\.\d+\.\d+(rc\d+)?$/.test(to))
    throw new MatrixError("INVALID_CONFIG", `"${to}" is no release of Synapse: write it like ${SYNAPSE_VERSION}`);
  const { images } = await readDeployment(dir);
  const paths = localPaths(dir);
  const choice = await readChoice(paths);
  const local = choice !== undefined;
  const from = local ? ((await readVersion(paths)) ?? SYNAPSE_VERSION) : images.synapse.replace(/^.*:v?/, "");
  if (isOlder(to, from)) {
    throw new MatrixError(
      "INVALID_CONFIG",
      `Synapse ${to} is older than ${from}, which has changed the database: restore a backup instead`,
    );
  }
  if (local && to === from) return { from, to, backup: undefined };
  return choice === undefined
    ? await upgradeContainers(dir, from, to, say)
    : await upgradeLocal(paths, choice, from, { ...options, to });
}

async function upgradeLocal(
  paths: LocalPaths,
  choice: DatabaseChoice,
  from: string,
  { dir, to, ...install }: UpgradeOptions & { readonly to: string },
): Promise<Upgrade> {
  await installSynapse({ ...install, version: to });
  const state = await readState(paths);
  const port = state === undefined ? 0 : Number(new URL(state.url).port);
  await stopLocal(dir);
  install.say?.("backup");
  const { file } = await backUp({ dir });
  try {
    await startLocal({ ...install, dir, port, version: to });
  } catch (cause) {
    install.say?.(`Synapse ${to} did not start: putting back what was there`);
    if (choice.kind !== "url") await putBack(paths, file);
    if (state !== undefined) await startLocal({ ...install, dir, port, version: from });
    const undone = choice.kind === "url" ? "the database may have been changed" : "everything is as it was";
    throw new MatrixError(
      "UPGRADE_FAILED",
      `Synapse ${to} did not start; ${undone}, and ${file} is the backup: ${(cause as Error).message}`,
      { cause },
    );
  }
  if (state === undefined) await stopLocal(dir);
  return { from, to, backup: file };
}

/** What a local homeserver stores comes back from the backup. The failed attempt is kept until that is done. */
async function putBack(paths: LocalPaths, file: string): Promise<void> {
  const restored = `${paths.root}.restored`;
  const failed = join(paths.root, "local.failed.tmp");
  await restoreBackup({ file, dir: restored });
  await rm(failed, { recursive: true, force: true });
  await rename(paths.folder, failed);
  await rename(join(restored, "local"), paths.folder);
  for (const folder of [restored, failed]) await rm(folder, { recursive: true, force: true });
}

async function upgradeContainers(dir: string, from: string, to: string, say: InstallOptions["say"]): Promise<Upgrade> {
  const config = await readConfig(dir);
  if (config === undefined) throw new MatrixError("NO_DEPLOYMENT", `there is no deployment in ${dir}`);
  say?.("backup");
  const { file } = await backUp({ dir });
  await writeDeployment({ dir, config: withRelease(config, to) });
  try {
    await compose(dir, ["pull"]);
    await compose(dir, ["up", "--detach", "--wait", "--remove-orphans"]);
  } catch (cause) {
    throw new MatrixError(
      "UPGRADE_FAILED",
      `the containers did not start; ${file} is the backup: ${(cause as Error).message}`,
      { cause },
    );
  }
  return { from, to, backup: file };
}

/** An image that was asked for keeps its name and gets another tag. */
function withRelease(config: DeploymentConfig, version: string): DeploymentConfig {
  const asked = config.images?.synapse;
  if (asked === undefined && version === SYNAPSE_VERSION) return config;
  const synapse = asked === undefined ? synapseImage(version) : asked.replace(/(@.*|:[^:/]*)?$/, `:v${version}`);
  return { ...config, images: { ...config.images, synapse } };
}

/** Whether one release came before the other. A release candidate comes before its release. */
function isOlder(one: string, other: string): boolean {
  const parts = (version: string): number[] => {
    const [numbers = "", candidate] = version.split("rc");
    return [...numbers.split(".").map(Number), candidate === undefined ? Number.POSITIVE_INFINITY : Number(candidate)];
  };
  const [a, b] = [parts(one), parts(other)];
  const index = a.findIndex((part, position) => part !== b[position]);
  return index >= 0 && (a[index] ?? 0) < (b[index] ?? 0);
}
