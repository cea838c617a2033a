/**
 * Puts one process's edge together from a config, and exchanges parts of it while it serves.
 *
 * ```
 * server ─► trustProxies ─► access log ─► counting ─► guards ─► endpoints ─► CMSD ─► cache ─► upstreams
 *           └─── front, exchanged ───┘     stays     └─────── exchanged ────────┘  stays    exchanged
 * ```
 *
 * What is exchanged is made first, and then put into use between two requests. Answers under way end as they began.
 */

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type CmcdMetrics, observeCmcd } from "../cmcd/cmcd-metrics.ts";
import { watchDuress } from "../cmcd/duress.ts";
import { sendCmsd } from "../cmcd/send-cmsd.ts";
import { createCmcdTap } from "../cmcd/tap.ts";
import { observeDiskTier } from "../edge/disk-tier/disk-stats.ts";
import { createDiskTier } from "../edge/disk-tier/disk-tier.ts";
import { EdgeCache } from "../edge/edge-cache.ts";
import { createPeerMarks } from "../edge/peers/peer-mark.ts";
import { createPeerUpstream } from "../edge/peers/peer-upstream.ts";
import { siblingDoor } from "../edge/peers/sibling.ts";
import { withoutPurgesSeen } from "../edge/purge/seen-field.ts";
import { type EdgeStats, observeStats } from "../edge/stats.ts";
import type { UpstreamStats } from "../edge/upstream/member.ts";
import { DEFAULT_UPSTREAM_TIMEOUTS, type UpstreamTimeouts } from "../edge/upstream/upstream.ts";
import { trustProxies } from "../guard/address/trusted-proxies.ts";
import { type Answerer, createGuard, withGuards } from "../guard/guard.ts";
import type { FetchHandler } from "../handler/fetch-handler.ts";
import { type RawFetchHandler, rawHandler } from "../handler/raw.ts";
import type { Logger } from "../logger.ts";
import { accessLog } from "../watch/access-log.ts";
import { type HotPath, HotPaths } from "../watch/hot-paths.ts";
import { observeRequests, type RequestCounts } from "../watch/observe-requests.ts";
import { foldersOf } from "../watch/rendition.ts";
import { cacheOptions } from "./cache-options.ts";
import type { CheckedConfig } from "./config/schema.ts";
import { answererOf, closeEndpoints, type Endpoints, makeEndpoints, withEndpoints } from "./endpoints.ts";
import { closeGuards, type MadeGuards, makeGuards } from "./guards.ts";
import { LiveUpstreams } from "./live-upstreams.ts";
import { type LogFile, openLogFile } from "./log-file.ts";
import type { DiskReport } from "./processes/edge-process.ts";
import type { SiblingPlace } from "./processes/siblings.ts";
import { inPlace } from "./program-error.ts";
import type { ProcessPurges } from "./purges.ts";
import { shrinkCache } from "./shrink-cache.ts";

/** Where edges tell each other of purges. */
const PURGE_PATH = "/.ami/purge/";
/** Milliseconds that a process waits for another one that is there. */
const SIBLING_TIMEOUT = 600_000;
/** A socket of a process that is gone refuses at once; one that takes its time is of a busy machine. */
const SIBLING_CONNECT_TIMEOUT = 10_000;
/** Milliseconds after which half of what is known of paths is forgotten. */
const FADE_INTERVAL = 10_000;

/** Milliseconds that answers which were cut off at the end get to be logged. */
const LAST_WORDS = 500;

/** Lines of an access log. */
interface LogCounts {
  readonly lines: number;
  /** Of these, those that found no room. */
  readonly dropped: number;
}

