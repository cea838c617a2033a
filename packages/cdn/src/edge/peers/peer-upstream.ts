/** Peers as an upstream: each object lives at one of them, and the others ask that one. */

import { CdnError } from "../../errors.ts";
import { letGo } from "../../handler/let-go.ts";
import type { RawRequest } from "../../handler/raw.ts";
import { type Logger, silentLogger } from "../../logger.ts";
import {
  callable,
  checkOptions,
  flag,
  having,
  logger as loggerRule,
  type Rules,
  required,
  text,
} from "../../options/check-options.ts";
import { checkHealth, type HealthCheckOptions } from "../upstream/health-check.ts";
import { createHttpUpstream, type UpstreamTls } from "../upstream/http-upstream.ts";
import { type Attempt, isPrompt, Member, SUSPECT, type UpstreamStats } from "../upstream/member.ts";
import { forget, NO_ANSWER, type Outcome } from "../upstream/outcome.ts";
import { RetryBudget } from "../upstream/retry-budget.ts";
import {
  DEFAULT_UPSTREAM_TIMEOUTS,
  type Upstream,
  type UpstreamRequest,
  type UpstreamResponse,
  type UpstreamTimeouts,
} from "../upstream/upstream.ts";
import { observeUpstreams } from "../upstream/upstream-metrics.ts";
import { createPeerMarks, PEER_FIELD } from "./peer-mark.ts";
import { MIN_LOAD, nextHop, PeerRing } from "./peer-ring.ts";
import { PEER_RULES } from "./peer-rules.ts";
import { resumedBody } from "./resumed-body.ts";
import { isAlive, takeFacts } from "./sibling.ts";

/** Times the average that one peer may have in flight. */
export const DEFAULT_LOAD_FACTOR = 1.25;
/** Milliseconds that a peer's head is waited for before the own upstreams are asked as well. */
export const DEFAULT_PEER_PATIENCE = 2_000;
/** A peer is near: half a second to connect. */
export const DEFAULT_PEER_TIMEOUTS: UpstreamTimeouts = { ...DEFAULT_UPSTREAM_TIMEOUTS, connect: 500 };

/** Failures that show that another edge is gone. */
const GONE = new Set(["UPSTREAM_UNREACHABLE", "UPSTREAM_FAILED", "UPSTREAM_TRUNCATED"]);
/** The one that shows it of a process of this edge: an answer it may break off for many reasons, its upstream's among them. */
const SIBLING_GONE = new Set(["UPSTREAM_UNREACHABLE"]);
/** What a peer answers that got nothing itself: an edge elsewhere may get more. */
const GOT_NOTHING = new Set([502, 504, 508]);
/** Requests that ask the own upstreams after a peer got nothing. */
const SECOND_OPINIONS = { share: 0.1, floor: 1 };

/** Requests that a process of the same edge may have in flight whatever the others have: mostly they wait for the same upstream. */
const SIBLING_MIN_LOAD = 256;

const NAME = /^[\w.-]{1,64}$/;

/** Another process of this machine, or another edge. */
export interface Peer {
  /** The same for everybody: it decides which keys the peer holds. Letters, digits, `_`, `.` and `-`. */
  readonly name: string;
  /** `http(s)://host:port`, or `unix:/path/of/a.sock`. Where no guard of clients stands in front. */
  readonly url: string;
}

/** Who the peers are, and how they are asked. */
export interface PeersOptions {
  /** Name of this one. */
  readonly self: string;
  /** All of them; this one may be among them, so that everybody can be given the same list. */
  readonly peers: readonly Peer[];
  /** What all of them share and nobody else knows: it authenticates requests between them. At least 16 characters. */
  readonly secret: string;
  /** Times the average that one peer may have in flight, above 1. Default 1.25. */
  readonly loadFactor?: number;
  /** Milliseconds without a head before the own upstreams are asked as well, but for what may be held. Default 2,000. */
  readonly patience?: number;
  /** Default: judged by how they answer requests alone. */
  readonly health?: HealthCheckOptions;
  /** Default {@link DEFAULT_PEER_TIMEOUTS}. */
  readonly timeouts?: Partial<UpstreamTimeouts>;
  readonly tls?: UpstreamTls;
}

