/** One of several upstreams: asked, timed, and judged by how it answers. */

import { CdnError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import { Circuit, type CircuitOptions, type CircuitOutcome, type CircuitState } from "./circuit.ts";
import { withHeadTimeout } from "./head-timeout.ts";
import { LatencySketch } from "./latency-sketch.ts";
import { type Outcome, outcomeOf, outcomeOfError } from "./outcome.ts";
import { SlidingCounts } from "./sliding-counts.ts";
import {
  isHeld,
  type Upstream,
  type UpstreamRequest,
  type UpstreamResponse,
  type UpstreamTimeouts,
} from "./upstream.ts";
import { watchBody } from "./watched-body.ts";

/** Milliseconds that an upstream which is down is asked last. */
export const UPSTREAM_COOLDOWN = 5_000;
/** Milliseconds that an upstream which is slow beside the others is asked last. */
export const SLOW_FOR = 30_000;

/** An upstream whose answers are errors for the most part is asked last: this share of at least so many within so many milliseconds. */
const ERROR_SHARE = 0.5;
const ERROR_MINIMUM = 20;
const ERROR_WINDOW = 10_000;

// In the order in which they are asked.
export const GOOD = 0;
/** Down, late, slow or failing lately. */
export const SUSPECT = 1;
/** Its health check says so. */
const UNHEALTHY = 2;
/** Its circuit is open: not asked. */
export const REFUSED = 3;

/** How an upstream stands now. */
export type Standing = typeof GOOD | typeof SUSPECT | typeof UNHEALTHY | typeof REFUSED;

/** What is known of one upstream. Counters are since it was made. */
export interface UpstreamStats {
  readonly name: string;
  /** Attempts, retries and hedges among them. */
  readonly requests: number;
  /** Failed ones by code: a `CdnErrorCode`, or a status. */
  readonly failures: Readonly<Record<string, number>>;
  /** Attempts because another had failed. */
  readonly retries: number;
  /** Attempts because another was late. */
  readonly hedges: number;
  /** Hedges whose answer came first, and whose did not. */
  readonly hedgesWon: number;
  readonly hedgesLost: number;
  /** Requests whose answer has not ended. */
  readonly inFlight: number;
  /** What the health check says; true where there is none. */
  readonly healthy: boolean;
  readonly circuit: CircuitState;
  /** Whether it is known to answer: it has, its circuit is closed, and its health check does not say otherwise. */
  readonly reachable: boolean;
  /** Milliseconds until the head, by recent segments: half of them, and 95 of 100. Undefined where there are few. */
  readonly headP50: number | undefined;
  readonly headP95: number | undefined;
}

/** Options of a {@link Member}. */
export interface MemberOptions {
  readonly upstream: Upstream;
  readonly timeouts: UpstreamTimeouts;
  readonly clock: () => number;
  readonly logger: Logger;
  /** Default 1. */
  readonly weight?: number;
  /** The lowest is asked first. Default 0. */
  readonly priority?: number;
  readonly circuit?: Partial<CircuitOptions>;
  /** Codes of failures that open the circuit at once. Default: none. */
  readonly fatal?: ReadonlySet<string>;
  /**
   * Asked after each other failure: whether it is there all the same. Then the failure was about what was asked for, and says nothing of it; else its
   * circuit opens at once. Never rejects. Default: failures count.
   */
  readonly isThere?: () => Promise<boolean>;
  /** Its 502 and 504 are about others, whom it asked in turn. Default false. */
  readonly relays?: boolean;
  /** Told after each failure. */
  readonly onFailure?: () => void;
  /** Told of every head: milliseconds. */
  readonly onHead?: (elapsed: number) => void;
}

/** A request on its way to one upstream. */
export interface Attempt {
  /** Rejects only when the request's own signal aborts. */
  readonly outcome: Promise<Outcome>;
  /** Ends it: another was quicker. @param outcome - what that says of it. Default `nothing`. */
  abandon(outcome?: CircuitOutcome): void;
}

export class Member {
  readonly name: string;
  readonly upstream: Upstream;
  readonly weight: number;
  readonly priority: number;
  /** Times of heads, of those that are compared. */
  readonly latency = new LatencySketch();
  readonly counters = { requests: 0, retries: 0, hedges: 0, hedgesWon: 0, hedgesLost: 0, inFlight: 0 };
  readonly failures: Record<string, number> = Object.create(null);
  readonly circuit: Circuit;
  /** What the health check says. */
  healthy = true;
  /** A client's request, a probe or a health check has come to something. */
  hasAnswered = false;
  readonly #options: MemberOptions;
  readonly #recent = new SlidingCounts(ERROR_WINDOW, 2);
  #suspectUntil = Number.NEGATIVE_INFINITY;
  #slowUntil = Number.NEGATIVE_INFINITY;

  /** @throws {CdnError} `INVALID_OPTION`. */
  constructor(options: MemberOptions) {
    const { upstream, weight = 1, priority = 0 } = options;
    if (!(weight > 0) || !Number.isFinite(priority)) {
      throw new CdnError("INVALID_OPTION", `upstream ${upstream.name}: weight is above zero, and priority a number`);
    }
    this.#options = options;
    this.name = upstream.name;
    this.upstream = upstream;
    this.weight = weight;
    this.priority = priority;
    this.circuit = new Circuit(options.circuit);
  }

  standing(now: number): Standing {
    if (!this.circuit.admits(now)) return REFUSED;
    if (!this.healthy) return UNHEALTHY;
    if (now < this.#suspectUntil || now < this.#slowUntil) return SUSPECT;
    const errors = this.#recent.sum(1, now);
    return errors >= ERROR_MINIMUM && errors >= ERROR_SHARE * this.#recent.sum(0, now) ? SUSPECT : GOOD;
  }

  /** The others are quicker by far: it is asked last for a while, and then measured anew. */
  setSlow(now: number): void {
    this.#slowUntil = now + SLOW_FOR;
    this.latency.clear();
  }

  /** The health check found it well again: what its circuit remembers is out of date. */
  recover(): void {
    this.healthy = true;
    this.#suspectUntil = Number.NEGATIVE_INFINITY;
    this.circuit.close();
  }

  /** See {@link UpstreamStats.reachable}. */
  isReachable(now: number): boolean {
    return this.hasAnswered && this.healthy && this.circuit.state(now) === "closed";
  }

  /** Says what came of a probe, which counts nowhere else: undefined where it was given up. */
  judgeProbe(permit: number, hasAnswered: boolean | undefined): void {
    this.hasAnswered ||= hasAnswered === true;
    const outcome = hasAnswered === undefined ? "nothing" : hasAnswered ? "success" : "failure";
    this.#record(permit, outcome, this.#options.clock());
  }

  /** Asks. @param isMeasured - whether its time counts among {@link latency}. */
  attempt(request: UpstreamRequest, isMeasured: boolean): Attempt {
    const { clock } = this.#options;
    const permit = this.circuit.admit(clock());
    if (permit === undefined) {
      const error = new CdnError("UPSTREAM_DOWN", `${this.name} failed too often lately and is not asked for now`);
      return { outcome: Promise.resolve(outcomeOfError(error)), abandon: () => {} };
    }
    this.counters.requests += 1;
    this.counters.inFlight += 1;
    const controller = new AbortController();
    let abandoned: CircuitOutcome | undefined;
    const outcome = this.#ask(request, controller, permit, isMeasured, () => abandoned);
    // Whoever is interested waits for it; a rejection of one that was abandoned is nobody's.
    outcome.catch(() => {});
    return {
      outcome,
      abandon: (outcome = "nothing") => {
        abandoned = outcome;
        controller.abort(new CdnError("ABORTED", "another upstream answered first"));
      },
    };
  }

  stats(now: number): UpstreamStats {
    const { name, counters, failures, healthy, circuit, latency } = this;
    const [headP50, headP95] = [latency.quantile(0.5), latency.quantile(0.95)];
    const state = { healthy, circuit: circuit.state(now), reachable: this.isReachable(now) };
    return { name, ...counters, failures: { ...failures }, ...state, headP50, headP95 };
  }

  async #ask(
    request: UpstreamRequest,
    controller: AbortController,
    permit: number,
    isMeasured: boolean,
    abandonedAs: () => CircuitOutcome | undefined,
  ): Promise<Outcome> {
    const { clock, logger, timeouts, onHead } = this.#options;
    const startedAt = clock();
    const stop = linkAborts(request.signal, controller, timeouts.total, this.name);
    const end = (): void => {
      stop();
      this.counters.inFlight -= 1;
    };
    try {
      const response = await withHeadTimeout(this.upstream, request, controller, timeouts.head);
      const elapsed = clock() - startedAt;
      onHead?.(elapsed);
      if (isMeasured) this.latency.add(elapsed);
      this.#judgeStatus(response.status, permit);
      return outcomeOf(this.#watched(response, permit, controller.signal, end));
    } catch (error) {
      end();
      const now = clock();
      const abandoned = abandonedAs();
      if (abandoned !== undefined) {
        // It would have taken longer still.
        if (isMeasured) this.latency.add(now - startedAt);
        this.#record(permit, abandoned, now);
        return outcomeOfError(error);
      }
      if (request.signal.aborted) {
        this.circuit.record(permit, "nothing", now);
        throw error;
      }
      logger.warn({ upstream: this.name, err: error }, "an upstream failed");
      this.#judgeError(error, permit);
      return outcomeOfError(error);
    }
  }

  #watched(response: UpstreamResponse, permit: number, signal: AbortSignal, end: () => void): UpstreamResponse {
    const upstream = response.upstream ?? this.name;
    const { body } = response;
    if (body === null || body instanceof Uint8Array) {
      end();
      return { ...response, upstream };
    }
    const onEnd = (error?: unknown): void => {
      end();
      if (error === undefined) return;
      const code = error instanceof CdnError ? error.code : "UPSTREAM_FAILED";
      if (!code.startsWith("UPSTREAM_")) return;
      this.#count(code);
      this.#judgeFailure(code, permit);
    };
    return { ...response, upstream, body: watchBody(body, { idle: this.#options.timeouts.body, signal, onEnd }) };
  }

  #judgeStatus(status: number, permit: number): void {
    const now = this.#options.clock();
    this.#recent.add(0, now);
    const isDown = this.#options.relays !== true && (status === 502 || status === 504);
    this.#record(permit, isDown ? "failure" : "success", now);
    if (isDown) this.#suspectUntil = now + UPSTREAM_COOLDOWN;
    else {
      this.#suspectUntil = Number.NEGATIVE_INFINITY;
      this.hasAnswered = true;
    }
    if (status < 500) return;
    // A 503 is how an origin says that a publisher is away: players ask for it again and again.
    const level = status === 503 ? "debug" : "warn";
    this.#options.logger[level]({ upstream: this.name, status }, "an upstream answered with an error");
    if (status !== 503 && this.#options.relays !== true) this.#recent.add(1, now);
    this.#count(COUNTED_STATUSES.has(status) ? String(status) : "5xx");
  }

  #judgeError(error: unknown, permit: number): void {
    const now = this.#options.clock();
    const code = error instanceof CdnError ? error.code : "UPSTREAM_FAILED";
    this.#count(code);
    // That is about how much is asked of it, and not about how it does.
    if (code === "UPSTREAM_BUSY") {
      this.#record(permit, "nothing", now);
      return;
    }
    this.#recent.add(0, now);
    this.#recent.add(1, now);
    this.#judgeFailure(code, permit);
    if (code === "UPSTREAM_UNREACHABLE" || code === "UPSTREAM_TIMEOUT") this.#suspectUntil = now + UPSTREAM_COOLDOWN;
  }

  #judgeFailure(code: string, permit: number): void {
    const { fatal, isThere, clock } = this.#options;
    if (fatal?.has(code) === true) this.#record(permit, "fatal", clock());
    else if (isThere === undefined) this.#record(permit, "failure", clock());
    else void isThere().then((is) => this.#record(permit, is ? "nothing" : "fatal", clock()));
  }

  #record(permit: number, outcome: CircuitOutcome, now: number): void {
    const before = this.circuit.state(now);
    this.circuit.record(permit, outcome, now);
    if (outcome === "failure" || outcome === "fatal") this.#options.onFailure?.();
    const state = this.circuit.state(now);
    if (state === before) return;
    const { logger } = this.#options;
    if (state === "open") logger.warn({ upstream: this.name }, "an upstream fails too often: it is not asked for now");
    else if (state === "closed") logger.info({ upstream: this.name }, "an upstream answers again");
  }

  #count(code: string): void {
    this.failures[code] = (this.failures[code] ?? 0) + 1;
  }
}

/** Statuses that are counted one by one; the others together, so that an upstream cannot make up series of a metric. */
const COUNTED_STATUSES = new Set([500, 502, 503, 504]);

/** Whether a request's time says something of its upstream: not where it may be held. */
export function isPrompt({ method, target, held }: Pick<UpstreamRequest, "method" | "target" | "held">): boolean {
  return method === "GET" && held !== true && !isHeld(target);
}

/** Aborts with the request, or when the whole took too long. @returns how to stop. */
function linkAborts(
  signal: AbortSignal,
  controller: AbortController,
  total: number | undefined,
  name: string,
): () => void {
  const forward = (): void => controller.abort(signal.reason);
  if (signal.aborted) forward();
  else signal.addEventListener("abort", forward, { once: true });
  const late = (): void => {
    controller.abort(new CdnError("UPSTREAM_TIMEOUT", `${name} took longer than ${total} ms for its whole answer`));
  };
  const timer = total === undefined ? undefined : setTimeout(late, total);
  return () => {
    clearTimeout(timer);
    signal.removeEventListener("abort", forward);
  };
}
