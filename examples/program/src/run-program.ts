/** The life of a program that serves. */

import { once } from "node:events";

/**
 * Starts a program and lets it run until SIGINT or SIGTERM. What it opened is closed then, the last first. A failure is told in a line on standard
 * error, and by exit code 1.
 *
 * @param start - opens what the program needs, and returns what to print once it serves.
 */
export async function runProgram(start: (opened: AsyncDisposableStack) => Promise<string>): Promise<void> {
  try {
    await using opened = new AsyncDisposableStack();
    console.log(await start(opened));
    await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
  } catch (error) {
    process.stderr.write(`✗ ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
