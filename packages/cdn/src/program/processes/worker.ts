/** A worker process: serves what its parent tells it to, and ends with it. */

import type pino from "pino";
import { installMetrics, NO_METRICS } from "../admin/collect-metrics.ts";
import { openProgramLog } from "../program-log.ts";
import { Channel, type Message, type ParentAsk, type WorkerAsk } from "./channel.ts";
import { parentPurges } from "./parent-purges.ts";
import { type ServingProcess, serveEdge } from "./serving-process.ts";
import { removeSiblingPlaces, type SiblingPlace } from "./siblings.ts";

/** Runs until the parent says that it is over, or is gone. */
export function runWorker(): void {
  const worker = new WorkerRun();
  // A terminal's Ctrl-C reaches the whole group; the parent says what becomes of it.
  process.on("SIGINT", () => {});
  process.on("SIGHUP", () => {});
  process.on("SIGUSR2", () => {});
  process.on("SIGTERM", () => void worker.close().finally(() => process.exit()));
  process.on("disconnect", () => process.exit(1));
  // However it came to that: `cluster` may be first.
  process.on("exit", () => process.connected || worker.clearUp());
}

class WorkerRun {
  readonly #parent: Channel<ParentAsk, WorkerAsk>;
  #logger: pino.Logger | undefined;
  #siblings: SiblingPlace | undefined;
  #purges: ReturnType<typeof parentPurges> | undefined;
  #serving: Promise<ServingProcess> | undefined;

  constructor() {
    this.#parent = new Channel({
      send: (message, sent) => {
        // The parent may be gone by now.
        if (process.connected) process.send?.(message, undefined, undefined, sent);
      },
      answer: (ask) => this.#answer(ask),
      onAnswered: ({ kind }) => {
        if (kind === "close") process.exit();
      },
    });
    process.on("message", (message: Message) => this.#parent.receive(message));
  }

  async close(): Promise<void> {
    await (await this.#serving)?.close();
  }

  /** The parent is gone, and nobody else would. */
  clearUp(): void {
    if (this.#siblings !== undefined) removeSiblingPlaces(this.#siblings);
  }

  async #answer(ask: WorkerAsk): Promise<unknown> {
    switch (ask.kind) {
      case "start": {
        this.#serving = this.#start(ask);
        const { url, port } = await this.#serving;
        return { url, port };
      }
      case "purges":
        // In the turn in which it comes: what is told next counts on it.
        return this.#purges?.judge.hear(ask.news);
      case "sibling":
        return (await this.#serving)?.setSibling(ask.name, ask.present);
      case "invalidate":
        return (await this.#serving)?.invalidate(ask.urls);
      case "report":
        return await (await this.#serving)?.report();
      case "metrics":
        return await (await this.#serving)?.metrics();
      case "reload": {
        const reread = await (await this.#serving)?.reload(ask.config);
        if (this.#logger !== undefined) this.#logger.level = ask.config.log.level;
        return reread;
      }
      case "reopenLog":
        return await (await this.#serving)?.reopenLog();
      case "close":
        return await this.close();
    }
  }

  #start({
    config,
    index,
    reusePort,
    purges,
    siblings,
  }: Extract<WorkerAsk, { kind: "start" }>): Promise<ServingProcess> {
    const logger = openProgramLog(config.log.level, { process: index });
    this.#logger = logger;
    this.#siblings = siblings;
    this.#purges = parentPurges({ start: purges, parent: this.#parent, network: config.purge, logger });
    const collector = config.admin === false ? NO_METRICS : installMetrics();
    return serveEdge({ config, logger, collector, index, reusePort, purges: this.#purges, siblings });
  }
}
