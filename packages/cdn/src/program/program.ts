/** A running edge: one process or several, an admin port, and a config that can be read again. */

import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { metrics, type ObservableResult } from "@opentelemetry/api";
import { PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import type { ScopeMetrics } from "@opentelemetry/sdk-metrics";
import type { Purge } from "../edge/purge/purge.ts";
import type { PurgeResult, PurgeStatus } from "../edge/purge/purges.ts";
import type { EdgeStats } from "../edge/stats.ts";
import { CdnError } from "../errors.ts";
import type { FetchHandler } from "../handler/fetch-handler.ts";
import type { RawFetchHandler } from "../handler/raw.ts";
import type { Logger } from "../logger.ts";
import { createServer } from "../server/server.ts";
import { type AdministeredProgram, createAdmin, type ReloadResult } from "./admin/admin.ts";
import { installMetrics, type MetricsCollector, NO_METRICS } from "./admin/collect-metrics.ts";
import { mergeMetrics } from "./admin/merge-metrics.ts";
import { type ProgramReport, type ReloadCounts, reportOf } from "./admin/program-report.ts";
import { diffConfigs, effectiveConfig } from "./config/config-diff.ts";
import { type ConfigSource, loadConfig } from "./config/load-config.ts";
import type { CheckedConfig } from "./config/schema.ts";
import type { EdgeProcess } from "./processes/edge-process.ts";
import { serveEdge } from "./processes/serving-process.ts";
import { superviseEdge } from "./processes/supervisor.ts";
import { messageOf, ProgramError } from "./program-error.ts";
import { openProgramLog } from "./program-log.ts";
import { openProgramPurges, ownPurges } from "./purges.ts";
import { tryConfig } from "./try-config.ts";
import { packageVersion } from "./version.ts";

/** Options of `startEdgeProgram`. */
export interface ProgramOptions {
  readonly source: ConfigSource;
  /** Default: JSON lines on standard error. */
  readonly logger?: Logger;
  /** Puts something in front of the edge. Only with one process. */
  readonly around?: (edge: RawFetchHandler, stats: EdgeStats) => FetchHandler;
  /** The script that becomes a worker, see `superviseEdge`. Without one there can only be one process. */
  readonly script?: string;
}

/** A running edge. */
export interface RunningProgram extends AdministeredProgram, AsyncDisposable {
  /** Where it serves, without a slash at the end. */
  readonly url: string;
  /** Where operators come; undefined where they do not. */
  readonly adminUrl: string | undefined;
  /** What is in force. */
  readonly config: CheckedConfig;
  /** Lets answers in flight end, for as long as `drain` says, and ends everything. Idempotent. */
  close(): Promise<void>;
}

/** The processes of a program, whichever they are. */
interface Processes {
  readonly url: string;
  readonly processes: readonly EdgeProcess[];
  readonly restarts: number;
  readonly retired: readonly ScopeMetrics[];
  readonly purgeStatus: PurgeStatus;
  purge(purge: Purge): Promise<PurgeResult>;
  reload(config: CheckedConfig): Promise<readonly string[]>;
  close(): Promise<void>;
}

/**
 * Reads the config, and starts what it asks for.
 *
 * @throws {ProgramError}, {@link CdnError}: what to do is in the message.
 */
export async function startProgram(options: ProgramOptions): Promise<RunningProgram> {
  const config = await loadConfig(options.source);
  const own = options.logger === undefined ? openProgramLog(config.log.level) : undefined;
  const logger = options.logger ?? own!;
  await using opened = new AsyncDisposableStack();
  const collector = opened.use(config.admin === false ? NO_METRICS : installMetrics());
  const processes = await startProcesses(config, options, { collector, logger });
  opened.defer(() => processes.close());
  const setLogLevel = (level: CheckedConfig["log"]["level"]): void => {
    if (own !== undefined) own.level = level;
  };
  const program = new Program(options.source, config, { processes, collector, logger, setLogLevel });
  opened.defer(program.observe());
  let adminUrl: string | undefined;
  if (config.admin !== false) {
    const { host, port, token } = config.admin;
    const handler = createAdmin({ program, token, host, logger });
    const admin = await createServer({ handler, host, port, closeDeadline: 0, logger }).catch(ofAdminPort);
    opened.defer(() => admin.close());
    adminUrl = admin.url;
  }
  const resources = opened.move();

  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closed ??= (async () => {
      program.draining = true;
      logger.info({ drain: program.config.drain }, "ends: takes no more connections, and lets answers under way end");
      // The admin port stays until the end: whoever watches is to see that it drains.
      await processes.close();
      await resources.disposeAsync();
      logger.info({}, "ended");
    })();
    return closed;
  };
  return {
    url: processes.url,
    adminUrl,
    get config() {
      return program.config;
    },
    report: () => program.report(),
    metrics: () => program.metrics(),
    reload: () => program.reload(),
    reopenLogs: () => program.reopenLogs(),
    purge: (purge) => program.purge(purge),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Its port is another one than that of clients, and has flags of its own. */
function ofAdminPort(error: unknown): never {
  if (!(error instanceof CdnError)) throw error;
  throw new CdnError(error.code, `the admin port (--admin-port, --admin-host, --no-admin): ${error.message}`, {
    cause: error,
  });
}

async function startProcesses(
  config: CheckedConfig,
  { script, around }: ProgramOptions,
  { collector, logger }: { collector: MetricsCollector; logger: Logger },
): Promise<Processes> {
  if (config.disk !== undefined) await dropFoldersFrom(config.disk.path, config.processes);
  if (config.processes === 1) return await startProcess(config, { collector, logger, around });
  if (script === undefined || around !== undefined) {
    throw new ProgramError("several processes are for ami-edge, not for an edge within another program");
  }
  return await superviseEdge({ config, logger, script });
}

/** This one is all there is. */
async function startProcess(
  config: CheckedConfig,
  { collector, logger, around }: { collector: MetricsCollector; logger: Logger; around: ProgramOptions["around"] },
): Promise<Processes> {
  await using opened = new AsyncDisposableStack();
  const purges = opened.use(await openProgramPurges(config, logger));
  const process = await serveEdge({
    ...{ config, logger, collector, purges: ownPurges(purges, logger) },
    ...(around !== undefined && { around }),
  });
  opened.defer(() => process.close());
  const resources = opened.move();
  return {
    url: process.url,
    processes: [process],
    restarts: 0,
    retired: [],
    get purgeStatus() {
      return purges.status;
    },
    purge: (purge) => purges.purge(purge),
    reload: (config) => process.reload(config),
    close: () => resources.disposeAsync(),
  };
}

/** What a process that is no more had on disk is of no use to the others. */
async function dropFoldersFrom(path: string, processes: number): Promise<void> {
  const names = await readdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw new ProgramError(`the disk folder ${path} cannot be read: ${error.message}`, { cause: error });
  });
  for (const name of names) {
    const index = /^process-(\d+)$/.exec(name)?.[1];
    if (index !== undefined && Number(index) >= processes) await rm(join(path, name), { recursive: true, force: true });
  }
}

