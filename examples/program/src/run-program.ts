/** The life of a program that serves. */

import { constants } from "node:os";

const endings = ["SIGINT", "SIGTERM"] as const;

/**
 * Starts a program and lets it run until SIGINT or SIGTERM. What it opened is closed then, the last first; one that is still starting just ends.
 * A failure is told in a line on standard error, and by exit code 1.
 *
 * @param start - opens what the program needs, and returns what to print once it serves.
 */
export async function runProgram(start: (opened: AsyncDisposableStack) => Promise<string>): Promise<void> {
  let serves = false;
  const ended = new Promise<void>((resolve) => {
    for (const signal of endings) {
      process.once(signal, () => {
        if (serves) resolve();
        // Nothing is worth waiting for yet.
        else process.exit(128 + constants.signals[signal]);
      });
    }
  });
  try {
    await using opened = new AsyncDisposableStack();
    const line = await start(opened);
    // Before the line is printed: whoever waits for it may send a signal at once.
    serves = true;
    console.log(line);
    await ended;
  } catch (error) {
    process.stderr.write(`✗ ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
