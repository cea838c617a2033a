/** `ami-matrix.json`: what was asked of a deployment. It holds no secret. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { MatrixError } from "../../errors.ts";
import type { DeploymentConfig } from "../config/deployment-config.ts";
import { type Deployment, resolveDeployment } from "../config/resolve.ts";

/** In the deployment's folder. */
export const CONFIG_FILE = "ami-matrix.json";

/** What was asked, or undefined where there is no deployment yet. Unchecked. */
export async function readConfig(folder: string): Promise<DeploymentConfig | undefined> {
  const file = join(folder, CONFIG_FILE);
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new MatrixError("FILE_FAILED", `${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MatrixError("INVALID_CONFIG", `${file} is no JSON: ${(cause as Error).message}`, { cause });
  }
}

/**
 * The deployment in a folder.
 *
 * @throws {MatrixError} `NO_DEPLOYMENT` where there is none.
 */
export async function readDeployment(folder: string): Promise<Deployment> {
  const config = await readConfig(folder);
  if (config === undefined) {
    throw new MatrixError("NO_DEPLOYMENT", `there is no deployment in ${folder}: run ami-matrix init --dir ${folder}`);
  }
  return resolveDeployment(config);
}
