/** A {@link PurgeMember} on the network: asks the other edges over HTTP, answers them, and waits for what they say. */

import { CdnError } from "../../../errors.ts";
import type { FetchHandler } from "../../../handler/fetch-handler.ts";
import type { Logger } from "../../../logger.ts";
import type { ChainedPurge } from "./chains.ts";
import { createExchangeHandler, EXCHANGE_PATH } from "./exchange-handler.ts";
import type { Changes, EdgeStanding, PurgeMember } from "./member.ts";
import { parseExchangeAnswer, parseExchangeRequest } from "./messages.ts";
import { createPost, type Post } from "./post.ts";
import { checkAnswer, signQuestion } from "./signature.ts";

/** Questions to one edge at a time. More than one, so that one that hangs holds up nothing. */
const MAX_QUESTIONS = 2;

/** Another edge. */
export interface PurgePeer {
  /** Letters, digits, `.`, `_` and `-`, up to 64. */
  readonly name: string;
  /** `http(s)://host[:port][/base]`, where its `network.handle` is served at `/.ami/purge/`. */
  readonly url: string;
}

/** Options of {@link PurgeNetwork}. */
export interface PurgeNetworkParts {
  readonly self: string;
  readonly peers: readonly PurgePeer[];
  readonly secrets: readonly string[];
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  readonly settleMs: number;
  readonly tolerate: number;
  readonly member: PurgeMember;
  /** Does and begins to write down what a message brought; resolves when it, and all before it, are written. */
  readonly apply: (changes: Changes) => Promise<void>;
  readonly clock: () => number;
  readonly systemClock: () => number;
  readonly logger: Logger;
}

interface Line {
  readonly peer: PurgePeer;
  questions: number;
  /** Something came up that the questions on their way do not say. */
  again: boolean;
  timer: NodeJS.Timeout | undefined;
  /** Whether the last question was answered; what changes is logged. */
  answers: boolean | undefined;
}

interface Waiter {
  readonly deadline: number;
  resolve(edges: Readonly<Record<string, EdgeStanding>>): void;
  reject(error: unknown, edges: Readonly<Record<string, EdgeStanding>>): void;
}

/** A purge that other edges were told of. */
export interface SpreadOutcome {
  readonly edges: Readonly<Record<string, EdgeStanding>>;
  /** False where it is not certain that no edge serves what was purged. */
  readonly settled: boolean;
}

export class PurgeNetwork {
  readonly #parts: PurgeNetworkParts;
  readonly #post: Post;
  readonly #lines: readonly Line[];
  readonly #waiters = new Map<ChainedPurge, Waiter>();
  readonly #handle: FetchHandler;
  readonly #closing = new AbortController();
  /** Whether what is stored may be served; what changes is logged. */
  #trusted = true;
  #look: { readonly at: number; readonly timer: NodeJS.Timeout } | undefined;