/** An edge without a server in front of it. */
export interface AssembledEdge {
  readonly handler: RawFetchHandler;
  /** Answers the other processes; undefined where there are none. */
  readonly siblings: RawFetchHandler | undefined;
  /** Another process is there, or not any more. */
  setSibling(name: string, present: boolean): void;
  readonly stats: EdgeStats;
  readonly upstreams: readonly UpstreamStats[];
  /** Share of the last half second in which this process was busy, 0 to 1. */
  readonly load: number;
  /** How full the disk tier is; undefined where there is none. */
  readonly disk: DiskReport | undefined;
  /** What clients were answered, by guards and all. */
  requests(): RequestCounts;
  /** The paths that are asked for most, with about how many requests of the last while. */
  hotPaths(count: number): HotPath[];
  /** Lines of the access log since the beginning; undefined while there is none. */
  logCounts(): LogCounts | undefined;
  /** Forgets what is stored and arriving for canonical targets. */
  invalidate(urls: readonly string[]): void;
  /** Opens the access log anew, where there is one. */
  reopenLog(): void;
  /**
   * Makes what a config asks for, and puts it into use only when all of it is there. Of sections that cannot change while it serves, the
   * config has to say what it said before.
   *
   * @throws {CdnError} or {ProgramError} what is wrong. Everything then stays as it was.
   */
  apply(config: CheckedConfig): Promise<void>;
  /** Idempotent. */
  close(): Promise<void>;
}

/** Which process of an edge it is, and what that shares with the others. */
export interface EdgePlace {
  /** From 0. */
  readonly index: number;
  readonly purges: ProcessPurges;
  /** Default: it is the only one. */
  readonly siblings?: SiblingPlace | undefined;
}

