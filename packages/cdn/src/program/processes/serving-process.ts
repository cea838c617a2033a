/** This process as one of an edge: the edge, its server, and what there is to say of both. */

import { eventLoopUtilization } from "node:perf_hooks";
import { metrics } from "@opentelemetry/api";
import { createConnectionGate } from "../../guard/connection-gate.ts";
import type { FetchHandler } from "../../handler/fetch-handler.ts";
import type { RawFetchHandler } from "../../handler/raw.ts";
import type { Logger } from "../../logger.ts";
import { resolveLimits } from "../../server/limits.ts";
import { createServer, type Server } from "../../server/server.ts";
import type { MetricsCollector } from "../admin/collect-metrics.ts";
import { type AssembledEdge, assembleEdge } from "../assemble.ts";
import { logRenewed, readCertificate, warnOfExpired } from "../certificate.ts";
import type { CheckedConfig } from "../config/schema.ts";
import { connectionCap } from "../guards.ts";
import type { ProcessPurges } from "../purges.ts";
import { type EdgeProcess, type ProcessReport, REPORTED_PATHS } from "./edge-process.ts";
import { type SiblingPlace, siblingLimits } from "./siblings.ts";

/** Besides what the cache may have, copies for sendfile(2) have one byte for so many of it. */
const SENDFILE_SHARE = 8;
const MAX_SENDFILE_BYTES = 256 * 1024 * 1024;

/** Options of {@link serveEdge}. */
export interface ServeOptions {
  readonly config: CheckedConfig;
  readonly logger: Logger;
  readonly collector: MetricsCollector;
  readonly purges: ProcessPurges;
  /** Default: it is the only one. */
  readonly siblings?: SiblingPlace | undefined;
  /** Which of the processes it is, from 0. Default 0. */
  readonly index?: number;
  /** Other processes listen on the same port. */
  readonly reusePort?: boolean;
  /** Puts something in front of the edge. */
  readonly around?: (edge: RawFetchHandler, stats: AssembledEdge["stats"]) => FetchHandler;
}

/** This process, serving. */
export interface ServingProcess extends EdgeProcess {
  readonly url: string;
  readonly port: number;
  /** Forgets what is stored and arriving for canonical targets. */
  invalidate(urls: readonly string[]): void;
  /** Another process is there, or not any more. */
  setSibling(name: string, present: boolean): void;
}

/**
 * Serves until it is closed.
 *
 * @throws {CdnError} `PORT_TAKEN`, `LISTEN_FAILED`, `INVALID_OPTION`; {@link ProgramError}.
 */
export async function serveEdge(options: ServeOptions): Promise<ServingProcess> {
  const { config, logger, collector, purges, siblings, index = 0, reusePort = false, around } = options;
  const { host, port, limits } = config;
  await using opened = new AsyncDisposableStack();
  const edge = await assembleEdge(config, logger, { index, purges, siblings });
  opened.defer(() => edge.close());
  let certificate = config.tls && (await readCertificate(config.tls));
  if (certificate !== undefined) warnOfExpired(certificate, logger);
  const door = siblings && (await openDoor(edge, siblings, config, logger));
  // After the other server, whose clients may wait for other processes that wait for this one.
  opened.defer(() => door?.close());
  const gate = createConnectionGate(connectionCap(config));
  const server = await createServer({
    handler: around === undefined ? edge.handler : around(edge.handler, edge.stats),
    limits,
    gate,
    sendfileBytes: Math.min(MAX_SENDFILE_BYTES, Math.floor(config.memory / config.processes / SENDFILE_SHARE)),
    reusePort,
    logger,
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port }),
    ...(certificate !== undefined && { tls: certificate.tls }),
  });
  const state = new ProcessState(index, config, edge, server);
  opened.defer(() => server.close(state.config.drain));
  opened.defer(observeProcess(config.name, index, edge, server));
  const resources = opened.move();

  const reload = async (next: CheckedConfig): Promise<readonly string[]> => {
    const renewed = next.tls && (await readCertificate(next.tls));
    const nextLimits = resolveLimits(next.limits);
    const nextCap = connectionCap(next);
    // Says what is wrong with it while everything is still as it was.
    createConnectionGate(nextCap);
    await edge.apply(next);
    server.updateLimits(nextLimits);
    door?.updateLimits(siblingLimits(next.limits));
    gate.update(nextCap);
    state.config = next;
    if (renewed === undefined || renewed.digest === certificate?.digest) return [];
    server.updateTls(renewed.tls);
    certificate = renewed;
    logRenewed(renewed, logger);
    return ["tls"];
  };

  let closed: Promise<void> | undefined;
  return {
    url: server.url,
    port: server.port,
    report: async () => state.report(),
    metrics: () => collector.collect(),
    reload,
    invalidate: (urls) => edge.invalidate(urls),
    setSibling: (name, present) => edge.setSibling(name, present),
    async reopenLog() {
      edge.reopenLog();
    },
    close() {
      state.draining = true;
      closed ??= resources.disposeAsync();
      return closed;
    },
  };
}

