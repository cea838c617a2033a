/** What the reference origin, edge and client share as programs. */

export { serveMetrics } from "./metrics.ts";
export { runProgram } from "./run-program.ts";
export { logLevel } from "./settings.ts";
