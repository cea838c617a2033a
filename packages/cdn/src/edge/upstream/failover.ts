/** Several upstreams as one: who is asked, in what order, when a second one is, and whose answer stands. */

import { setTimeout as wait } from "node:timers/promises";
import { CdnError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import { type Balance, createOrder, type Order } from "./balance.ts";
import { createHedging, type HedgeOptions, type Hedging } from "./hedge.ts";
import { type Attempt, GOOD, isPrompt, Member, REFUSED, SUSPECT } from "./member.ts";
import { ANSWER, better, forget, MISSING, NO_ANSWER, type Outcome } from "./outcome.ts";
import { DEFAULT_RETRY, RetryBudget, type RetryOptions } from "./retry-budget.ts";
import {
  isHeld,
  type Upstream,
  type UpstreamRequest,
  type UpstreamResponse,
  type UpstreamTimeouts,
} from "./upstream.ts";

export { UPSTREAM_COOLDOWN } from "./member.ts";

/** Milliseconds that an upstream on trial is waited for before another one is asked as well. */
const TRIAL_PATIENCE = 1_000;
/** An upstream is slow whose median is so many times the best one's, and so many milliseconds above it. */
const SLOW_FACTOR = 3;
const SLOW_ABOVE = 100;
/** Heads between two comparisons. */
const COMPARE_EVERY = 32;

/** Options of {@link createFailover}. */
export interface FailoverOptions {
  /** In the order of preference. */
  readonly upstreams: readonly Upstream[];
  readonly timeouts: UpstreamTimeouts;
  readonly clock: () => number;
  readonly logger: Logger;
}

/** Options of a {@link Failover}. */
export interface FailoverParts {
  readonly members: readonly Member[];
  readonly clock: () => number;
  /** Default `priority`. */
  readonly balance?: Balance;
  readonly budget?: RetryBudget;
  readonly backoff?: RetryOptions["backoff"];
  readonly hedge?: HedgeOptions | false;
}

/** Upstreams without options of their own, as one. */
export function createFailover({ upstreams, timeouts, clock, logger }: FailoverOptions): Upstream {
  const members = upstreams.map((upstream) => new Member({ upstream, timeouts, clock, logger }));
  return new Failover({ members, clock });
}

/**
 * Asks upstreams in order: by priority, by balance, and those last that were down, slow or failing lately. GET and HEAD go on to the next one,
 * each being asked once at most, when an upstream gives no head in time or no answer at all, answers with 500 to 599, or has no such thing
 * (404, 410): others may have streams that it has not. Where none has a better answer a 503 stands, then another 5xx, then the failure to get
 * one; a 404 only if all say so. Other methods are sent once: they may have had their effect.
 *
 * Down is who cannot be reached, is late, or answers 502 or 504. Other errors are about what was asked for, and change no order unless they
 * are most answers. Who fails most of the time is not asked at all, but for a trial now and then.
 *
 * Going on after a failure costs the retry budget; after a 404 it does not. A segment whose head is late is asked for a second time, elsewhere.
 */
export class Failover implements Upstream {
  readonly name: string;
  readonly members: readonly Member[];
  readonly budget: RetryBudget;
  readonly #clock: () => number;
  readonly #backoff: RetryOptions["backoff"];
  readonly #hedging: Hedging;
  readonly #order: Order<Member>;
  #heads = 0;

  constructor({ members, clock, balance = "priority", budget, backoff, hedge }: FailoverParts) {
    this.members = members;
    this.name = members.map(({ name }) => name).join(", ");
    this.budget = budget ?? new RetryBudget(DEFAULT_RETRY);
    this.#clock = clock;
    this.#backoff = backoff ?? DEFAULT_RETRY.backoff;
    this.#hedging = createHedging(hedge);
    this.#order = createOrder(members, balance);
  }

  async send(request: UpstreamRequest): Promise<UpstreamResponse> {
    const isIdempotent = (request.method === "GET" || request.method === "HEAD") && request.body === null;
    this.budget.request(this.#clock());
    const queue = this.#queue(request.target);
    const outcome = await (isIdempotent ? this.#askAll(queue, request) : this.#askOne(queue, request));
    if (outcome.rank === NO_ANSWER) throw outcome.error;
    return outcome.response;
  }

  async close(): Promise<void> {
    await Promise.all(this.members.map(({ upstream }) => upstream.close()));
  }

  /** Who may be asked, the best first. */
  #queue(target: string): Member[] {
    const now = this.#clock();
    const order = this.#order(target);
    const standings = order.map((member) => {
      const standing = member.standing(now);
      // A request that may be held for long tells nothing of an upstream on trial, and keeps others from telling.
      if (standing === GOOD && member.circuit.state(now) === "half-open" && isHeld(target)) return SUSPECT;
      return standing;
    });
    if (standings.every((standing) => standing === GOOD)) return order;
    const queue: Member[] = [];
    for (let standing: number = GOOD; standing < REFUSED; standing += 1) {
      for (const [at, member] of order.entries()) if (standings[at] === standing) queue.push(member);
    }
    return queue;
  }

  async #askOne([member]: Member[], request: UpstreamRequest): Promise<Outcome> {
    if (member === undefined) return this.#allDown();
    return await member.attempt(request, false).outcome;
  }

  async #askAll(queue: Member[], request: UpstreamRequest): Promise<Outcome> {
    let best: Outcome | undefined = queue.length < this.members.length ? this.#allDown() : undefined;
    let failed = false;
    try {
      for (let member = queue.shift(); member !== undefined; member = queue.shift()) {
        if (failed) {
          if (!this.budget.take(this.#clock())) break;
          member.counters.retries += 1;
        }
        const outcomes = await this.#askHedged(member, queue, request);
        for (const outcome of outcomes) best = better(best, outcome);
        if (best?.rank === ANSWER) return best;
        failed ||= outcomes.some(costsRetry);
      }
      if (best === undefined) return this.#allDown();
      return await this.#askAgain(best, request);
    } catch (error) {
      forget(best);
      throw error;
    }
  }

  /** An only upstream gets another chance. */
  async #askAgain(first: Outcome, request: UpstreamRequest): Promise<Outcome> {
    const [only] = this.members;
    let outcome = first;
    if (this.members.length > 1 || only === undefined) return outcome;
    for (const pause of this.#backoff) {
      if (!isWorthAnother(outcome) || only.standing(this.#clock()) === REFUSED) break;
      if (!this.budget.take(this.#clock())) break;
      await wait(pause * (0.5 + Math.random()), undefined, { signal: request.signal, ref: false }).catch(() => {});
      request.signal.throwIfAborted();
      only.counters.retries += 1;
      outcome = better(outcome, await this.#ask(only, request).outcome);
    }
    return outcome;
  }

  /** Asks one, and the next of the queue as well when that is late. */
  async #askHedged(member: Member, queue: Member[], request: UpstreamRequest): Promise<Outcome[]> {
    const delay = this.#hedgeDelay(member, queue, request);
    const first = this.#ask(member, request);
    if (delay === undefined) return [await first.outcome];
    if (await isSettledWithin(first.outcome, delay)) return [await first.outcome];
    const now = this.#clock();
    const other = queue[0]?.standing(now) === GOOD ? queue[0] : this.#hedging.sameUpstream ? member : undefined;
    if (other === undefined || !this.budget.take(now)) return [await first.outcome];
    if (other === queue[0]) queue.shift();
    other.counters.hedges += 1;
    const { onInformational: _, ...quiet } = request;
    const second = this.#ask(other, quiet);
    const winner = await firstGood(first, second);
    if (winner === undefined) {
      other.counters.hedgesLost += 1;
      return [await first.outcome, await second.outcome];
    }
    other.counters[winner === second ? "hedgesWon" : "hedgesLost"] += 1;
    const loser = winner === first ? second : first;
    loser.abandon();
    loser.outcome.then(forget, () => {});
    return [await winner.outcome];
  }

  #hedgeDelay(member: Member, queue: Member[], request: UpstreamRequest): number | undefined {
    if (!isPrompt(request) || (queue.length === 0 && !this.#hedging.sameUpstream)) return undefined;
    if (member.circuit.state(this.#clock()) === "half-open") return TRIAL_PATIENCE;
    return this.#hedging.isFor(request.target) ? this.#hedging.delay(member.latency) : undefined;
  }

  #ask(member: Member, request: UpstreamRequest): Attempt {
    const isMeasured = isPrompt(request) && this.#hedging.isFor(request.target);
    if (isMeasured) this.#compare();
    return member.attempt(request, isMeasured);
  }

  /** Finds who is slow beside the others. */
  #compare(): void {
    this.#heads += 1;
    if (this.#heads % COMPARE_EVERY !== 0 || this.members.length < 2) return;
    const medians = this.members.map(({ latency }) => latency.quantile(0.5));
    const best = Math.min(...medians.map((median) => median ?? Number.POSITIVE_INFINITY));
    for (const [at, median = 0] of medians.entries()) {
      if (median > SLOW_FACTOR * best && median > best + SLOW_ABOVE) this.members[at]?.setSlow(this.#clock());
    }
  }

  #allDown(): Outcome {
    const error = new CdnError("UPSTREAM_DOWN", `${this.name}: failed too often lately, and not asked for now`);
    return { rank: NO_ANSWER, error };
  }
}

/** Whether going on after it asks twice for what may fail twice. */
function costsRetry(outcome: Outcome): boolean {
  if (outcome.rank !== NO_ANSWER) return outcome.rank !== MISSING;
  return !(outcome.error instanceof CdnError && outcome.error.code === "UPSTREAM_DOWN");
}

function isWorthAnother(outcome: Outcome): boolean {
  if (outcome.rank !== NO_ANSWER || !(outcome.error instanceof CdnError)) return false;
  return outcome.error.code === "UPSTREAM_UNREACHABLE" || outcome.error.code === "UPSTREAM_FAILED";
}

async function isSettledWithin(promise: Promise<unknown>, milliseconds: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), milliseconds);
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The one that has an answer first; undefined where neither has. */
async function firstGood(one: Attempt, other: Attempt): Promise<Attempt | undefined> {
  const good = async (attempt: Attempt): Promise<Attempt> => {
    const { rank } = await attempt.outcome;
    if (rank !== ANSWER) throw new CdnError("UPSTREAM_FAILED", "no answer");
    return attempt;
  };
  try {
    return await Promise.any([good(one), good(other)]);
  } catch {
    return undefined;
  }
}
