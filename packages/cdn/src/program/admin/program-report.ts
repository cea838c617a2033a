/** How the whole edge is doing: what `/stats` gives and `ami-edge top` shows. Pure. */

import type { PurgeStatus } from "../../edge/purge/purges.ts";
import type { EdgeStats } from "../../edge/stats.ts";
import type { UpstreamStats } from "../../edge/upstream/member.ts";
import type { HotPath } from "../../watch/hot-paths.ts";
import type { RequestCounts } from "../../watch/observe-requests.ts";
import { type DiskReport, type ProcessReport, REPORTED_PATHS } from "../processes/edge-process.ts";

/** What only the program as a whole knows. */
export interface ProgramFacts {
  readonly name: string;
  readonly version: string;
  /** Where it serves. */
  readonly url: string;
  /** Milliseconds since it started. */
  readonly uptime: number;
  /** It ends. */
  readonly draining: boolean;
  /** Processes that it should have. */
  readonly processes: number;
  /** Processes started in the place of others that died. */
  readonly restarts: number;
  readonly reloads: ReloadCounts;
  /** How it stands with the edges that it purges together with; null where it is alone. */
  readonly purge: PurgeStatus | null;
}

/** How often the config was read again. */
export interface ReloadCounts {
  readonly done: number;
  readonly failed: number;
  /** What was wrong with the last one, where something was. */
  readonly error: string | null;
}

/** Everything. Plain data. */
export interface ProgramReport extends Omit<ProgramFacts, "processes"> {
  /** Why it is not ready; empty where it is. */
  readonly notReady: readonly string[];
  /** What is wrong though it serves: to be looked into, but no reason to send clients elsewhere. */
  readonly warnings: readonly string[];
  /** How busy its processes were in the last half second, on average, 0 to 1. */
  readonly load: number;
  /** Sums over all processes. */
  readonly total: {
    readonly edge: EdgeStats;
    readonly requests: RequestCounts;
    readonly connections: number;
    readonly memory: number;
    readonly rss: number;
    readonly disk: DiskReport | null;
    readonly log: { readonly lines: number; readonly dropped: number } | null;
  };
  readonly upstreams: readonly UpstreamStats[];
  readonly paths: readonly HotPath[];
  readonly processes: readonly ProcessReport[];
}

const NO_REQUESTS: RequestCounts = { requests: 0, bytes: 0, byOutcome: {}, byStatus: {}, inFlight: 0 };

/** Puts the reports of processes together. */
export function reportOf(facts: ProgramFacts, processes: readonly ProcessReport[]): ProgramReport {
  const logs = processes.flatMap(({ log }) => log ?? []);
  const disks = processes.flatMap(({ disk }) => disk ?? []);
  return {
    ...facts,
    notReady: reasonsAgainst(facts, processes),
    warnings: warningsOf(facts),
    load: total(processes, ({ load }) => load) / Math.max(1, processes.length),
    total: {
      edge: processes.map(({ edge }) => edge).reduce(sum, {} as EdgeStats),
      requests: processes.map(({ requests }) => requests).reduce(sum, NO_REQUESTS),
      connections: total(processes, ({ connections }) => connections),
      memory: total(processes, ({ memory }) => memory),
      rss: total(processes, ({ rss }) => rss),
      disk: disks.length === 0 ? null : disks.reduce(sum),
      log: logs.length === 0 ? null : logs.reduce(sum),
    },
    upstreams: mergeUpstreams(processes.flatMap(({ upstreams }) => upstreams)),
    paths: mergePaths(processes.flatMap(({ paths }) => paths)),
    processes,
  };
}

function reasonsAgainst({ draining, processes: wanted }: ProgramFacts, processes: readonly ProcessReport[]): string[] {
  const reasons: string[] = [];
  const serving = processes.filter((process) => !process.draining);
  if (draining) reasons.push("it is ending");
  else if (serving.length === 0)
    reasons.push(wanted === 1 ? "it does not serve" : `none of ${wanted} processes serves`);
  const reaches = ({ upstreams }: ProcessReport): boolean => upstreams.some(({ reachable }) => reachable);
  if (serving.length > 0 && !serving.some(reaches)) {
    reasons.push("no upstream can be reached");
  }
  return reasons;
}

function warningsOf({ purge, draining }: ProgramFacts): string[] {
  if (purge === null || purge.trusted || draining) return [];
  const why = `no contact for purges with ${edgesOutOfContact(purge).join(", ") || "enough edges"}`;
  return [`nothing is served from the cache without asking an upstream: ${why}`];
}

/** Names of the edges by whose leave this one may not serve. */
export function edgesOutOfContact({ edges }: PurgeStatus): string[] {
  return Object.keys(edges).filter((name) => !edges[name]!.weMayServe);
}

function total<T>(all: readonly T[], of: (each: T) => number): number {
  return all.reduce((count, each) => count + of(each), 0);
}

/** Numbers are added, objects field by field; of anything else the first counts. */
function sum<T extends object>(a: T, b: T): T {
  const result: Record<string, unknown> = Object.fromEntries(Object.entries(a));
  for (const [key, value] of Object.entries(b)) {
    const before = result[key];
    if (typeof value === "number" && typeof before === "number") result[key] = before + value;
    else if (isObject(value) && isObject(before)) result[key] = sum(before, value);
    else if (before === undefined || before === null) result[key] = value;
  }
  return result as T;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** What processes think of the same upstream: the worst of health and latency, the sum of everything else. */
function mergeUpstreams(all: readonly UpstreamStats[]): UpstreamStats[] {
  const byName = new Map<string, UpstreamStats>();
  for (const stats of all) {
    const known = byName.get(stats.name);
    byName.set(stats.name, known === undefined ? stats : mergeUpstream(known, stats));
  }
  return [...byName.values()];
}

const WORST = ["closed", "half-open", "open"] as const;

function mergeUpstream(a: UpstreamStats, b: UpstreamStats): UpstreamStats {
  return {
    ...sum(a, b),
    healthy: a.healthy && b.healthy,
    reachable: a.reachable && b.reachable,
    circuit: WORST[Math.max(WORST.indexOf(a.circuit), WORST.indexOf(b.circuit))]!,
    headP50: highest(a.headP50, b.headP50),
    headP95: highest(a.headP95, b.headP95),
  };
}

function highest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.max(a, b);
}

function mergePaths(all: readonly HotPath[]): HotPath[] {
  const byPath = new Map<string, number>();
  for (const { path, requests } of all) byPath.set(path, (byPath.get(path) ?? 0) + requests);
  return [...byPath]
    .map(([path, requests]) => ({ path, requests }))
    .sort((a, b) => b.requests - a.requests)
    .slice(0, REPORTED_PATHS);
}
