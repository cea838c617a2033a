/** Several processes that share a port: starts them, starts those again that die, and ends them. */

import cluster, { type Worker } from "node:cluster";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import type { ScopeMetrics } from "@opentelemetry/sdk-metrics";
import type { Purge } from "../../edge/purge/purge.ts";
import type { PurgeResult } from "../../edge/purge/purges.ts";
import { CdnError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import { countersOf, mergeMetrics } from "../admin/merge-metrics.ts";
import type { CheckedConfig } from "../config/schema.ts";
import { nextRestart } from "./backoff.ts";
import { type Ask, errorOf, type Question, type Reply } from "./channel.ts";
import type { EdgeProcess, ProcessReport } from "./edge-process.ts";

/** Milliseconds that a worker may take to answer what costs it nothing. */
const ANSWER_DEADLINE = 5_000;
/** Milliseconds that a worker may take to serve. */
const START_DEADLINE = 30_000;
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
  /** For processes that are started from now on. */
  setConfig(config: CheckedConfig): void;
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
  const edge = new SupervisedEdge({ ...config, port }, logger, reusePort);
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
    const { port, host = "any address" } = options;
    if (cause instanceof Error && "code" in cause && cause.code === "EADDRINUSE") {
      const message = `port ${port} on ${host} is taken: choose another, or end the program that listens there`;
      throw new CdnError("PORT_TAKEN", message, { cause });
    }
    throw new CdnError("LISTEN_FAILED", `cannot listen on port ${port} of ${host}`, { cause });
  }
  const { port } = server.address() as AddressInfo;
  const closed = once(server, "close");
  server.close();
  await closed;
  return port;
}

class SupervisedEdge implements Supervisor {
  restarts = 0;
  url = "";
  port = 0;
  readonly #logger: Logger;
  readonly #reusePort: boolean;
  readonly #workers: (WorkerProcess | undefined)[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #snapshots: NodeJS.Timeout;
  #config: CheckedConfig;
  #retired: ScopeMetrics[] = [];
  #closing: Promise<void> | undefined;

  constructor(config: CheckedConfig, logger: Logger, reusePort: boolean) {
    this.#config = config;
    this.#logger = logger;
    this.#reusePort = reusePort;
    this.#snapshots = setInterval(() => {
      for (const { metrics } of this.processes) void metrics().catch(() => {});
    }, SNAPSHOT_INTERVAL).unref();
  }

  get processes(): readonly (EdgeProcess & WorkerProcess)[] {
    return this.#workers.filter((worker): worker is WorkerProcess => worker?.serves === true);
  }

  get retired(): readonly ScopeMetrics[] {
    return this.#retired;
  }

  async start(): Promise<void> {
    const { processes } = this.#config;
    const started = await Promise.all(Array.from({ length: processes }, (_, index) => this.#startWorker(index, 0)));
    this.url = started[0]!.url;
    this.port = started[0]!.port;
  }

  setConfig(config: CheckedConfig): void {
    this.#config = { ...config, port: this.port };
  }

  close(drain = this.#config.drain): Promise<void> {
    this.#closing ??= this.#end(drain);
    return this.#closing;
  }

  async #end(drain: number): Promise<void> {
    clearInterval(this.#snapshots);
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all(this.#workers.map((worker) => worker?.end(drain + CLOSE_GRACE)));
  }

  async #startWorker(index: number, failures: number): Promise<{ url: string; port: number }> {
    const worker = new WorkerProcess(cluster.fork());
    this.#workers[index] = worker;
    const startedAt = performance.now();
    void worker.exited.then((how) => this.#onExit(worker, index, failures, performance.now() - startedAt, how));
    const config = this.#config;
    const ask = { kind: "start", config, index, reusePort: this.#reusePort } as const;
    try {
      const where = await worker.ask<{ url: string; port: number }>(ask, START_DEADLINE);
      worker.serves = true;
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
    this.#retired = mergeMetrics([this.#retired, countersOf(worker.lastMetrics)]);
    if (this.#closing !== undefined || (!worker.serves && failures === 0)) return;
    const { delay, failures: next } = nextRestart(failures, lifetime);
    this.#logger.error({ process: index, how, restartIn: delay }, "a process died, and is started again");
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.restarts += 1;
      this.#startWorker(index, next).catch((error: unknown) => {
        this.#logger.error({ process: index, err: error }, "a process cannot be started again");
      });
    }, delay);
    this.#timers.add(timer);
  }
}

class WorkerProcess implements EdgeProcess {
  /** It has said that it accepts. */
  serves = false;
  lastMetrics: readonly ScopeMetrics[] = [];
  readonly exited: Promise<string>;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, { resolve: (result: never) => void; reject: (error: Error) => void }>();
  #nextId = 0;
  #isGone = false;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.on("message", ({ id, result, error }: Reply) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(result as never);
      else waiting?.reject(errorOf(error));
    });
    // What could not be said to a process that is gone, its exit tells.
    worker.on("error", () => {});
    this.exited = new Promise((resolve) => {
      worker.once("exit", (code, signal) => {
        this.#isGone = true;
        const how = signal ?? `exit code ${code}`;
        for (const { reject } of this.#waiting.values()) reject(new CdnError("CLOSED", `the process ended: ${how}`));
        this.#waiting.clear();
        resolve(how);
      });
    });
    this.metrics = this.metrics.bind(this);
  }

  async ask<T>(ask: Ask, deadline = ANSWER_DEADLINE): Promise<T> {
    if (this.#isGone || !this.#worker.isConnected()) throw new CdnError("CLOSED", "the process has ended");
    this.#nextId += 1;
    const id = this.#nextId;
    const answered = new Promise<T>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    const timer = setTimeout(() => {
      this.#waiting.get(id)?.reject(new CdnError("ABORTED", `a process did not answer within ${deadline} ms`));
      this.#waiting.delete(id);
    }, deadline);
    this.#worker.send({ id, ask } satisfies Question);
    try {
      return await answered;
    } finally {
      clearTimeout(timer);
    }
  }

  report(): Promise<ProcessReport> {
    return this.ask({ kind: "report" });
  }

  async metrics(): Promise<ScopeMetrics[]> {
    const metrics = await this.ask<ScopeMetrics[]>({ kind: "metrics" });
    this.lastMetrics = metrics;
    return metrics;
  }

  reload(config: CheckedConfig): Promise<readonly string[]> {
    return this.ask({ kind: "reload", config }, START_DEADLINE);
  }

  purge(purge: Purge): Promise<PurgeResult> {
    return this.ask({ kind: "purge", purge }, START_DEADLINE);
  }

  async reopenLog(): Promise<void> {
    await this.ask({ kind: "reopenLog" });
  }

  async close(): Promise<void> {
    await this.end(START_DEADLINE);
  }

  /** Lets it drain; kills it when it is not gone by the deadline, in milliseconds. */
  async end(deadline: number): Promise<void> {
    if (this.#isGone) return;
    // Its counters are those that count for good.
    if (this.serves) await this.metrics().catch(() => {});
    this.ask({ kind: "close" }, deadline).catch(() => {});
    const timer = setTimeout(() => this.kill(), deadline);
    await this.exited;
    clearTimeout(timer);
  }

  kill(): void {
    this.#worker.process.kill("SIGKILL");
  }
}
