/** `ami-matrix backup` and `restore`. */

import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { backUp, restoreBackup } from "../deployment/backup/backup.ts";

/** Says where the backup is, and how large. */
export async function backup({ dir, file }: { dir: string; file?: string }): Promise<void> {
  const written = await backUp({ dir, ...(file === undefined ? {} : { file }) });
  const { size } = await stat(written.file);
  process.stdout.write(
    `${written.file} (${(size / 1024 ** 2).toFixed(1)} MiB): keep it as safe as the server, it holds its secrets\n`,
  );
}

/** Makes a folder of a backup. */
export async function restore(
  file: string,
  { dir, database = process.env.AMI_MATRIX_DATABASE }: { dir: string; database?: string },
): Promise<void> {
  const { serverName, createdAt, kind } = await restoreBackup({
    file,
    dir,
    ...(database === undefined ? {} : { database }),
  });
  const how = kind === "local" ? " --local" : "";
  process.stdout.write(
    `${serverName} as of ${createdAt} is in ${resolve(dir)}\nNext: ami-matrix up${how} --dir ${dir}\n`,
  );
}
