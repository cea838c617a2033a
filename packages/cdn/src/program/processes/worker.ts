/** A worker process: serves what its parent tells it to, and ends with it. */

import type pino from "pino";
import { installMetrics, NO_METRICS } from "../admin/collect-metrics.ts";
import { openProgramLog } from "../program-log.ts";
import { type Ask, errorData, type Question, type Reply } from "./channel.ts";
import { type ServingProcess, serveEdge } from "./serving-process.ts";

/** Runs until the parent says that it is over, or is gone. */
export function runWorker(): void {
  let serving: ServingProcess | undefined;
  let logger: pino.Logger | undefined;

  const answer = async (ask: Ask): Promise<unknown> => {
    switch (ask.kind) {
      case "start": {
        const { config, index, reusePort } = ask;
        const collector = config.admin === false ? NO_METRICS : installMetrics();
        logger = openProgramLog(config.log.level, { process: index });
        serving = await serveEdge({ config, logger, collector, index, reusePort });
        return { url: serving.url, port: serving.port };
      }
      case "report":
        return await serving?.report();
      case "metrics":
        return await serving?.metrics();
      case "reload": {
        const reread = await serving?.reload(ask.config);
        if (logger !== undefined) logger.level = ask.config.log.level;
        return reread;
      }
      case "purge":
        return await serving?.purge(ask.purge);
      case "reopenLog":
        return await serving?.reopenLog();
      case "close":
        return await serving?.close();
    }
  };
  process.on("message", ({ id, ask }: Question) => {
    void answer(ask)
      .then(
        (result): Reply => ({ id, result }),
        (error: unknown): Reply => ({ id, error: errorData(error) }),
      )
      .then((reply) => {
        // The parent may be gone by now.
        if (process.connected) process.send?.(reply, () => ask.kind === "close" && process.exit());
      });
  });
  // A terminal's Ctrl-C reaches the whole group; the parent says what becomes of it.
  process.on("SIGINT", () => {});
  process.on("SIGHUP", () => {});
  process.on("SIGUSR2", () => {});
  process.on("SIGTERM", () => void (serving?.close() ?? Promise.resolve()).finally(() => process.exit()));
  process.on("disconnect", () => process.exit(1));
}
