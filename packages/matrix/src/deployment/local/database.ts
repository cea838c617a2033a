/** Which database a local homeserver uses. It is chosen once and remembered: another one would be empty. */

import { readFile, writeFile } from "node:fs/promises";
import { MatrixError } from "../../errors.ts";
import { SECRET_MODE } from "../secrets/secret-store.ts";
import type { LocalPaths } from "./paths.ts";
import { findProgram, postgresFolders } from "./programs.ts";

/**
 * `own`: a PostgreSQL of the deployment's own, run by the machine's programs. `url`: one that somebody else runs. `sqlite`: a file, for trying
 * things out.
 */
export type DatabaseChoice =
  | { readonly kind: "own"; readonly programs: string }
  | { readonly kind: "url"; readonly url: string }
  | { readonly kind: "sqlite" };

/** What may be asked for: a PostgreSQL URL, `sqlite`, or nothing in particular. */
export type DatabaseWish = string | undefined;

/**
 * The database that was chosen before, or one by the wish.
 *
 * @throws {MatrixError} `INVALID_CONFIG` for a wish that contradicts the choice made before, or is no PostgreSQL URL.
 */
export async function chooseDatabase(paths: LocalPaths, wish: DatabaseWish): Promise<DatabaseChoice> {
  const before = await readChoice(paths);
  const wanted = wish === undefined ? undefined : choiceOf(wish);
  if (before !== undefined) {
    if (wanted !== undefined && JSON.stringify(wanted) !== JSON.stringify(before)) {
      const message = `this deployment's data are in ${describeDatabase(before)}: they would be missing in another database. Back up, and restore into a new folder`;
      throw new MatrixError("INVALID_CONFIG", message);
    }
    return before.kind === "own" ? { kind: "own", programs: ownPrograms() ?? before.programs } : before;
  }
  const programs = ownPrograms();
  const choice = wanted ?? (programs === undefined ? { kind: "sqlite" } : { kind: "own", programs });
  await writeFile(paths.database, `${JSON.stringify(choice)}\n`, { mode: SECRET_MODE });
  return choice;
}

/** The choice made before, if there is one. */
export async function readChoice(paths: LocalPaths): Promise<DatabaseChoice | undefined> {
  try {
    return JSON.parse(await readFile(paths.database, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new MatrixError("FILE_FAILED", `${paths.database} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** For people; without a password. */
export function describeDatabase(choice: DatabaseChoice): string {
  switch (choice.kind) {
    case "own":
      return "PostgreSQL of its own, on the loopback address";
    case "url": {
      const { hostname, port, pathname } = new URL(choice.url);
      return `PostgreSQL at ${hostname}${port === "" ? "" : `:${port}`}${pathname}`;
    }
    case "sqlite":
      return "SQLite, as there is no PostgreSQL on this machine: for trying things out only";
  }
}

function choiceOf(wish: string): DatabaseChoice {
  if (wish === "sqlite") return { kind: "sqlite" };
  if (URL.canParse(wish) && /^postgres(ql)?:$/.test(new URL(wish).protocol)) return { kind: "url", url: wish };
  throw new MatrixError(
    "INVALID_CONFIG",
    "the database must be sqlite or a URL: postgresql://user:password@host/database",
  );
}

/** Folder of PostgreSQL's server programs on this machine. */
function ownPrograms(): string | undefined {
  return findProgram("initdb", postgresFolders())?.replace(/\/initdb$/, "");
}
