/** `ami-edge`: the program, and each of its processes. */

import cluster from "node:cluster";
import { fileURLToPath } from "node:url";
import { messageOf } from "./program-error.ts";

if (cluster.isWorker) {
  const { runWorker } = await import("./processes/worker.ts");
  runWorker();
} else {
  const { createCli } = await import("./cli.ts");
  try {
    await createCli(fileURLToPath(import.meta.url)).parseAsync();
  } catch (error) {
    process.stderr.write(`✗ ${messageOf(error)}\n`);
    process.exit(1);
  }
}