  constructor(parts: PurgeNetworkParts) {
    this.#parts = parts;
    this.#post = createPost(parts.leaseMs);
    this.#handle = createExchangeHandler({ ...parts, answer: (question) => this.answer(question) });
    this.#lines = parts.peers.map((peer) => ({
      peer,
      questions: 0,
      again: false,
      timer: undefined,
      answers: undefined,
    }));
  }

  /** Begins to ask. */
  start(): void {
    for (const line of this.#lines) void this.#ask(line);
  }

  /** Answers other edges. To be served at `/.ami/purge/`. */
  get handle(): FetchHandler {
    return this.#handle;
  }

  /** Answers a question whose signature was checked. @throws {CdnError} `BAD_REQUEST`; what keeps changes from being written down. */
  async answer(question: string): Promise<string> {
    const { member, clock, apply } = this.#parts;
    const { changes, answer } = member.receive(parseExchangeRequest(question), clock());
    const written = apply(changes);
    const text = JSON.stringify(answer);
    await written;
    return text;
  }

  /** Sends a purge that is written down to all edges. Resolves when it is settled, or too late for that. Never rejects but with `CLOSED`. */
  spread(purge: ChainedPurge): Promise<SpreadOutcome> {
    const { member, clock, settleMs } = this.#parts;
    return new Promise((resolve, reject) => {
      this.#waiters.set(purge, {
        deadline: clock() + settleMs,
        resolve: (edges) => resolve({ edges, settled: true }),
        reject: (error, edges) => (error === undefined ? resolve({ edges, settled: false }) : reject(error)),
      });
      member.persisted(purge);
      for (const line of this.#lines) void this.#ask(line);
      this.#settle();
    });
  }

  /** Whoever waits hears `CLOSED`. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort();
    for (const line of this.#lines) clearTimeout(line.timer);
    clearTimeout(this.#look?.timer);
    const closed = new CdnError("CLOSED", "this edge closed before it knew that the purge is everywhere");
    for (const waiter of this.#waiters.values()) waiter.reject(closed, {});
    this.#waiters.clear();
    await this.#post.close();
  }

  async #ask(line: Line): Promise<void> {
    if (this.#closing.signal.aborted) return;
    if (line.questions >= MAX_QUESTIONS) {
      line.again = true;
      return;
    }
    clearTimeout(line.timer);
    line.questions += 1;
    line.again = false;
    try {
      line.again = (await this.#exchange(line.peer)) || line.again;
      if (line.answers !== true)
        this.#parts.logger.info({ edge: line.peer.name }, "in contact with an edge for purges");
      line.answers = true;
    } catch (error) {
      if (!this.#closing.signal.aborted && line.answers !== false) {
        this.#parts.logger.warn({ err: error, edge: line.peer.name }, "no contact with an edge for purges");
        line.answers = false;
      }
      line.again = false;
    }
    line.questions -= 1;
    if (this.#closing.signal.aborted) return;
    this.#noteTrust();
    this.#settle();
    if (line.again) void this.#ask(line);
    else if (line.questions === 0) this.#askLater(line);
  }

  #noteTrust(): void {
    const { member, clock, logger, tolerate } = this.#parts;
    const trusted = member.trustedUntil > clock();
    const missing = this.#lines.filter(({ answers }) => answers === false).map(({ peer }) => peer.name);
    // At the start nobody has answered yet.
    if (trusted === this.#trusted || (!trusted && missing.length === 0)) return;
    this.#trusted = trusted;
    if (trusted) logger.info({}, "serves from the cache again");
    else
      logger.warn(
        { missing, tolerate },
        "serves nothing from the cache without asking an upstream, until more edges are in contact for purges",
      );
  }

  #askLater(line: Line): void {
    const { heartbeatMs, member, clock } = this.#parts;
    clearTimeout(line.timer);
    // Sooner where it matters: purges wait for this edge, or clients do because nothing stored may be served.
    const hurry = (this.#waiters.size > 0 && line.answers === false) || member.trustedUntil <= clock();
    line.timer = setTimeout(() => void this.#ask(line), hurry ? heartbeatMs / 4 : heartbeatMs);
  }

  /** @returns whether there is more to ask. */
  async #exchange({ name, url }: PurgePeer): Promise<boolean> {
    const { member, secrets, clock, systemClock, apply, leaseMs } = this.#parts;
    const sentAt = clock();
    const question = JSON.stringify(member.ask(name));
    const fields = signQuestion(secrets, question, systemClock());
    const signal = AbortSignal.any([AbortSignal.timeout(leaseMs), this.#closing.signal]);
    const { status, signature, body } = await this.#post.send(endpoint(url), fields, question, signal);
    if (status !== 200) throw new CdnError("UPSTREAM_FAILED", `edge ${name} answers ${status}: ${body.slice(0, 500)}`);
    checkAnswer(secrets, fields, signature, body);
    const answer = parseExchangeAnswer(body);
    if (answer.from !== name) throw new CdnError("INVALID_OPTION", `${url} is edge ${answer.from}, not ${name}`);
    // What cannot be written down now is told again after a restart: this edge serves by what it has in memory.
    apply(member.hear(answer, sentAt, clock(), systemClock())).catch(() => {});
    return answer.more;
  }

  #settle(): void {
    const { member, clock } = this.#parts;
    const now = clock();
    let next = Number.POSITIVE_INFINITY;
    for (const [purge, waiter] of this.#waiters) {
      const { settled, edges, again } = member.standing(purge, now);
      if (!settled && now < waiter.deadline) {
        next = Math.min(next, again, waiter.deadline);
        continue;
      }
      this.#waiters.delete(purge);
      member.forget(purge);
      if (settled) waiter.resolve(edges);
      else waiter.reject(undefined, edges);
    }
    if (next === this.#look?.at) return;
    clearTimeout(this.#look?.timer);
    this.#look = Number.isFinite(next)
      ? { at: next, timer: setTimeout(() => this.#lookAgain(), Math.max(1, Math.ceil(next - now))) }
      : undefined;
  }

  #lookAgain(): void {
    this.#look = undefined;
    this.#settle();
  }
}

function endpoint(url: string): string {
  return url.replace(/\/$/, "") + EXCHANGE_PATH;
}
