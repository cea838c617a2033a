/** `ami-matrix doctor`. */

import { readFile } from "node:fs/promises";
import { examine } from "../deployment/doctor/doctor.ts";
import type { Finding, FindingLevel } from "../deployment/doctor/finding.ts";
import { findLocal } from "../deployment/local/local.ts";
import { readDeployment } from "../deployment/write/config-file.ts";
import { MatrixError } from "../errors.ts";

/** Options as commander gives them. */
export interface DoctorFlags {
  readonly dir?: string;
  readonly tokenFile?: string;
  readonly connectTo?: string[];
  readonly ca?: string;
  readonly json?: boolean;
}

const MARKS: Readonly<Record<FindingLevel, string>> = { ok: "✓", warning: "!", failure: "✗", skipped: "–" };

/** Prints findings as they come. Exit code 1 where something fails. */
export async function doctor(
  server: string | undefined,
  { dir, tokenFile, connectTo = [], ca, json }: DoctorFlags,
): Promise<void> {
  const examination = examine({
    server: server ?? (await serverOf(dir)),
    connectTo: Object.fromEntries(connectTo.map(parsePair)),
    ...(dir === undefined ? {} : { dir }),
    ...(tokenFile === undefined ? {} : { token: (await readFile(tokenFile, "utf8")).trim() }),
    ...(ca === undefined ? {} : { ca: await readFile(ca, "utf8") }),
  });
  for await (const finding of examination) {
    process.stdout.write(json === true ? `${JSON.stringify(finding)}\n` : lineOf(finding));
    if (finding.level === "failure") process.exitCode = 1;
  }
}

/** That of a folder: by its loopback address where it runs without containers. */
async function serverOf(dir: string | undefined): Promise<string> {
  if (dir === undefined) throw new MatrixError("INVALID_CONFIG", "name a server, or a deployment's folder with --dir");
  return (await findLocal(dir))?.url ?? (await readDeployment(dir)).serverName;
}

function parsePair(text: string): [string, string] {
  const [from = "", to = ""] = text.split("=");
  if (!/:\d+$/.test(from) || !/:\d+$/.test(to))
    throw new MatrixError("INVALID_CONFIG", `"${text}" is not host:port=host:port`);
  return [from, to];
}

function lineOf({ level, check, what, advice }: Finding): string {
  const line = `${MARKS[level]} ${check.padEnd(12)} ${what}\n`;
  return advice === undefined ? line : `${line}  ${"".padEnd(12)} → ${advice}\n`;
}
