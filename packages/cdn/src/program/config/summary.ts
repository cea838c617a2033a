/** A config in a few lines, for people who want to know whether it says what they meant. */

import type { CheckedConfig } from "./schema.ts";
import { formatDuration, formatSize } from "./units.ts";

/** Lines of a name and what is behind it. */
export function summaryOf(config: CheckedConfig): string[] {
  const { upstreams, tls, host = "all addresses", processes, memory, cache, guard, log, admin } = config;
  const port = config.port ?? (tls === undefined ? 8080 : 8443);
  const lines: [string, string][] = [
    ["serves", `${tls === undefined ? "http" : "https, http/2"} on port ${port} of ${host}, as ${config.name}`],
    ["upstreams", upstreams.map(upstreamText).join("; ")],
    ...diskLine(config),
    ["memory", `${formatSize(memory)}${processes > 1 ? ` in ${processes} processes` : ""}`],
    ["key", keyText(cache)],
    ["guard", guardText(guard)],
    ["log", log.format === undefined && log.file === undefined ? "no access log" : logText(log)],
    ["admin", admin === false ? "none" : `port ${admin.port} of ${admin.host}${admin.token ? ", with a token" : ""}`],
    ["drain", formatDuration(config.drain)],
  ];
  return lines.map(([name, value]) => `${name.padEnd(10)} ${value}`);
}

function upstreamText({ url, name, weight, backup, health, s3 }: CheckedConfig["upstreams"][number]): string {
  const more = [
    name,
    weight === undefined ? undefined : `weight ${weight}`,
    backup === true ? "backup" : undefined,
    health === undefined ? undefined : `checked at ${health.path}`,
    s3 === undefined ? undefined : "S3",
  ].filter((each) => each !== undefined);
  return more.length === 0 ? url : `${url} (${more.join(", ")})`;
}

function keyText({ keepParams, ignoreParams }: CheckedConfig["cache"]): string {
  if (keepParams !== undefined) return `path and ${keepParams.length === 0 ? "no parameters" : keepParams.join(", ")}`;
  return `path and query${ignoreParams === undefined ? "" : ` without ${ignoreParams.join(", ")}`}`;
}

function guardText(guard: CheckedConfig["guard"]): string {
  const names = Object.entries(guard).flatMap(([name, section]) => (section === undefined ? [] : name));
  return names.length === 0 ? "everybody may ask" : names.join(", ");
}

function logText({ format = "json", file = "-", sample = 1 }: CheckedConfig["log"]): string {
  const part = typeof sample === "number" ? `${Math.round(sample * 1e4) / 100} %` : "a share by outcome";
  return `${format} lines of ${part} of the requests, in ${file === "-" ? "standard output" : file}`;
}

function diskLine({ disk }: CheckedConfig): [string, string][] {
  return disk === undefined ? [] : [["disk", `${formatSize(disk.size)} in ${disk.path}`]];
}
