/** Why the program ends without serving: told in a line that says what to do. */

import { CdnError } from "../errors.ts";

/** An error for people at a terminal. */
export class ProgramError extends Error {
  override readonly name = "ProgramError";
}

/**
 * Says where in the config that stands which something cannot be made from.
 *
 * @throws {CdnError} or {ProgramError} what `make` throws, with the place in front.
 */
export async function inPlace<T>(place: string, make: () => T | Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (error) {
    const message = `${place}: ${messageOf(error)}`;
    if (error instanceof CdnError) throw new CdnError(error.code, message, { cause: error });
    throw new ProgramError(message, { cause: error });
  }
}

/** What to tell of any error. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
