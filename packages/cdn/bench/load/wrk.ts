/** Closed-loop load by wrk, with the CPU time that the server spent on it. */

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { cpuOf, LOAD_CORE } from "./processes.ts";

const run = promisify(execFile);

/** What one round gave. */
export interface Sample {
  /** Answers per second; of large ones, which a round ends in the middle of, bytes by their size. */
  readonly requests: number;
  /** Megabytes (10⁶) per second. */
  readonly megabytes: number;
  /** CPU time of the server per answer, microseconds. */
  readonly cpu: number;
  /** Share of the one core that the server had. */
  readonly busy: number;
}

/** Larger answers are counted by their bytes. */
const COUNTED_BY_BYTES = 512 * 1024;
const UNITS = { B: 1, KB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30 };

/**
 * Loads a URL.
 *
 * @param size - bytes of the body behind it.
 * @throws Error when a request failed.
 */
export async function load(
  wrk: string,
  url: string,
  { size, connections, seconds, pids }: { size: number; connections: number; seconds: number; pids: readonly number[] },
): Promise<Sample> {
  const before = await cpuOf(pids);
  const args = ["-t1", `-c${connections}`, `-d${seconds}s`, "--timeout", "30s", url];
  const { stdout } = await run("taskset", ["-c", LOAD_CORE, wrk, ...args]);
  const spent = (await cpuOf(pids)) - before;
  // Of connections, wrk counts as a failed read what it cuts itself at the end.
  if (/Non-2xx|connect [1-9]|write [1-9]/.test(stdout)) throw new Error(`${url} failed under load:\n${stdout}`);
  const [, total = "", took = "", amount = "", unit = "B"] =
    /(\d+) requests in ([\d.]+)s, ([\d.]+)([KMG]?B) read/.exec(stdout) ?? [];
  const bytes = Number(amount) * UNITS[unit as keyof typeof UNITS];
  const answers = size > COUNTED_BY_BYTES ? bytes / size : Number(total);
  const elapsed = Number(took);
  return {
    requests: answers / elapsed,
    megabytes: bytes / elapsed / 1e6,
    cpu: (spent * 1e6) / answers,
    busy: spent / elapsed,
  };
}
