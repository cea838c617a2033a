/** The file of the access log: buffered, bounded, opened anew for logrotate. It never holds up a request. */

import { once } from "node:events";
import { open } from "node:fs/promises";
import { dirname } from "node:path";
import pino from "pino";
import type { Logger } from "../logger.ts";
import { makeFolder } from "../make-folder.ts";
import type { LogSink } from "../watch/access-log.ts";
import { messageOf, ProgramError } from "./program-error.ts";

/** Bytes of lines that may wait to be written; what comes on top is dropped, and counted. */
export const LOG_BUFFER_BYTES = 16 * 1024 * 1024;
/** Lines are handed to the system in pieces of at most so many characters, … */
const PIECE = 16 * 1024;
/** … to a pipe in smaller ones: what several processes write to it is mixed up beyond 4 KiB (POSIX, PIPE_BUF). */
const PIPE_PIECE = 4096;
/** … or when so many milliseconds have passed. */
const FLUSH_INTERVAL = 250;
/** Milliseconds that closing waits for what is buffered. */
const CLOSE_DEADLINE = 1000;
/** Milliseconds between two complaints of a log that cannot be written. */
const COMPLAINT_INTERVAL = 60_000;
const STANDARD_OUTPUT = 1;

/** An open log file. */
export interface LogFile extends LogSink {
  /** Lines taken so far, and lines among them that were dropped because the disk, or who reads the pipe, was too slow. */
  readonly lines: number;
  readonly dropped: number;
  /** Opens the file anew: its name may be another file's by now. */
  reopen(): void;
  /** Writes what is buffered, for a second at most. Idempotent. */
  close(): Promise<void>;
}

/**
 * Opens a log file, and makes its folder where that is missing.
 *
 * @param path - `-` is standard output.
 * @throws {ProgramError} that it cannot be opened.
 */
export async function openLogFile(path: string, logger: Logger): Promise<LogFile> {
  if (path !== "-") await openOnce(path);
  let closing = false;
  const most = path === "-" ? PIPE_PIECE : PIECE;
  const destination = pino.destination({
    dest: path === "-" ? STANDARD_OUTPUT : path,
    sync: false,
    minLength: 0,
    maxLength: LOG_BUFFER_BYTES,
    maxWrite: most,
    retryEAGAIN: () => !closing,
  });
  await once(destination, "ready");
  let complainedAt = Number.NEGATIVE_INFINITY;
  destination.on("error", (error) => {
    const now = performance.now();
    if (now - complainedAt < COMPLAINT_INTERVAL) return;
    complainedAt = now;
    logger.error({ err: error, file: path }, "the access log cannot be written");
  });
  let lines = 0;
  let dropped = 0;
  destination.on("drop", (piece: string) => {
    dropped += linesOf(piece);
  });

  let gone = false;
  destination.once("close", () => {
    gone = true;
  });

  // One piece, not one line: the destination looks at all that it holds of a piece for each write.
  let piece = "";
  const flush = (): void => {
    if (piece === "") return;
    const text = piece;
    piece = "";
    if (!gone) destination.write(text);
  };
  const timer = setInterval(flush, FLUSH_INTERVAL).unref();

  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    closing = true;
    clearInterval(timer);
    flush();
    const ended = once(destination, "close");
    const deadline = setTimeout(() => destination.destroy(), CLOSE_DEADLINE);
    destination.end();
    await ended.catch(() => {});
    clearTimeout(deadline);
  };
  return {
    write(line) {
      lines += 1;
      if (piece.length + line.length > most) flush();
      piece += line;
    },
    get lines() {
      return lines;
    },
    get dropped() {
      return dropped;
    },
    reopen() {
      if (path === "-" || gone) return;
      flush();
      destination.reopen();
    },
    close() {
      closed ??= close();
      return closed;
    },
  };
}

/** Finds out what pino's destination could only say too late: one that cannot be opened fails again when the program ends. */
async function openOnce(path: string): Promise<void> {
  try {
    await makeFolder(dirname(path));
    await (await open(path, "a")).close();
  } catch (cause) {
    throw new ProgramError(`the access log ${path} cannot be opened: ${messageOf(cause)}`, { cause });
  }
}

function linesOf(piece: string): number {
  let count = 0;
  for (let at = piece.indexOf("\n"); at !== -1; at = piece.indexOf("\n", at + 1)) count += 1;
  return count;
}
