/** Why the program ends without serving: told in a line that says what to do. */

/** An error for people at a terminal. */
export class ProgramError extends Error {
  override readonly name = "ProgramError";
}

/** What to tell of any error. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