/** Listens for the other processes. */
async function openDoor(
  { siblings: handler }: AssembledEdge,
  { socket }: SiblingPlace,
  { limits, drain }: CheckedConfig,
  logger: Logger,
): Promise<Server | undefined> {
  if (handler === undefined) return undefined;
  return await createServer({
    ...{ handler, path: socket, http2: false, logger },
    limits: siblingLimits(limits),
    closeDeadline: drain,
    // What is hot is copied by whoever asked, and sent from there.
    sendfileBytes: 0,
  });
}

class ProcessState {
  draining = false;
  config: CheckedConfig;
  readonly #index: number;
  readonly #edge: AssembledEdge;
  readonly #server: Server;
  #loop = eventLoopUtilization();

  constructor(index: number, config: CheckedConfig, edge: AssembledEdge, server: Server) {
    this.#index = index;
    this.config = config;
    this.#edge = edge;
    this.#server = server;
  }

  report(): ProcessReport {
    const { stats, upstreams } = this.#edge;
    const loop = eventLoopUtilization();
    const { utilization } = eventLoopUtilization(loop, this.#loop);
    this.#loop = loop;
    return {
      pid: process.pid,
      index: this.#index,
      uptime: Math.round(process.uptime() * 1000),
      rss: process.memoryUsage.rss(),
      utilization: Number.isFinite(utilization) ? utilization : 0,
      load: this.#edge.load,
      connections: this.#server.connections,
      draining: this.draining,
      memory: Math.floor(this.config.memory / this.config.processes),
      disk: this.#edge.disk ?? null,
      // Its fields are read when somebody looks; what goes to another process has to be what they say now.
      edge: { ...stats },
      upstreams: upstreams.map((each) => ({ ...each })),
      requests: this.#edge.requests(),
      paths: this.#edge.hotPaths(REPORTED_PATHS),
      log: this.#edge.logCounts() ?? null,
    };
  }
}

/** Shows a process to OpenTelemetry. @returns how to stop. */
function observeProcess(name: string, index: number, assembled: AssembledEdge, server: Server): () => void {
  const meter = metrics.getMeter("@ami-streams/cdn");
  const edge = { "ami.edge.name": name };
  const own = { ...edge, "ami.edge.process": String(index) };
  let loop = eventLoopUtilization();
  const connections = meter.createObservableGauge("ami.edge.connections", { description: "Open connections" });
  const rss = meter.createObservableGauge("ami.edge.process.memory", {
    unit: "By",
    description: "Memory that the system has given a process",
  });
  const busy = meter.createObservableGauge("ami.edge.process.utilization", {
    description: "Share of the time since the last collection in which a process was busy",
  });
  const lines = meter.createObservableCounter("ami.edge.log.lines", { description: "Lines of the access log" });
  const dropped = meter.createObservableCounter("ami.edge.log.dropped", {
    description: "Lines of the access log that found no room",
  });
  const sendfile = meter.createObservableCounter("ami.edge.sendfile.io", {
    unit: "By",
    description: "Body bytes that went to clients by sendfile(2)",
  });
  const watched: [typeof rss, Parameters<typeof rss.addCallback>[0]][] = [
    [connections, (result) => result.observe(server.connections, edge)],
    [rss, (result) => result.observe(process.memoryUsage.rss(), own)],
    [
      busy,
      (result) => {
        const now = eventLoopUtilization();
        result.observe(eventLoopUtilization(now, loop).utilization || 0, own);
        loop = now;
      },
    ],
    [sendfile, (result) => result.observe(server.stats.sendfileBytes, edge)],
    [lines, (result) => result.observe(assembled.logCounts()?.lines ?? 0, edge)],
    [dropped, (result) => result.observe(assembled.logCounts()?.dropped ?? 0, edge)],
  ];
  for (const [instrument, observe] of watched) instrument.addCallback(observe);
  return () => {
    for (const [instrument, observe] of watched) instrument.removeCallback(observe);
  };
}
