/** `ami-edge top`: looks at an edge every second, and shows it. */

import { setTimeout as sleep } from "node:timers/promises";
import type { ProgramReport } from "../admin/program-report.ts";
import { parseDuration } from "../config/units.ts";
import { messageOf, ProgramError } from "../program-error.ts";
import { renderTop } from "./render.ts";

/** Milliseconds that an edge may take to answer. */
const DEADLINE = 5_000;
/** Of a terminal that does not say how large it is. */
const COLUMNS = 80;
const ROWS = 24;

/** Options of {@link runTop}, as the command line has them. */
export interface TopOptions {
  readonly admin: string;
  readonly token?: string;
  readonly interval: string;
  readonly once?: boolean;
}

/**
 * Runs until Ctrl-C or `q`; one frame where nobody watches, or where one was asked for.
 *
 * @throws {ProgramError} that the edge cannot be asked.
 */
export async function runTop({ admin, token = process.env.AMI_EDGE_TOKEN, interval, once }: TopOptions): Promise<void> {
  const milliseconds = parseDuration(interval);
  if (milliseconds === undefined || milliseconds < 100) {
    throw new ProgramError(`--interval ${interval}: write it like 1s or 500ms, at least 100ms`);
  }
  if (!URL.canParse(admin)) throw new ProgramError(`--admin ${admin} is no URL such as http://127.0.0.1:9180`);
  const url = new URL("/stats", admin).href;
  const { stdout } = process;
  const isWatched = stdout.isTTY && once !== true;
  const colors = stdout.isTTY && (process.env.NO_COLOR ?? "") === "";

  let before: ProgramReport | undefined;
  let at = performance.now();
  const frame = (now: ProgramReport): string[] => {
    const time = performance.now();
    // A terminal that does not know how large it is says 0.
    const columns = stdout.columns || COLUMNS;
    const rows = isWatched ? stdout.rows || ROWS : Number.POSITIVE_INFINITY;
    const lines = renderTop({ before, now, elapsed: time - at, colors, columns, rows });
    before = now;
    at = time;
    return lines;
  };

  // Rates need two looks.
  before = await look(url, token);
  at = performance.now();
  await sleep(milliseconds);
  if (!isWatched) {
    stdout.write(`${frame(await look(url, token)).join("\n")}\n`);
    return;
  }
  await using screen = openScreen();
  while (!screen.closed.aborted) {
    let lines: string[];
    try {
      lines = frame(await look(url, token));
    } catch (error) {
      lines = [`✗ ${messageOf(error)}`];
    }
    screen.show(lines);
    await sleep(milliseconds, undefined, { signal: screen.closed }).catch(() => {});
  }
}

async function look(url: string, token: string | undefined): Promise<ProgramReport> {
  let response: Response;
  try {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    response = await fetch(url, { headers, signal: AbortSignal.timeout(DEADLINE) });
  } catch (cause) {
    throw new ProgramError(`there is no edge at ${url}: say with --admin where its admin port is`, { cause });
  }
  if (response.status === 401)
    throw new ProgramError("the edge wants its admin token: give --token, or set AMI_EDGE_TOKEN");
  if (!response.ok) throw new ProgramError(`${url} answers ${response.status}`);
  return (await response.json()) as ProgramReport;
}

interface Screen extends AsyncDisposable {
  /** Aborts when whoever watches has seen enough. */
  readonly closed: AbortSignal;
  show(lines: readonly string[]): void;
}

/** The terminal's second screen, so that what was on it before comes back. */
function openScreen(): Screen {
  const { stdin, stdout } = process;
  const closing = new AbortController();
  const close = (): void => closing.abort();
  process.once("SIGINT", close);
  process.once("SIGTERM", close);
  const onKey = (key: Buffer): void => {
    // In raw mode, Ctrl-C is a key like any other.
    if (key.includes("q") || key.includes(3)) close();
  };
  if (stdin.isTTY) stdin.setRawMode(true).on("data", onKey).resume();
  stdout.write("\x1b[?1049h\x1b[?25l");
  return {
    closed: closing.signal,
    show: (lines) => stdout.write(`\x1b[H${lines.map((line) => `${line}\x1b[K`).join("\r\n")}\x1b[J`),
    async [Symbol.asyncDispose]() {
      stdout.write("\x1b[?25h\x1b[?1049l");
      process.off("SIGINT", close);
      process.off("SIGTERM", close);
      if (stdin.isTTY) stdin.setRawMode(false).off("data", onKey).pause();
    },
  };
}