/** Options of {@link createPeerUpstream}. */
export interface PeerUpstreamOptions extends PeersOptions {
  /** The own upstreams: for what this one holds itself, and for what no other is there to answer. Closed with this. */
  readonly fallback: Upstream;
  /**
   * The others are processes of this edge, asked where each answers by `siblingDoor`. They have the same upstreams, so one that is late but alive is
   * waited for, and one that got nothing is believed; where one dies in an answer, that goes on from elsewhere. Default false.
   */
  readonly siblings?: boolean;
  /** Names the edge in metrics. Default `self`. */
  readonly name?: string;
  /** Milliseconds of a steady clock. Default `performance.now`. */
  readonly clock?: () => number;
  readonly logger?: Logger;
}

/** Peers as an upstream. */
export interface PeerUpstream extends Upstream {
  /** Name of the peer that holds a target where all are well, this one's included. */
  ownerOf(target: string): string;
  /** What is known of each other peer now. */
  readonly stats: readonly UpstreamStats[];
  /** Requests that went to the own upstreams. */
  readonly ownRequests: number;
  /** Whether a request comes from a peer. */
  isPeer(request: Pick<RawRequest, "headers" | "target">): boolean;
  /** Says on better knowledge whether a peer is there. */
  setPresent(name: string, present: boolean): void;
}

const RULES: Rules<PeerUpstreamOptions> = {
  ...PEER_RULES,
  fallback: required(having("send", "close")),
  siblings: flag,
  name: text,
  clock: callable,
  logger: loggerRule,
};

/**
 * Sends each GET and HEAD to the peer that holds its target, and this one's own to `fallback`. A request that comes from a peer goes to
 * `fallback` whoever holds it, so nothing is sent on twice. Answers of peers say so in `peer`: they are stored there.
 *
 * A peer that cannot be reached or dies in an answer is out at once, and what waited for its heads moves on; its keys go to those that come
 * next for them, and come back after a trial. A process of this edge that breaks off an answer is asked first whether it is there. A request only ever goes to a peer that comes before this one for its target, and everybody
 * ranks any two alike: requests that wait for each other never form a ring, even where peers disagree on who is well.
 *
 * @throws {CdnError} `INVALID_OPTION`.
 */
export function createPeerUpstream(options: PeerUpstreamOptions): PeerUpstream {
  checkOptions("createPeerUpstream", options, RULES);
  return new Peers(options);
}

class Peers implements PeerUpstream {
  readonly name: string;
  readonly #self: string;
  readonly #fallback: Upstream;
  readonly #ring: PeerRing;
  /** By index in the ring; undefined for this one. */
  readonly #members: readonly (Member | undefined)[];
  readonly #marks;
  readonly #loadFactor: number;
  readonly #patience: number;
  readonly #clock: () => number;
  readonly #secondOpinions = new RetryBudget(SECOND_OPINIONS);
  /** Attempts without a head yet. */
  readonly #waiting = new Map<Member, Set<Attempt>>();
  readonly #probes = new Map<Member, Promise<boolean>>();
  readonly #stop: (() => void)[] = [];
  readonly #siblings: boolean;
  ownRequests = 0;

