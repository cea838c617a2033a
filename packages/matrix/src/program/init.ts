/** `ami-matrix init`: from flags, a config file or questions to a deployment. */

import { extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { BridgeName, DeploymentConfig } from "../deployment/config/deployment-config.ts";
import { readConfig } from "../deployment/write/config-file.ts";
import { type WrittenDeployment, writeDeployment } from "../deployment/write/write-deployment.ts";
import { MatrixError } from "../errors.ts";

/** Options as commander gives them. */
export interface InitFlags {
  readonly dir: string;
  readonly serverName?: string;
  readonly config?: string;
  readonly publicUrl?: string;
  readonly isolated?: boolean;
  readonly registration?: string;
  readonly admin?: string[];
  readonly contact?: string;
  /** False where it says `--no-element`. */
  readonly element: boolean;
  readonly turn: boolean;
  readonly workers?: string;
  readonly calls?: boolean;
  readonly jitsi?: boolean;
  readonly bridge?: string[];
  readonly proxy?: string;
  readonly yes?: boolean;
}

/** Flags count over the config file, and that over what was asked before. */
export async function init(flags: InitFlags): Promise<void> {
  const before = flags.config === undefined ? await readConfig(flags.dir) : await readConfigFile(flags.config);
  let config = { ...before, ...configOfFlags(flags) };
  if (flags.yes !== true && before === undefined && process.stdin.isTTY) {
    const { ask } = await import("./questions.ts");
    config = await ask(config);
  }
  if (config.serverName === undefined) {
    throw new MatrixError("INVALID_CONFIG", "give the server a name: --server-name example.org");
  }
  const written = await writeDeployment({ dir: flags.dir, config: config as DeploymentConfig });
  process.stdout.write(report(written));
}

/** The part of a config that was given on the command line. Whether it makes sense is for the schema to say. */
function configOfFlags(flags: InitFlags): Partial<DeploymentConfig> {
  const given: { [Name in keyof DeploymentConfig]: unknown } = {
    serverName: flags.serverName,
    publicUrl: flags.publicUrl,
    federation: flags.isolated ? false : undefined,
    registration: flags.registration,
    admins: flags.admin,
    contactEmail: flags.contact,
    element: flags.element ? undefined : false,
    turn: flags.turn ? undefined : false,
    workers: flags.workers === undefined ? undefined : Number(flags.workers),
    calls: flags.calls,
    jitsi: flags.jitsi,
    bridges: flags.bridge as BridgeName[] | undefined,
    proxy: flags.proxy,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** A script's default export, or JSON. */
async function readConfigFile(path: string): Promise<Partial<DeploymentConfig>> {
  const file = resolve(path);
  const attributes = extname(file) === ".json" ? { with: { type: "json" } } : {};
  try {
    const { default: config } = await import(pathToFileURL(file).href, attributes);
    if (typeof config === "object" && config !== null) return config;
  } catch (cause) {
    throw new MatrixError("INVALID_CONFIG", `${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
  throw new MatrixError(
    "INVALID_CONFIG",
    `${file} has no default export: write export default defineDeployment({ … })`,
  );
}

function report({ dir, deployment, written, kept, todo }: WrittenDeployment): string {
  const lines = [`${deployment.serverName} in ${dir}: ${written.length} files written, secrets in secrets/`];
  for (const path of kept) lines.push(`  ${path} was edited, and stays: compare it with ${path}.new`);
  for (const each of todo) lines.push(`  ${each}`);
  lines.push(`Next: ami-matrix up --dir ${dir}`);
  return `${lines.join("\n")}\n`;
}
