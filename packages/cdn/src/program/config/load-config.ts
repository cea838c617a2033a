/** The config that counts: what the file says, and what the command line says over it. */

import { ProgramError } from "../program-error.ts";
import { checkConfig } from "./check-config.ts";
import { readConfigFile } from "./config-file.ts";
import type { EdgeConfig } from "./edge-config.ts";
import type { CheckedConfig } from "./schema.ts";

/** Where a config comes from. It can be read again. */
export interface ConfigSource {
  /** Path of the config file, if there is one. */
  readonly file?: string | undefined;
  /** What the command line, or whoever embeds the program, says. */
  readonly flags: EdgeConfig;
}

/** A config with something wrong in it. */
export class ConfigError extends ProgramError {
  /** A line for each thing that is wrong. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[], file: string | undefined) {
    const more = problems.length > 1 ? ` (and ${problems.length - 1} more: ami-edge check lists them)` : "";
    super(`${file === undefined ? "" : `${file}: `}${problems[0]}${more}`);
    this.problems = problems;
  }
}

/**
 * Reads, merges and checks.
 *
 * @throws {ProgramError} that the file cannot be read; a {@link ConfigError} where something in it is wrong.
 */
export async function loadConfig({ file, flags }: ConfigSource): Promise<CheckedConfig> {
  const written = file === undefined ? {} : await readConfigFile(file);
  const { config, problems } = checkConfig(merge(written, flags));
  if (config === undefined) throw new ConfigError(problems, file);
  return config;
}

/** Objects are merged field by field; everything else is replaced. */
function merge(below: unknown, above: unknown): unknown {
  if (above === undefined) return below;
  if (!isPlain(below) || !isPlain(above)) return above;
  const merged: Record<string, unknown> = { ...below };
  for (const [key, value] of Object.entries(above)) merged[key] = merge(merged[key], value);
  return merged;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
