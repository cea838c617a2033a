/** `log.yaml`: what Synapse logs, in Python's logging configuration. */

import { type GeneratedFile, yamlFile } from "./generated-file.ts";

const COMMENT = `What Synapse logs, and where: on standard output, which the container keeps. Written by ami-matrix.
SQL is never logged: it would hold access tokens.`;

/** Lines on standard output. */
export function logConfig(): GeneratedFile {
  return yamlFile("log.yaml", COMMENT, {
    version: 1,
    formatters: {
      precise: { format: "%(asctime)s - %(name)s - %(lineno)d - %(levelname)s - %(request)s - %(message)s" },
    },
    filters: { context: { "()": "synapse.logging.context.LoggingContextFilter", request: "" } },
    handlers: { console: { class: "logging.StreamHandler", formatter: "precise", filters: ["context"] } },
    loggers: {
      "synapse.storage.SQL": { level: "INFO" },
      // A line for each request is the proxy's business.
      "synapse.access.http": { level: "WARNING" },
    },
    root: { level: "INFO", handlers: ["console"] },
    disable_existing_loggers: false,
  });
}
