/** The program's own log: JSON lines on standard error. */

import pino from "pino";
import type { CheckedConfig } from "./config/schema.ts";

/** Bytes that may wait for whoever reads standard error. What comes on top is dropped: a log must not stop an edge. */
const BUFFER_BYTES = 1024 * 1024;
const STANDARD_ERROR = 2;

/** @param fields - in every line. */
export function openProgramLog(level: CheckedConfig["log"]["level"], fields: object = {}): pino.Logger {
  const destination = pino.destination({
    dest: STANDARD_ERROR,
    sync: false,
    maxLength: BUFFER_BYTES,
    retryEAGAIN: () => true,
  });
  return pino({ level, base: { pid: process.pid, ...fields } }, destination);
}
