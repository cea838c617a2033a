/** Makes folders. */

import { mkdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";

/**
 * Makes a folder, and those above it that are missing. Unlike node:fs's own `recursive` it ends where a folder takes none: below /proc that one
 * tries for ever.
 *
 * @throws the system's error of the first that cannot be made.
 */
export async function makeFolder(path: string): Promise<void> {
  const missing: string[] = [];
  let folder = resolve(path);
  while (!(await isFolder(folder))) {
    missing.push(folder);
    const above = dirname(folder);
    if (above === folder) break;
    folder = above;
  }
  for (const each of missing.reverse()) {
    await mkdir(each).catch(async (error: unknown) => {
      // Made by somebody else meanwhile.
      if (!(await isFolder(each))) throw error;
    });
  }
}

async function isFolder(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
