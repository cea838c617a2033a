/** All upstreams of an edge, made from options, as one. */

import { CdnError } from "../../errors.ts";
import { type Logger, silentLogger } from "../../logger.ts";
import { callable, checkOptions, flag, logger as loggerRule, type Rules, text } from "../../options/check-options.ts";
import type { Balance } from "./balance.ts";
import type { CircuitOptions } from "./circuit.ts";
import { Failover } from "./failover.ts";
import { createHandlerUpstream } from "./handler-upstream.ts";
import { checkHealth } from "./health-check.ts";
import type { HedgeOptions } from "./hedge.ts";
import { createHttpUpstream } from "./http-upstream.ts";
import { Member, type UpstreamStats } from "./member.ts";
import { probeReach } from "./reach-probe.ts";
import { DEFAULT_RETRY, RetryBudget, type RetryOptions } from "./retry-budget.ts";
import { createS3Upstream, s3Url } from "./s3-upstream.ts";
import { DEFAULT_UPSTREAM_TIMEOUTS, type Upstream, type UpstreamTimeouts } from "./upstream.ts";
import { headHistogram, observeUpstreams, upstreamAttributes } from "./upstream-metrics.ts";
import type { UpstreamOption, UpstreamOptions } from "./upstream-options.ts";
import { policyRules, timeouts as timeoutsRule, upstreams as upstreamList } from "./upstream-rules.ts";

/** Asked of a bucket, which is never listed, to see whether it answers: that there is no such object is an answer. */
const NO_OBJECT = "/.ami-edge-probe";

/** How several upstreams are used. */
export interface UpstreamsPolicy {
  /** Default `priority`: in the order they are listed. */
  readonly balance?: Balance;
  /** Bounds of second attempts, see {@link DEFAULT_RETRY}. */
  readonly retry?: Partial<RetryOptions>;
  /** Second requests for segments that are late; false for none. Default: where there is another upstream, and enough is known of the first. */
  readonly hedge?: HedgeOptions | false;
  /** When an upstream is not asked at all, see {@link DEFAULT_CIRCUIT}. */
  readonly circuit?: Partial<CircuitOptions>;
}

/** Options of {@link createUpstreams}. */
export interface UpstreamsOptions extends UpstreamsPolicy {
  readonly upstreams: readonly UpstreamOption[];
  /** Names the edge in metrics. Default `ami-edge`. */
  readonly name?: string;
  readonly timeouts?: Partial<UpstreamTimeouts>;
  /** Milliseconds of a steady clock. Default `performance.now`. */
  readonly clock?: () => number;
  /** Milliseconds since 1970 by the system's clock, for signatures. Default `Date.now`. */
  readonly systemClock?: () => number;
  readonly logger?: Logger;
  /**
   * Whether upstreams are asked by HEAD (for the path of the health check, or else `/`, or of a bucket an object that it has not) about every second until the first answer, and while their circuit is not
   * closed, so that {@link UpstreamStats.reachable} is true without anybody's request. Default false.
   */
  readonly probe?: boolean;
}

const RULES: Rules<UpstreamsOptions> = {
  ...policyRules,
  upstreams: upstreamList,
  name: text,
  timeouts: timeoutsRule,
  probe: flag,
  clock: callable,
  systemClock: callable,
  logger: loggerRule,
};

/** Several upstreams as one. */
export interface Upstreams extends Upstream {
  /** What is known of each now, in the order they were given. */
  readonly stats: readonly UpstreamStats[];
}

/**
 * Makes upstreams, checks their health, and asks them as `Failover` says.
 *
 * @throws {CdnError} `INVALID_OPTION`.
 */
