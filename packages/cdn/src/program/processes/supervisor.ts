/** Several processes that share a port: starts them, starts those again that die, and ends them. */

import cluster from "node:cluster";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import type { ScopeMetrics } from "@opentelemetry/sdk-metrics";
import type { Purge } from "../../edge/purge/purge.ts";
import type { FollowedPurges, PurgeResult, PurgeStatus } from "../../edge/purge/purges.ts";
import type { Logger } from "../../logger.ts";
import { listenError } from "../../server/listen-error.ts";
import { countersOf, mergeMetrics } from "../admin/merge-metrics.ts";
import type { CheckedConfig } from "../config/schema.ts";
import { messageOf } from "../program-error.ts";
import { groupInvalidationOf, openProgramPurges } from "../purges.ts";
import { nextRestart } from "./backoff.ts";
import type { ParentAsk } from "./channel.ts";
import type { EdgeProcess } from "./edge-process.ts";
import { reloadAll } from "./reload-all.ts";
import { openSiblingPlaces, removeSiblingPlaces, type SiblingPlace, siblingName } from "./siblings.ts";
import { START_DEADLINE, WorkerProcess } from "./worker-process.ts";

/** Milliseconds that a worker gets to forget what another one saw change. */
const INVALIDATION_DEADLINE = 1_000;
/** Milliseconds that a worker gets on top of its drain. */
const CLOSE_GRACE = 2_000;
/** Milliseconds between two looks at what workers have counted, so that little is lost with one that is killed. */
const SNAPSHOT_INTERVAL = 5_000;

/** Options of {@link superviseEdge}. */
export interface SupervisorOptions {
  readonly config: CheckedConfig;
  readonly logger: Logger;
  /** The script that becomes a worker: it calls `runWorker` where `cluster.isWorker`. */
  readonly script: string;
  /** Whether each process listens on the port, or all share one socket. Default: the first where the system can (Linux, BSD). */
  readonly sharing?: "port" | "socket";
}

/** Processes that serve. */
export interface Supervisor {
  readonly url: string;
  readonly port: number;
  /** Those that serve now. */
  readonly processes: readonly EdgeProcess[];
  /** Processes that were started in the place of others that died. */
  readonly restarts: number;
  /** Counters of processes that are gone. */
  readonly retired: readonly ScopeMetrics[];
  /** How it stands with the other edges. */
  readonly purgeStatus: PurgeStatus;
  /** In all processes, and at the other edges. @throws {CdnError} `INVALID_PURGE`, `PURGE_INCOMPLETE` and others. */
  purge(purge: Purge): Promise<PurgeResult>;
  /**
   * Puts a config into use in all processes, and in those that are started from now on. One that does not take what others do is killed, and
   * started again with it.
   *
   * @returns sections of which the config may say the same, but their files do not.
   * @throws what is wrong with it, where none takes it; all then go on as before.
   */
  reload(config: CheckedConfig): Promise<readonly string[]>;
  /** Ends all of them: within the drain of the config, and a little. Idempotent. */
  close(): Promise<void>;
}

/**
 * Starts the processes, and resolves when all of them accept.
 *
 * @throws {CdnError} `PORT_TAKEN`, `LISTEN_FAILED`; what the first one that cannot start says.
 */
export async function superviseEdge(options: SupervisorOptions): Promise<Supervisor> {
  const { config, logger, script } = options;
  const port = await findPort(config);
  const reusePort = (options.sharing ?? ((await canSharePort(config)) ? "port" : "socket")) === "port";
  cluster.setupPrimary({ exec: script, args: [], serialization: "advanced" });
  // Where the system cannot share a port, workers share a socket: nothing then passes through this process either.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  const purges = await openProgramPurges(config, logger);
  const places = await openSiblingPlaces(config.processes);
  const edge = new SupervisedEdge({ ...config, port }, { logger, reusePort, purges, places });
  try {
    await edge.start();
  } catch (error) {
    await edge.close(0);
    throw error;
  }
  return edge;
}

