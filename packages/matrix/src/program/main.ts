/** `ami-matrix`: the program. */

import { createCli } from "./cli.ts";

try {
  await createCli().parseAsync();
} catch (error) {
  process.stderr.write(`✗ ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