  constructor(options: PeerUpstreamOptions) {
    const {
      self,
      peers,
      secret,
      fallback,
      loadFactor = DEFAULT_LOAD_FACTOR,
      patience = DEFAULT_PEER_PATIENCE,
    } = options;
    const { clock = () => performance.now(), health, name = self } = options;
    if (!(loadFactor > 1)) throw new CdnError("INVALID_OPTION", `loadFactor is ${loadFactor}: give more than 1`);
    if (!(patience > 0)) throw new CdnError("INVALID_OPTION", `patience is ${patience}: give milliseconds above zero`);
    const others = peers.filter((peer) => peer.name !== self);
    for (const each of [self, ...others.map((peer) => peer.name)]) {
      if (!NAME.test(each)) throw new CdnError("INVALID_OPTION", `${JSON.stringify(each)} is no name of a peer`);
    }
    this.name = `peers of ${self}`;
    this.#self = self;
    this.#fallback = fallback;
    this.#loadFactor = loadFactor;
    this.#patience = patience;
    this.#siblings = options.siblings ?? false;
    this.#clock = clock;
    this.#marks = createPeerMarks(secret);
    this.#ring = new PeerRing([self, ...others.map((peer) => peer.name)]);
    this.#members = [undefined, ...others.map((peer) => this.#member(peer, options))];
    this.#stop.push(observeUpstreams(name, () => this.stats, this.#secondOpinions));
    if (health === undefined) return;
    for (const member of this.#members) if (member !== undefined) this.#check(member, health);
  }

  get stats(): UpstreamStats[] {
    const now = this.#clock();
    return this.#members.flatMap((member) => member?.stats(now) ?? []);
  }

  ownerOf(target: string): string {
    return this.#ring.names[this.#ring.owner(target)]!;
  }

  async send(request: UpstreamRequest): Promise<UpstreamResponse> {
    const { method, target, body, alone } = request;
    const { mark, headers } = takeMark(request.headers);
    const own = headers === request.headers ? request : { ...request, headers };
    const isShared = (method === "GET" || method === "HEAD") && body === null && alone !== true;
    if (!isShared || this.#marks.read(mark, target) !== undefined) return await this.#sendOwn(own);
    this.#secondOpinions.request(this.#clock());
    const tried = new Set<Member>();
    for (let member = this.#choose(target, tried); member !== undefined; member = this.#choose(target, tried)) {
      tried.add(member);
      const response = await this.#askPeer(member, own);
      if (response !== undefined) return response;
    }
    return await this.#sendOwn(own);
  }

  isPeer({ headers, target }: Pick<RawRequest, "headers" | "target">): boolean {
    return this.#marks.read(headers[PEER_FIELD], target) !== undefined;
  }

  setPresent(name: string, present: boolean): void {
    const member = this.#members.find((each) => each?.name === name);
    if (member === undefined) return;
    if (present) member.recover();
    else member.healthy = false;
    this.#moveOn(member);
  }

  async close(): Promise<void> {
    for (const stop of this.#stop) stop();
    await Promise.all([this.#fallback.close(), ...this.#members.map((member) => member?.upstream.close())]);
  }

  #member({ name, url }: Peer, { timeouts, tls, clock, logger = silentLogger }: PeerUpstreamOptions): Member {
    const times = { ...DEFAULT_PEER_TIMEOUTS, ...timeouts };
    const socketPath = url.startsWith("unix:") ? url.slice("unix:".length) : undefined;
    const upstream = createHttpUpstream(socketPath === undefined ? url : "http://localhost", times, {
      name,
      ...(tls !== undefined && { tls }),
      ...(socketPath !== undefined && { socketPath }),
    });
    const member: Member = new Member({
      upstream,
      timeouts: times,
      clock: clock ?? this.#clock,
      logger,
      ...(this.#siblings ? { fatal: SIBLING_GONE, isThere: () => this.#isAlive(member) } : { fatal: GONE }),
      relays: true,
      onFailure: () => this.#moveOn(member),
    });
    this.#waiting.set(member, new Set());
    return member;
  }

  #check(member: Member, health: HealthCheckOptions): void {
    const onChange = (healthy: boolean): void => {
      if (healthy) member.recover();
      else member.healthy = false;
      this.#moveOn(member);
    };
    this.#stop.push(checkHealth(member.upstream, health, onChange));
  }

  /** What waits for a peer that is out goes to another. */
  #moveOn(member: Member): void {
    if (this.#takesPart(member)) return;
    for (const attempt of this.#waiting.get(member) ?? []) attempt.abandon();
  }

  /** Whether a peer is asked; one on trial is. */
  #takesPart(member: Member): boolean {
    return member.standing(this.#clock()) <= SUSPECT;
  }

  /** The peer to ask; undefined where that is this one. */
  #choose(target: string, tried: ReadonlySet<Member>): Member | undefined {
    if (this.#ring.owner(target) === SELF) return undefined;
    const order = this.#ring.order(target);
    const loads = this.#members.map((member) => member?.counters.inFlight ?? 0);
    const takesPart = (node: number): boolean => {
      const member = this.#members[node];
      return member !== undefined && !tried.has(member) && this.#takesPart(member);
    };
    const minLoad = this.#siblings ? SIBLING_MIN_LOAD : MIN_LOAD;
    const next = nextHop(order, SELF, loads, takesPart, this.#loadFactor, minLoad);
    return next === undefined ? undefined : this.#members[next];
  }

  /** A peer's answer, or that of the own upstreams where it was late; undefined where it gave none. */
  async #askPeer(member: Member, request: UpstreamRequest): Promise<UpstreamResponse | undefined> {
    const headers = [...request.headers, PEER_FIELD, this.#marks.make(this.#self, request.target)];
    if (request.wanted !== undefined) headers.push("cache-control", request.wanted);
    const attempt = member.attempt({ ...request, headers }, isPrompt(request));
    const waiting = this.#waiting.get(member);
    waiting?.add(attempt);
    try {
      const outcome =
        this.#siblings || isPrompt(request) ? await this.#patiently(member, attempt.outcome) : await attempt.outcome;
      if (outcome === undefined) return await this.#race(member, attempt, request);
      return await this.#accept(member, outcome, request);
    } finally {
      waiting?.delete(attempt);
    }
  }

  /** Its outcome; undefined where it is late. */
  async #patiently(member: Member, outcome: Promise<Outcome>): Promise<Outcome | undefined> {
    const first = await within(outcome, this.#patience);
    if (first !== undefined || !this.#siblings) return first;
    return (await this.#isAlive(member)) ? await this.#patiently(member, outcome) : undefined;
  }

  /** Asks once for all who wait for it. */
  #isAlive(member: Member): Promise<boolean> {
    let probe = this.#probes.get(member);
    if (probe === undefined) {
      probe = isAlive(member.upstream, this.#marks);
      this.#probes.set(member, probe);
      void probe.finally(() => this.#probes.delete(member));
    }
    return probe;
  }

  #sendOwn(request: UpstreamRequest): Promise<UpstreamResponse> {
    this.ownRequests += 1;
    return this.#fallback.send(request);
  }

  async #accept(member: Member, outcome: Outcome, request: UpstreamRequest): Promise<UpstreamResponse | undefined> {
    if (outcome.rank === NO_ANSWER) return undefined;
    const { response } = outcome;
    if (this.#siblings) {
      const isGone = async (error: unknown): Promise<boolean> =>
        error instanceof CdnError && GONE.has(error.code) && !(await this.#isAlive(member));
      const answer = { ...takeFacts(response), peer: member.name };
      return resumedBody({ request, response: answer, isGone, askAgain: (again) => this.send(again) });
    }
    if (GOT_NOTHING.has(response.status) && this.#secondOpinions.take(this.#clock())) {
      letGo(response.body);
      return await this.#sendOwn(request);
    }
    return { ...response, peer: member.name };
  }

  /** The own upstreams beside a peer that is late: the first answer counts. */
  async #race(member: Member, attempt: Attempt, request: UpstreamRequest): Promise<UpstreamResponse | undefined> {
    const controller = new AbortController();
    const { onInformational: _, ...quiet } = request;
    const own = this.#sendOwn({ ...quiet, signal: AbortSignal.any([request.signal, controller.signal]) });
    const first = await Promise.race([
      attempt.outcome.then((outcome) => ({ outcome })),
      own.then(
        (response) => ({ response }),
        () => attempt.outcome.then((outcome) => ({ outcome })),
      ),
    ]);
    if ("response" in first) {
      attempt.abandon("failure");
      attempt.outcome.then(forget, () => {});
      return first.response;
    }
    if (first.outcome.rank === NO_ANSWER) return await own;
    controller.abort(new CdnError("ABORTED", "the peer answered first"));
    own.then(
      ({ body }) => letGo(body),
      () => {},
    );
    return await this.#accept(member, first.outcome, request);
  }
}

/** Index of this one in the ring. */
const SELF = 0;

/** The fields without a mark, and the mark: whoever made it, it goes no further. */
function takeMark(headers: readonly string[]): { mark: string | undefined; headers: readonly string[] } {
  let mark: string | undefined;
  let kept: string[] | undefined;
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at] === PEER_FIELD) {
      mark ??= headers[at + 1];
      kept ??= headers.slice(0, at);
    } else kept?.push(headers[at]!, headers[at + 1]!);
  }
  return { mark, headers: kept ?? headers };
}

/** What a promise brings, or undefined where it takes longer. */
async function within<T>(promise: Promise<T>, milliseconds: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