/**
 * The port that all processes are to listen on: the same one, where any would do. Sees to it that nobody else has it: where processes share a
 * port, a second edge would not notice.
 */
async function findPort({ tls, port = tls === undefined ? 8080 : 8443, host }: CheckedConfig): Promise<number> {
  return await listenOnce({ port, host, reusePort: false });
}

async function canSharePort({ host }: CheckedConfig): Promise<boolean> {
  try {
    await listenOnce({ port: 0, host, reusePort: true });
    return true;
  } catch {
    return false;
  }
}

async function listenOnce(options: { port: number; host: string | undefined; reusePort: boolean }): Promise<number> {
  const server = createServer();
  try {
    server.listen({ ...options, exclusive: true });
    await once(server, "listening");
  } catch (cause) {
    throw listenError(cause, options.port, options.host);
  }
  const { port } = server.address() as AddressInfo;
  const closed = once(server, "close");
  server.close();
  await closed;
  return port;
}

interface SupervisedParts {
  readonly logger: Logger;
  readonly reusePort: boolean;
  readonly purges: FollowedPurges;
  /** Of each process among the others. */
  readonly places: readonly SiblingPlace[];
}

class SupervisedEdge implements Supervisor {
  restarts = 0;
  url = "";
  port = 0;
  readonly #logger: Logger;
  readonly #reusePort: boolean;
  readonly #purges: FollowedPurges;
  readonly #places: readonly SiblingPlace[];
  readonly #invalidateGroups: (purge: Purge) => void;
  readonly #workers: (WorkerProcess | undefined)[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #snapshots: NodeJS.Timeout;
  #config: CheckedConfig;
  #retired: ScopeMetrics[] = [];
  #closing: Promise<void> | undefined;

