/** One config for all processes: what becomes of it where not all of them take it. */

import { CdnError } from "../../errors.ts";
import type { CheckedConfig } from "../config/schema.ts";
import type { EdgeProcess } from "./edge-process.ts";

/** What came of telling several processes. */
export interface Reloaded<Process> {
  /** Sections of which the config may say the same, but their files do not. */
  readonly reread: readonly string[];
  /** Those that have the old config still, or may have, while others have the new one. */
  readonly behind: readonly { readonly process: Process; readonly error: unknown }[];
}

/**
 * Tells all processes of a config. One that ends meanwhile does not count: that in its place starts with the new one.
 *
 * @throws what the first one says, where each of them refuses it: then all go on as before.
 */
export async function reloadAll<Process extends Pick<EdgeProcess, "reload">>(
  processes: readonly Process[],
  config: CheckedConfig,
): Promise<Reloaded<Process>> {
  const results = await Promise.allSettled(processes.map((process) => process.reload(config)));
  const reread = results.flatMap((result) => (result.status === "fulfilled" ? result.value : []));
  const behind = results.flatMap((result, at) =>
    result.status === "fulfilled" || codeOf(result.reason) === "CLOSED"
      ? []
      : [{ process: processes[at]!, error: result.reason as unknown }],
  );
  const wasTaken = results.some(({ status }) => status === "fulfilled");
  // One that is late may take it yet.
  const isLate = behind.some(({ error }) => codeOf(error) === "ABORTED");
  if (behind[0] !== undefined && !wasTaken && !isLate) throw behind[0].error;
  return { reread, behind };
}

function codeOf(error: unknown): string | undefined {
  return error instanceof CdnError ? error.code : undefined;
}
