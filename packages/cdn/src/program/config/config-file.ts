/** Reads config files: TypeScript (its types are stripped by Node), JavaScript or JSON. */

import { readdirSync } from "node:fs";
import { access, readFile } from "node:fs/promises";
import { dirname, extname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { messageOf, ProgramError } from "../program-error.ts";
import { CONFIG_SCRIPT } from "./config-script.ts";

/** Names that are looked for in the folder where the program starts. The first one counts. */
export const CONFIG_NAMES = ["ts", "mts", "js", "mjs", "json"].map((extension) => `ami-edge.config.${extension}`);
/** Milliseconds that a config file may take to run. */
const CONFIG_DEADLINE = 10_000;

/** Fields that name files, relative to the config's folder. `*` is any key. */
const FILE_FIELDS = [
  ["tls", "cert"],
  ["tls", "key"],
  ["log", "file"],
  ["guard", "countries", "file"],
  ["disk", "path"],
  ["upstreams", "*", "socketPath"],
  ["upstreams", "*", "tls", "cert"],
  ["upstreams", "*", "tls", "key"],
  ["upstreams", "*", "tls", "ca"],
];

/** The config file of a folder, if it has one. */
export function findConfigFile(folder: string): string | undefined {
  const names = new Set(readdirSync(folder));
  const name = CONFIG_NAMES.find((each) => names.has(each));
  return name === undefined ? undefined : join(folder, name);
}

/**
 * What a config file says, unchecked. A script runs in a thread of its own each time, so that what it imports is read anew, too.
 *
 * @throws {ProgramError}
 */
export async function readConfigFile(path: string): Promise<unknown> {
  const file = resolve(path);
  await access(file).catch((cause: unknown) => {
    throw new ProgramError(`there is no config file ${file}`, { cause });
  });
  const config = extname(file) === ".json" ? await readJson(file) : await runScript(file);
  for (const field of FILE_FIELDS) resolveFiles(config, field, dirname(file));
  return config;
}

async function readJson(file: string): Promise<unknown> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw unreadable(file, cause);
  });
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ProgramError(`${file} is no JSON: ${messageOf(cause)}`, { cause });
  }
}

async function runScript(file: string): Promise<unknown> {
  const thread = new Worker(CONFIG_SCRIPT, {
    ...{ eval: true, name: "config" },
    workerData: { file: pathToFileURL(file).href, self: import.meta.url },
  });
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise((resolve, reject) => {
      const fail = (error: unknown): void => reject(unreadable(file, error));
      thread.once("message", ({ config, error }) => {
        if (error === undefined) resolve(config);
        else fail(error);
      });
      thread.once("error", fail);
      thread.once("exit", () => fail({ message: "it ended the process" }));
      timer = setTimeout(() => fail({ message: `it took more than ${CONFIG_DEADLINE / 1000} s` }), CONFIG_DEADLINE);
    });
  } finally {
    clearTimeout(timer);
    await thread.terminate();
  }
}

/** @param error - what went wrong, and where, if that is known. */
function unreadable(file: string, error: unknown): ProgramError {
  const { message = String(error), ...place } = error as { message?: string; file?: string; line?: number };
  const isElsewhere = place.file !== undefined && place.file !== file;
  const where = place.line === undefined ? "" : `${isElsewhere ? `${place.file}, ` : ""}line ${place.line}: `;
  return new ProgramError(`${file} cannot be read: ${where}${message.split("\n", 1)[0]}`, { cause: error });
}

function resolveFiles(value: unknown, [key = "", ...rest]: readonly string[], folder: string): void {
  if (typeof value !== "object" || value === null) return;
  const fields = value as Record<string, unknown>;
  for (const each of key === "*" ? Object.keys(fields) : [key]) {
    if (rest.length > 0) resolveFiles(fields[each], rest, folder);
    else if (Array.isArray(fields[each])) fields[each] = fields[each].map((file) => inFolder(file, folder));
    else if (each in fields) fields[each] = inFolder(fields[each], folder);
  }
}

function inFolder(file: unknown, folder: string): unknown {
  return typeof file === "string" && file !== "" && file !== "-" ? resolve(folder, file) : file;
}