  constructor(config: CheckedConfig, { logger, reusePort, purges, places }: SupervisedParts) {
    this.#config = config;
    this.#logger = logger;
    this.#reusePort = reusePort;
    this.#purges = purges;
    this.#places = places;
    this.#invalidateGroups = groupInvalidationOf(purges, logger);
    this.#snapshots = setInterval(() => {
      for (const { metrics } of this.processes) void metrics().catch(() => {});
    }, SNAPSHOT_INTERVAL).unref();
  }

  get processes(): readonly WorkerProcess[] {
    return this.#workers.filter((worker): worker is WorkerProcess => worker?.serves === true);
  }

  get retired(): readonly ScopeMetrics[] {
    return this.#retired;
  }

  get purgeStatus(): PurgeStatus {
    return this.#purges.status;
  }

  async start(): Promise<void> {
    const { processes } = this.#config;
    const started = await Promise.all(
      Array.from({ length: processes }, async (_, index) => await this.#start(this.#fork(index), index, 0)),
    );
    this.url = started[0]!.url;
    this.port = started[0]!.port;
  }

  async reload(config: CheckedConfig): Promise<readonly string[]> {
    const before = this.#config;
    // For those that start meanwhile.
    this.#config = { ...config, port: this.port };
    try {
      const { reread, behind } = await reloadAll(this.processes, config);
      for (const { process, error } of behind) {
        const index = this.#workers.indexOf(process);
        this.#logger.error({ process: index, err: error }, "a process did not take the new config: it is killed");
        process.kill();
      }
      return reread;
    } catch (error) {
      this.#config = before;
      throw error;
    }
  }

  purge(purge: Purge): Promise<PurgeResult> {
    return this.#purges.purge(purge);
  }

  close(drain = this.#config.drain): Promise<void> {
    this.#closing ??= this.#end(drain);
    return this.#closing;
  }

  async #end(drain: number): Promise<void> {
    clearInterval(this.#snapshots);
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all(this.#workers.map((worker) => worker?.end(drain + CLOSE_GRACE)));
    removeSiblingPlaces(this.#places[0]!);
    await this.#purges.close();
  }

  /** @throws what the system says, where there is nothing left of what it needs. */
  #fork(index: number): WorkerProcess {
    const worker = new WorkerProcess(cluster.fork(), (ask) => this.#answer(index, ask), this.#logger);
    this.#workers[index] = worker;
    return worker;
  }

  async #start(worker: WorkerProcess, index: number, failures: number): Promise<{ url: string; port: number }> {
    const { start: purges, leave } = this.#purges.replicate((news) => worker.tell(news));
    void worker.exited.then(leave);
    const startedAt = performance.now();
    void worker.exited.then((how) => this.#onExit(worker, index, failures, performance.now() - startedAt, how));
    const config = this.#config;
    const siblings = this.#places[index]!;
    const ask = { kind: "start", config, index, reusePort: this.#reusePort, purges, siblings } as const;
    try {
      const where = await worker.ask<{ url: string; port: number }>(ask, START_DEADLINE);
      worker.serves = true;
      await this.#introduce(index, worker);
      // Reloaded meanwhile: nobody told a process that did not serve yet.
      if (config !== this.#config) await worker.reload(this.#config);
      return where;
    } catch (error) {
      worker.kill();
      throw error;
    }
  }

  #onExit(worker: WorkerProcess, index: number, failures: number, lifetime: number, how: string): void {
    this.#workers[index] = undefined;
    for (const each of this.processes) void each.setSibling(siblingName(index), false);
    this.#retired = mergeMetrics([this.#retired, countersOf(worker.lastMetrics)]);
    if (!worker.serves && failures === 0) return;
    this.#restart(index, failures, lifetime, how);
  }

  #restart(index: number, failures: number, lifetime: number, how: string): void {
    if (this.#closing !== undefined) return;
    const { delay, failures: next } = nextRestart(failures, lifetime);
    this.#logger.error({ process: index, how, restartIn: delay }, "a process died, and is started again");
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      let worker: WorkerProcess;
      try {
        worker = this.#fork(index);
      } catch (error) {
        this.#restart(index, next, 0, messageOf(error));
        return;
      }
      this.restarts += 1;
      this.#start(worker, index, next).catch((error: unknown) => {
        this.#logger.error({ process: index, err: error }, "a process cannot be started again");
      });
    }, delay);
    this.#timers.add(timer);
  }

  /** Tells all that serve of one that does now, and it of them. */
  async #introduce(index: number, worker: WorkerProcess): Promise<void> {
    const told = this.#workers.flatMap((other, at) =>
      other === undefined || other === worker || !other.serves
        ? []
        : [other.setSibling(siblingName(index), true), worker.setSibling(siblingName(at), true)],
    );
    await Promise.all(told);
  }

  async #answer(index: number, ask: ParentAsk): Promise<unknown> {
    switch (ask.kind) {
      case "exchange":
        return await this.#purges.answerExchange(ask.question);
      case "invalidated":
        return await this.#invalidate(index, ask.purge);
    }
  }

  /** What one worker saw change, all forget. What one that does not hear of it has on disk is purged. */
  async #invalidate(seenBy: number, purge: Purge): Promise<void> {
    const { urls = [] } = purge;
    this.#invalidateGroups(purge);
    let isPurged = this.#config.disk === undefined;
    const deaf = new Set<WorkerProcess>();
    const tell = async (worker: WorkerProcess | undefined): Promise<void> => {
      if (worker !== undefined && deaf.has(worker)) return;
      const heard = worker !== undefined && (await worker.invalidate(urls, INVALIDATION_DEADLINE));
      if (heard) return;
      if (worker !== undefined) deaf.add(worker);
      if (isPurged) return;
      isPurged = true;
      this.#purges.purge({ urls }).catch((error: unknown) => {
        this.#logger.warn({ err: error }, "an invalidation is not certain");
      });
    };
    // One that is gone has forgotten what it had in memory; one that hangs is waited for once.
    await Promise.all(this.#workers.map((worker, index) => (index === seenBy ? undefined : tell(worker))));
    // Meanwhile one may have copied what another had yet to forget.
    await Promise.all(this.#workers.map(tell));
  }
}
