/** Runs the first example of a README as its reader would: saved to a file of the package, started by Node. */

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

/**
 * Extracts the first ```ts fence of `README.md` in the package folder and runs it verbatim, with the workspace's sources behind
 * the imports.
 *
 * @param packageUrl - URL of the package folder, e.g. `new URL("..", import.meta.url)` from a test in `src/`.
 * @returns what the example printed.
 * @throws when it has no such fence, does not end by itself within a minute, or exits with an error.
 */
export async function runReadmeExample(packageUrl: URL): Promise<{ code: string; stdout: string }> {
  const folder = fileURLToPath(packageUrl);
  const readme = await readFile(join(folder, "README.md"), "utf8");
  const code = /^```ts\n([\s\S]*?)^```/m.exec(readme)?.[1];
  if (code === undefined) throw new Error(`${folder}: README.md has no \`\`\`ts example`);
  const temporary = await mkdtemp(join(folder, "src", ".readme-"));
  try {
    const file = join(temporary, "example.ts");
    await writeFile(file, code);
    const { stdout } = await run(process.execPath, ["--conditions=@ami-streams/source", "--no-warnings", file], {
      cwd: folder,
      timeout: 60_000,
    });
    return { code, stdout };
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}