/** @throws {CdnError} or {ProgramError} what of the config cannot be had. */
export async function assembleEdge(config: CheckedConfig, logger: Logger, place: EdgePlace): Promise<AssembledEdge> {
  const { index, purges, siblings } = place;
  let current = config;
  await using opened = new AsyncDisposableStack();
  const upstreams = await LiveUpstreams.create(config, logger);
  opened.defer(() => upstreams.close());
  const shared =
    siblings &&
    createPeerUpstream({
      ...{
        self: siblings.self,
        peers: siblings.peers,
        secret: siblings.secret,
        siblings: true,
        name: config.name,
        logger,
      },
      fallback: config.purge === undefined ? withoutPurgesSeen(upstreams) : upstreams,
      // A process says itself when it has waited long enough, and one that says nothing is asked whether it is there.
      timeouts: { connect: SIBLING_CONNECT_TIMEOUT, head: SIBLING_TIMEOUT, body: SIBLING_TIMEOUT },
    });
  opened.defer(() => shared?.close());
  for (const { name } of siblings?.peers ?? []) shared?.setPresent(name, false);

  const clock = () => Math.floor(performance.now());
  const disk = config.disk && (await openDisk(config, config.disk, logger, index));
  opened.defer(() => disk?.close());
  if (disk !== undefined) opened.defer(observeDiskTier(config.name, disk));
  const watch = opened.use(watchDuress());
  let cmcd: CmcdMetrics | undefined;
  opened.defer(() => cmcd?.close());
  const cmcdMetrics = (): CmcdMetrics => {
    cmcd ??= observeCmcd(config.name);
    return cmcd;
  };
  const cache = new EdgeCache({
    upstream: shared ?? upstreams,
    ...(shared !== undefined && { peers: shared }),
    ...(siblings !== undefined && { id: siblings.id }),
    name: config.name,
    clock,
    purges: purges.judge,
    onInvalidation: purges.onInvalidation,
    live: { rules: config.live.rules, prefetch: config.live.prefetch },
    ...(config.live.cmcd && { cmcd: createCmcdTap({ metrics: cmcdMetrics(), clock }) }),
    ...(disk !== undefined && { disk }),
    systemClock: () => Date.now(),
    logger,
    timeouts: timeoutsOf(() => current),
    cache: cacheOptions(config),
    ...(config.forward !== undefined && { forward: config.forward }),
  });
  opened.defer(() => cache.close());
  opened.defer(observeStats(config.name, cache.stats));
  const cached = answering((request) => cache.answer(request));
  const marked = sendCmsd({ name: config.name, duress: () => watch.duress })(cached);
  const behindOf = ({ live }: CheckedConfig, endpoints: Endpoints, made: MadeGuards): Answerer => {
    const inner = withEndpoints(rawAnswerer(live.cmsd ? marked : cached), endpoints);
    const behind = guarded(answering(inner), made);
    return config.purge === undefined ? behind : withPurgeNetwork(behind, purges);
  };

  let guards: MadeGuards = await makeGuards(config.guard, new Map(), logger);
  opened.defer(() => closeGuards(guards));
  let endpoints = makeEndpoints(config, new Map(), { logger, cmcdMetrics });
  opened.defer(() => closeEndpoints(endpoints));
  let behind = behindOf(config, endpoints, guards);
  const observed = observeRequests(
    answering((request) => behind(request)),
    { name: config.name, ...countingOf(config) },
  );
  opened.defer(() => observed.close());
  const paths = new HotPaths();
  const fading = setInterval(() => paths.fade(), FADE_INTERVAL).unref();
  opened.defer(() => clearInterval(fading));
  const counted = withHotPaths(observed, paths);

  let log = isLogged(config) ? await openLogFile(logFileOf(config), logger) : undefined;
  opened.defer(async () => {
    if (log === undefined) return;
    await lastWords(() => observed.counts().inFlight);
    await log.close();
  });
  let ended: LogCounts = { lines: 0, dropped: 0 };
  let front = await frontOf(counted, config, log);

  const apply = async (next: CheckedConfig): Promise<void> => {
    await using discarded = new AsyncDisposableStack();
    const prepared = await upstreams.prepare(next);
    discarded.defer(() => prepared.discard());
    const nextGuards = await makeGuards(next.guard, guards, logger);
    discarded.defer(() => closeGuards(nextGuards, guards));
    const nextEndpoints = makeEndpoints(next, endpoints, { logger, cmcdMetrics });
    discarded.defer(() => closeEndpoints(nextEndpoints, endpoints));
    const keepsLog = isLogged(next) && isLogged(current) && logFileOf(next) === logFileOf(current);
    const nextLog = keepsLog ? log : isLogged(next) ? await openLogFile(logFileOf(next), logger) : undefined;
    if (!keepsLog) discarded.defer(() => nextLog?.close());
    const nextBehind = behindOf(next, nextEndpoints, nextGuards);
    const nextFront = await frontOf(counted, next, nextLog);

    // From here on nothing fails or waits: no request sees half of it.
    discarded.move();
    const before = { guards, endpoints, log };
    prepared.use();
    current = next;
    guards = nextGuards;
    endpoints = nextEndpoints;
    log = nextLog;
    behind = nextBehind;
    front = nextFront;
    observed.update(countingOf(next));
    const { maxBytes, ...options } = cacheOptions(next);
    cache.update({ ...options, maxBytes: Math.max(maxBytes, cache.stats.bytes) });
    await shrinkCache(cache, maxBytes);
    await closeGuards(before.guards, guards);
    await closeEndpoints(before.endpoints, endpoints);
    if (before.log === undefined || before.log === log) return;
    await before.log.close();
    ended = sum(ended, before.log);
  };

  const resources = opened.move();
  return {
    siblings: siblings && answering(siblingDoor((request) => cache.answer(request), createPeerMarks(siblings.secret))),
    setSibling: (name, present) => shared?.setPresent(name, present),
    handler: answering((request) => front(request)),
    stats: cache.stats,
    invalidate: (urls) => {
      for (const url of urls) cache.invalidate(url);
    },
    get disk() {
      return (
        disk && { bytes: disk.bytes, maxBytes: diskBytes(config), entries: disk.entries, failed: disk.failed ?? null }
      );
    },
    get upstreams() {
      return upstreams.stats;
    },
    get load() {
      return watch.load;
    },
    requests: () => observed.counts(),
    hotPaths: (count) => paths.top(count),
    logCounts: () => log && sum(ended, log),
    reopenLog: () => log?.reopen(),
    apply,
    close: () => resources.disposeAsync(),
  };
}

