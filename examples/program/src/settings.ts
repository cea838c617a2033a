/** Settings that programs share, for envalid, which names what is wrong with an environment variable. */

import { str } from "envalid";

/** One of pino's levels, `info` by default. */
export const logLevel = str({
  choices: ["fatal", "error", "warn", "info", "debug", "trace", "silent"],
  default: "info",
});