/** What a {@link Program} looks after. */
interface ProgramParts {
  readonly processes: Processes;
  readonly collector: MetricsCollector;
  readonly logger: Logger;
  /** Does nothing where the log is somebody else's. */
  setLogLevel(level: CheckedConfig["log"]["level"]): void;
}

class Program implements AdministeredProgram {
  draining = false;
  config: CheckedConfig;
  readonly #source: ConfigSource;
  readonly #processes: Processes;
  readonly #collector: MetricsCollector;
  readonly #logger: Logger;
  readonly #setLogLevel: ProgramParts["setLogLevel"];
  readonly #startedAt = performance.now();
  readonly #version = packageVersion();
  readonly #serializer = new PrometheusSerializer("", false, undefined, true, true);
  #reloads: ReloadCounts = { done: 0, failed: 0, error: null };
  #reloading: Promise<ReloadResult> | undefined;

  constructor(source: ConfigSource, config: CheckedConfig, parts: ProgramParts) {
    this.#source = source;
    this.config = config;
    this.#processes = parts.processes;
    this.#collector = parts.collector;
    this.#logger = parts.logger;
    this.#setLogLevel = parts.setLogLevel;
  }

  async report(): Promise<ProgramReport> {
    const { url, processes, restarts, purgeStatus } = this.#processes;
    // One that ends just now has nothing to say.
    const reports = await Promise.allSettled(processes.map((process) => process.report()));
    const facts = {
      name: this.config.name,
      version: this.#version,
      url,
      uptime: Math.round(performance.now() - this.#startedAt),
      draining: this.draining,
      processes: this.config.processes,
      restarts,
      reloads: this.#reloads,
      purge: this.config.purge === undefined ? null : purgeStatus,
    };
    return reportOf(
      facts,
      reports.flatMap((each) => (each.status === "fulfilled" ? each.value : [])),
    );
  }

  async metrics(): Promise<string> {
    const { processes, retired } = this.#processes;
    const all = await Promise.allSettled(processes.map((process) => process.metrics()));
    const collected = all.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    // With one process, that one is this one.
    if (this.config.processes > 1) collected.push(await this.#collector.collect());
    const scopeMetrics = mergeMetrics([...collected, retired]);
    type Resource = Parameters<PrometheusSerializer["serialize"]>[0]["resource"];
    return this.#serializer.serialize({ resource: { attributes: {} } as Resource, scopeMetrics });
  }

  /** Reloads that are asked for while one is under way come after it. */
  async reload(): Promise<ReloadResult> {
    const before = this.#reloading;
    const reload = (async () => {
      await before?.catch(() => {});
      return await this.#reload();
    })();
    this.#reloading = reload;
    return await reload;
  }

  async #reload(): Promise<ReloadResult> {
    try {
      const next = await loadConfig(this.#source);
      const { live, restart } = diffConfigs(this.config, next);
      const config = effectiveConfig(this.config, next);
      // One process makes all of it before it uses any. Several must not disagree: it is tried before they are told.
      if (config.processes > 1) await tryConfig(config);
      const reread = await this.#processes.reload(config);
      this.config = config;
      this.#setLogLevel(config.log.level);
      const changed = [...new Set([...live, ...reread])];
      this.#reloads = { ...this.#reloads, done: this.#reloads.done + 1, error: null };
      this.#logger.info({ changed, restart }, "the config was read again");
      if (restart.length > 0) this.#logger.warn({ sections: restart }, `needs a restart: ${restart.join(", ")}`);
      return { changed, restart };
    } catch (error) {
      this.#reloads = { ...this.#reloads, failed: this.#reloads.failed + 1, error: messageOf(error) };
      this.#logger.error({ reason: messageOf(error) }, "the new config is wrong; the old one goes on");
      throw error;
    }
  }

  purge(purge: Purge): Promise<PurgeResult> {
    return this.#processes.purge(purge);
  }

  async reopenLogs(): Promise<void> {
    await Promise.all(this.#processes.processes.map((process) => process.reopenLog()));
  }

  /** Shows OpenTelemetry what only the whole knows. @returns how to stop. */
  observe(): () => void {
    const meter = metrics.getMeter("@ami-streams/cdn");
    const edge = { "ami.edge.name": this.config.name };
    const serving = meter.createObservableGauge("ami.edge.processes", { description: "Processes that serve" });
    const restarts = meter.createObservableCounter("ami.edge.process.restarts", {
      description: "Processes started in the place of others that died",
    });
    const reloads = meter.createObservableCounter("ami.edge.reloads", {
      description: "Times that the config was read again, by whether it was good",
    });
    const watched: [typeof serving, (result: ObservableResult) => void][] = [
      [serving, (result) => result.observe(this.#processes.processes.length, edge)],
      [restarts, (result) => result.observe(this.#processes.restarts, edge)],
      [
        reloads,
        (result) => {
          result.observe(this.#reloads.done, { ...edge, "ami.edge.reload.result": "done" });
          result.observe(this.#reloads.failed, { ...edge, "ami.edge.reload.result": "failed" });
        },
      ],
    ];
    for (const [instrument, observe] of watched) instrument.addCallback(observe);
    return () => {
      for (const [instrument, observe] of watched) instrument.removeCallback(observe);
    };
  }
}
