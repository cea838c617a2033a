/** What a test asks of a function that may throw. */

import { IngestError } from "../errors.ts";

/** The code that it throws, undefined when it does not; anything but a typed error goes on up. */
export function errorCode(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    if (error instanceof IngestError) return error.code;
    throw error;
  }
  return undefined;
}
