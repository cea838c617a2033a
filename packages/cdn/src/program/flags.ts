/** What the command line says, as a config. Whether it makes sense is for the schema to say, as of a file. */

import type { EdgeConfig } from "./config/edge-config.ts";

/** Options as commander gives them. */
export interface Flags {
  readonly config?: string;
  readonly upstream?: string[];
  readonly port?: string;
  readonly host?: string;
  readonly name?: string;
  readonly memory?: string;
  readonly disk?: string;
  readonly processes?: string;
  readonly ignoreParam?: string[];
  readonly keepParam?: string[];
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  /** False where it says `--no-admin`. */
  readonly admin?: boolean;
  readonly adminHost?: string;
  readonly adminPort?: string;
  readonly logLevel?: string;
  readonly logFormat?: string;
  readonly logSample?: string;
  readonly logFile?: string;
  readonly drain?: string;
}

/** The part of a config that was given on the command line. */
export function configOfFlags(flags: Flags): EdgeConfig {
  const config = {
    port: numeric(flags.port),
    host: flags.host,
    name: flags.name,
    processes: numeric(flags.processes),
    drain: flags.drain,
    upstreams: flags.upstream,
    memory: flags.memory,
    disk: flags.disk === undefined ? undefined : diskOf(flags.disk),
    cache: some({ ignoreParams: flags.ignoreParam, keepParams: flags.keepParam }),
    tls: some({ cert: flags.tlsCert, key: flags.tlsKey }),
    admin: flags.admin === false ? false : some({ host: flags.adminHost, port: numeric(flags.adminPort) }),
    log: some({
      level: flags.logLevel,
      format: flags.logFormat,
      sample: numeric(flags.logSample),
      file: flags.logFile,
    }),
  };
  return (some(config) ?? {}) as EdgeConfig;
}

/** What is no number stays text, and the schema says so. */
function numeric(text: string | undefined): number | string | undefined {
  if (text === undefined) return undefined;
  return text.trim() === "" || Number.isNaN(Number(text)) ? text : Number(text);
}

/** `/var/cache/ami:200GiB`. */
function diskOf(text: string): { path: string; size: string | undefined } {
  const colon = text.lastIndexOf(":");
  return colon <= 0 ? { path: text, size: undefined } : { path: text.slice(0, colon), size: text.slice(colon + 1) };
}

/** Fields that were given; undefined where none was. */
function some(fields: Record<string, unknown>): Record<string, unknown> | undefined {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return given.length === 0 ? undefined : Object.fromEntries(given);
}