/** Lets the other edges reach this one's purges, past its guards. */
function withPurgeNetwork(next: Answerer, { handle }: ProcessPurges): Answerer {
  const exchange = answererOf(handle);
  return (request) => (request.target.startsWith(PURGE_PATH) ? exchange(request) : next(request));
}

/** Each process has its part of the disk. */
function diskBytes({ disk, processes }: CheckedConfig): number {
  return Math.floor((disk?.size ?? 0) / processes);
}

async function openDisk(config: CheckedConfig, { path }: { path: string }, logger: Logger, index: number) {
  const folder = join(path, `process-${index}`, "objects");
  return await createDiskTier({ path: folder, maxBytes: diskBytes(config), logger });
}

/** A handler of its own that answers so, by either seam. */
function answering(answer: Answerer): RawFetchHandler {
  return createGuard(() => answer)(() => Response.error());
}

/** How a handler that always answers does it. */
function rawAnswerer(handler: RawFetchHandler): Answerer {
  return handler[rawHandler] as Answerer;
}

function guarded(handler: RawFetchHandler, guards: MadeGuards): Answerer {
  const all = withGuards(handler, ...[...guards.values()].map(({ guard }) => guard));
  return rawAnswerer(createGuard((next) => next)(all));
}

/** Resolves when answers that were cut off have told the log so; soon, whether they have or not. */
async function lastWords(inFlight: () => number): Promise<void> {
  const until = performance.now() + LAST_WORDS;
  do await sleep(LAST_WORDS / 50);
  while (inFlight() > 0 && performance.now() < until);
}

async function frontOf(
  handler: RawFetchHandler,
  { log, guard }: CheckedConfig,
  file: LogFile | undefined,
): Promise<Answerer> {
  const { format, sample, hideParams } = log;
  let logged = handler;
  if (file !== undefined) {
    logged = accessLog(handler, {
      sink: file,
      ...(format !== undefined && { format }),
      ...(sample !== undefined && { sample }),
      ...(hideParams !== undefined && { hideParams }),
    });
  }
  // Whoever counts or logs an address wants the client's.
  const { trustProxies: proxies } = guard;
  if (proxies === undefined) return rawAnswerer(logged);
  return rawAnswerer((await inPlace("guard.trustProxies", () => trustProxies(proxies)))(logged));
}

function withHotPaths(handler: FetchHandler, paths: HotPaths): RawFetchHandler {
  return createGuard((next) => (request) => {
    paths.see(request.target);
    return next(request);
  })(handler);
}

function countingOf({ metrics }: CheckedConfig) {
  const { segments, renditions, timeHits } = metrics;
  return { rendition: foldersOf(segments), maxRenditions: renditions, timeHits };
}

function sum(a: LogCounts, b: LogCounts): LogCounts {
  return { lines: a.lines + b.lines, dropped: a.dropped + b.dropped };
}

function isLogged({ log }: CheckedConfig): boolean {
  return log.format !== undefined || log.file !== undefined;
}

function logFileOf({ log }: CheckedConfig): string {
  return log.file ?? "-";
}

/** Those of the config that counts when somebody waits. */
function timeoutsOf(current: () => CheckedConfig): UpstreamTimeouts {
  const of = (name: keyof UpstreamTimeouts): number | undefined =>
    current().timeouts?.[name] ?? DEFAULT_UPSTREAM_TIMEOUTS[name];
  return {
    get connect() {
      return of("connect")!;
    },
    get head() {
      return of("head")!;
    },
    get body() {
      return of("body")!;
    },
    get total() {
      return of("total");
    },
  } as UpstreamTimeouts;
}