export function createUpstreams(options: UpstreamsOptions): Upstreams {
  checkOptions("createUpstreams", options, RULES);
  const { upstreams, name = "ami-edge", clock = () => performance.now(), logger = silentLogger } = options;
  const { systemClock = Date.now, balance, hedge, circuit } = options;
  if (upstreams.length === 0) throw new CdnError("INVALID_OPTION", "an edge needs at least one upstream");
  const retry = { ...DEFAULT_RETRY, ...options.retry };
  const budget = new RetryBudget(retry);
  const histogram = headHistogram();
  const checks: (() => void)[] = [];

  const members = upstreams.map((each, index) => {
    const given = toOptions(each);
    const timeouts = { ...DEFAULT_UPSTREAM_TIMEOUTS, ...options.timeouts, ...given.timeouts };
    const mayRetry = (): boolean => {
      const isGranted = budget.take(clock());
      if (isGranted) member.counters.retries += 1;
      return isGranted;
    };
    const upstream = makeUpstream(given, `upstream ${index + 1}`, { timeouts, mayRetry, systemClock, logger });
    const attributes = upstreamAttributes(name, upstream.name);
    const member: Member = new Member({
      upstream,
      timeouts,
      clock,
      logger,
      weight: given.weight ?? 1,
      priority: given.priority ?? (given.backup === true ? 1 : 0),
      ...(circuit !== undefined && { circuit }),
      onHead: (elapsed) => histogram.record(elapsed / 1_000, attributes),
    });
    return { member, health: given.health, isBucket: given.s3 !== undefined };
  });
  const failover = new Failover({
    members: members.map(({ member }) => member),
    clock,
    budget,
    backoff: retry.backoff,
    ...(balance !== undefined && { balance }),
    ...(hedge !== undefined && { hedge }),
  });
  for (const { member, health, isBucket } of members) {
    if (health !== undefined) checks.push(watch(member, health, logger));
    if (options.probe !== true) continue;
    const target = health?.path ?? (isBucket ? NO_OBJECT : "/");
    checks.push(probeReach(member, { target, first: health === undefined, clock }));
  }
  const stats = (): UpstreamStats[] => members.map(({ member }) => member.stats(clock()));
  const stopObserving = observeUpstreams(name, stats, budget);

  return {
    name: failover.name,
    send: (request) => failover.send(request),
    get stats() {
      return stats();
    },
    async close() {
      stopObserving();
      for (const stop of checks) stop();
      await failover.close();
    },
  };
}

function toOptions(option: UpstreamOption): UpstreamOptions {
  if (typeof option === "string") return { url: option };
  return typeof option === "function" ? { handler: option } : option;
}

interface Surroundings {
  readonly timeouts: UpstreamTimeouts;
  readonly mayRetry: () => boolean;
  readonly systemClock: () => number;
  readonly logger: Logger;
}

function makeUpstream(options: UpstreamOptions, fallbackName: string, around: Surroundings): Upstream {
  const { url, handler, upstream, s3, headers } = options;
  if ([url, handler, upstream].filter((each) => each !== undefined).length !== 1) {
    throw new CdnError("INVALID_OPTION", `${options.name ?? fallbackName}: give one of url, handler and upstream`);
  }
  if (s3 !== undefined && url === undefined) {
    throw new CdnError("INVALID_OPTION", `${options.name ?? fallbackName}: s3 needs the url of its endpoint`);
  }
  return named(withHeaders(plainUpstream(options, fallbackName, around), headers), options.name);
}

function plainUpstream(options: UpstreamOptions, fallbackName: string, around: Surroundings): Upstream {
  const { url, handler, upstream, s3 } = options;
  if (upstream !== undefined) return upstream;
  if (handler !== undefined) return createHandlerUpstream(handler, options.name ?? fallbackName);
  const { timeouts, mayRetry, systemClock, logger } = around;
  const target = s3 === undefined ? url! : s3Url(url!, s3);
  const http = createHttpUpstream(target, timeouts, { ...options, mayRetry });
  return s3 === undefined ? http : createS3Upstream({ ...s3, http, url: target, systemClock, logger });
}

function named(upstream: Upstream, name: string | undefined): Upstream {
  if (name === undefined || name === upstream.name) return upstream;
  return { name, send: (request) => upstream.send(request), close: () => upstream.close() };
}

function withHeaders(upstream: Upstream, headers: UpstreamOptions["headers"]): Upstream {
  if (headers === undefined) return upstream;
  const own = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  const added = [...own].flat();
  return {
    name: upstream.name,
    send(request) {
      const fields = [...added];
      for (let at = 0; at < request.headers.length; at += 2) {
        const field = request.headers[at]!;
        if (!own.has(field)) fields.push(field, request.headers[at + 1]!);
      }
      return upstream.send({ ...request, headers: fields });
    },
    close: () => upstream.close(),
  };
}

function watch(member: Member, health: NonNullable<UpstreamOptions["health"]>, logger: Logger): () => void {
  const onChange = (healthy: boolean): void => {
    if (healthy) {
      member.recover();
      logger.info({ upstream: member.name }, "an upstream is well again");
    } else {
      member.healthy = false;
      logger.warn({ upstream: member.name }, "an upstream is ill: its health check failed");
    }
  };
  return checkHealth(member.upstream, health, onChange, () => {
    member.hasAnswered = true;
  });
}
