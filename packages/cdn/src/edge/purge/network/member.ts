/**
 * One edge's part in purging everywhere, without I/O.
 *
 * Promise: once a purge is answered as settled, no edge serves what it purged. Not those that were told of it, for they have it; and not
 * those that could not be told, for they know in time that they may have missed something.
 *
 * Every edge asks every other one in turn ("exchange"). It says how far it is in the purges of each edge, gets what it lacks, and with that a
 * *lease*: leave to serve what it has stored for `leaseMs`. Of N edges, `tolerate` may be down without harm to the others:
 *
 * - An edge serves what it has stored only while it has leases of R = N − tolerate edges, itself counted.
 * - A purge is settled once W = tolerate + 1 edges have it, the one that was asked included, and each edge that does not have it can no
 *   longer have R leases.
 *
 * Why that holds. Let A be the edges that have purge p by the time it is settled, P one that has not. R + W = N + 1, so whichever R edges P has
 * leases of, at least m = |A| + R − N ≥ 1 of them are in A. A lease that an edge Q of A gave *after* it had p came with p. So P can serve without
 * p only by m leases that edges of A gave before they had p. Each Q says with its acknowledgement for how long its leases still run, and the
 * purge is settled when fewer than m of them can.
 *
 * Time is measured as durations by steady clocks alone; no two clocks are compared. P counts a lease from the moment it *sent* its question,
 * Q from the moment it *answers*, which is later; the asker adds what Q says is left to the moment it *hears* it, which is later still. Clocks
 * may run apart by {@link CLOCK_DRIFT}, which those who wait wait longer. A machine whose steady clock stands still while it runs on
 * (suspended to memory) is outside of this: it must not come back as an edge without a restart.
 *
 * Restarts. An edge that starts has no lease, and so serves nothing stored until it has asked. It does not remember the leases it gave, so it
 * takes it that each other edge got one the moment before it started. What it has acknowledged is in its journal. One that *lost* its journal
 * gives no leases and takes no purges until it has heard from R other edges that have theirs (or from all there are): every purge that was
 * settled is with at least one of them, as long as no more than `tolerate` journals are lost together. With `tolerate` 0 a purge may have been
 * with the lost edge alone; but it can have been settled then only after the leases of all who lack it had run out, so whoever meets the new life
 * of a lost edge without a lease of the old one drops everything that it has stored.
 *
 * Nothing depends on messages arriving once, or in order. A purge has an identity (edge, life, number); every start of a process is a life of its
 * own, so that none is ever given twice. Gaps in what an edge is sent are noticed, and asked for.
 */

import { CdnError } from "../../../errors.ts";
import type { Purge } from "../purge.ts";
import { type ChainedPurge, type ChainHead, Chains } from "./chains.ts";
import type { ExchangeAnswer, ExchangeRequest, News, Reached } from "./messages.ts";
import { comparePositions, isBefore, type Position, START } from "./position.ts";
import { formatVector, isReached } from "./vector.ts";

/** By how much steady clocks may run apart, and then some: quartz keeps within a hundredth of this. */
const CLOCK_DRIFT = 0.02;
/** Purges in one message, and the characters of their names: what does not fit comes with the next. */
const MAX_NEWS_PURGES = 1000;
const MAX_NEWS_CHARACTERS = 1024 * 1024;
/** Purges that may wait for other edges at a time. */
const MAX_PENDING_PURGES = 4096;

/** What became of a purge at one edge. */
export type EdgeStanding =
  /** It has it. */
  | "purged"
  /** It has no leave to serve what it has stored before it has caught up. */
  | "cut-off"
  /** Neither is certain yet. */
  | "waiting";

/** What became of a purge everywhere. */
export interface Standing {
  readonly settled: boolean;
  readonly edges: Readonly<Record<string, EdgeStanding>>;
  /** When time alone may have changed it; infinite where it cannot. */
  readonly again: number;
}

/** What a message brought. Has to be done, and written down, before it is answered. */
export interface Changes {
  /** Everything stored so far is to be purged: there was something that nobody can name any more. */
  readonly reset: boolean;
  readonly purges: readonly ChainedPurge[];
  /** Chains whose head is not that of the last purge above. */
  readonly heads: readonly ChainHead[];
  /** With these it has heard enough to make up for a lost journal. */
  readonly recovered: boolean;
}

/** Options of {@link PurgeMember}. */
export interface PurgeMemberOptions {
  readonly self: string;
  /** Names of all other edges. */
  readonly peers: readonly string[];
  readonly tolerate: number;
  /** Milliseconds. */
  readonly leaseMs: number;
  /** Milliseconds, steady. */
  readonly now: number;
  /** Milliseconds since 1970: a life's number. May be wrong, as long as no life without a journal seems older than one before. */
  readonly systemTime: number;
  /** As the journal has it; undefined where there is none, or it was lost. */
  readonly memory: PurgeMemory | undefined;
  /** Purges kept for other edges. Default `MAX_PURGE_HISTORY`. */
  readonly maxHistory?: number;
  /** Purges in one message. Default {@link MAX_NEWS_PURGES}. */
  readonly maxNews?: number;
}

/** What an edge remembers over a restart. */
export interface PurgeMemory {
  readonly heads: readonly ChainHead[];
  readonly purges: readonly ChainedPurge[];
  /** The longest lease that it may have given. */
  readonly leaseMs: number;
  /** It lost its journal before, and ended before it had made up for it. */
  readonly recovering: boolean;
}

interface Peer {
  /** How far it is in our own chain, as it said last. */
  mine: Position;
  /** Its life, as it said last. */
  incarnation: number;
  /** Until when it may serve by our leases. */
  granted: number;
  /** Until when we may serve by its leases. */
  lease: number;
  heard: "nothing" | "recovering" | "everything";
}

/** A purge of ours that is not settled. */
interface Pending {
  readonly at: Position;
  /** By edge that has it: until when others may serve by leases that it gave before. */
  readonly holders: Map<string, ReadonlyMap<string, number>>;
  /** Our own leases when we issued it. */
  readonly granted: ReadonlyMap<string, number>;
}

export class PurgeMember {
  readonly #self: string;
  readonly #peers: Map<string, Peer>;
  readonly #tolerate: number;
  readonly #leaseMs: number;
  readonly #chains: Chains;
  readonly #maxNews: number;
  readonly #pending = new Map<number, Pending>();
  /** Edges that must have a purge, and edges that must let one serve; of all, this one included. */
  readonly #writers: number;
  readonly #readers: number;
  #incarnation = 0;
  #seq = 0;
  #trustedUntil = Number.NEGATIVE_INFINITY;
  #vector: string | undefined;

  constructor(options: PurgeMemberOptions) {
    const { self, peers, tolerate, leaseMs, now, memory, systemTime } = options;
    this.#self = self;
    this.#tolerate = tolerate;
    this.#leaseMs = leaseMs;
    this.#writers = tolerate + 1;
    this.#readers = peers.length + 1 - tolerate;
    this.#chains = new Chains(options.maxHistory);
    this.#maxNews = options.maxNews ?? MAX_NEWS_PURGES;
    const granted = now + Math.max(leaseMs, memory?.leaseMs ?? 0) * (1 + CLOCK_DRIFT);
    this.#peers = new Map(
      peers.map((name) => [
        name,
        { mine: START, incarnation: 0, granted, lease: Number.NEGATIVE_INFINITY, heard: "nothing" },
      ]),
    );
    if (memory !== undefined) {
      for (const { source, since } of memory.heads) this.#chains.restore({ source, since, at: since, lostAt: 0 });
      for (const purge of memory.purges) this.#chains.add(purge);
      for (const head of memory.heads) this.#chains.restore(head);
    }
    if (memory?.recovering === false) this.#begin(systemTime, false);
    else if (peers.length === 0) this.#begin(systemTime, true);
  }

  /** Lost its journal, and does not know yet what it may have missed. */
  get recovering(): boolean {
    return this.#incarnation === 0;
  }

  /** Until when what is stored may be served without asking anybody. Steady milliseconds; minus infinity while recovering. */
  get trustedUntil(): number {
    return this.#trustedUntil;
  }

  /** What has to be remembered over a restart. */
  get memory(): PurgeMemory {
    const { heads } = this.#chains;
    const purges = heads.flatMap(({ source }) => this.#chains.after(source, START));
    return { heads, purges, leaseMs: this.#leaseMs, recovering: this.recovering };
  }

  /** How far it is in each chain, as text: the same at all edges that are equally far. */
  get vector(): string {
    this.#vector ??= formatVector(this.#chains.heads);
    return this.#vector;
  }

  /** Whether it has everything that whoever sent this {@link vector} had. What it cannot read, it does not have. */
  covers(vector: string): boolean {
    if (vector === this.vector) return true;
    return isReached(vector, (source) => this.#chains.head(source).at);
  }

  /** Edges that it is in contact with, for whoever watches. */
  leaseOf(peer: string): { readonly from: number; readonly to: number } {
    const { lease, granted } = this.#peer(peer);
    return { from: lease, to: granted };
  }

  /**
   * A purge that begins here. It is to be written down, then {@link persisted}.
   *
   * @throws {CdnError} `PURGE_UNAVAILABLE` while recovering, `PURGE_BUSY`.
   */
  issue(purge: Purge): ChainedPurge {
    if (this.recovering) {
      throw new CdnError(
        "PURGE_UNAVAILABLE",
        "this edge lost its journal and waits to hear from the other edges: purge at another, or later",
      );
    }
    if (this.#pending.size >= MAX_PENDING_PURGES) {
      throw new CdnError("PURGE_BUSY", `${this.#pending.size} purges wait for other edges already: ask again later`);
    }
    this.#seq += 1;
    const at = { incarnation: this.#incarnation, seq: this.#seq };
    const chained = { source: this.#self, at, purge };
    this.#chains.add(chained);
    this.#vector = undefined;
    this.#pending.set(at.seq, { at, holders: new Map(), granted: this.#grants() });
    return chained;
  }

  /** A purge that began here is written down, and so are all before it. */
  persisted({ at }: ChainedPurge): void {
    const pending = this.#pending.get(at.seq);
    pending?.holders.set(this.#self, pending.granted);
  }

  /** What became of a purge that began here and is not {@link forget forgotten}. Settled once, it is settled for ever. */
  standing({ at }: ChainedPurge, now: number): Standing {
    const edges: Record<string, EdgeStanding> = {};
    const { holders } = this.#pending.get(at.seq)!;
    // This edge's own word counts most: nobody tells it of its own purges after a restart.
    const enough = holders.has(this.#self) && holders.size >= this.#writers;
    const needed = holders.size + this.#readers - (this.#peers.size + 1);
    let settled = enough;
    let again = Number.POSITIVE_INFINITY;
    for (const name of this.#peers.keys()) {
      if (holders.has(name)) {
        edges[name] = "purged";
        continue;
      }
      const until = enough ? nthLatest(holders.values(), name, needed) : Number.POSITIVE_INFINITY;
      edges[name] = until <= now ? "cut-off" : "waiting";
      if (until <= now) continue;
      settled = false;
      again = Math.min(again, until);
    }
    return { settled, edges, again };
  }

  /** Nobody waits for this purge any more. */
  forget({ at }: ChainedPurge): void {
    this.#pending.delete(at.seq);
  }

  /** What to ask an edge. */
  ask(to: string): ExchangeRequest {
    const { mine } = this.#peer(to);
    const { news } = this.#newsFor([{ source: this.#self, at: mine, lostAt: 0 }], [this.#self]);
    return {
      from: this.#self,
      to,
      incarnation: this.#incarnation,
      edges: this.#peers.size + 1,
      tolerate: this.#tolerate,
      reached: this.#reached,
      news: this.recovering ? [] : news,
    };
  }

  /**
   * What an edge asks, and the answer. That is to be sent only when the changes, and all before them, are done and written down.
   *
   * @throws {CdnError} `BAD_REQUEST` where it is not for this edge, or of no edge that it knows, or of a life that is over.
   */
  receive(request: ExchangeRequest, now: number): { readonly changes: Changes; readonly answer: ExchangeAnswer } {
    const { from, to, incarnation, reached } = request;
    const peer = this.#peers.get(from);
    if (to !== this.#self || peer === undefined) {
      const known = [...this.#peers.keys()].join(", ");
      throw new CdnError("BAD_REQUEST", `edge ${from} asks for ${to}: this is ${this.#self}, which knows ${known}`);
    }
    if (incarnation !== 0 && incarnation < peer.incarnation) {
      throw new CdnError("BAD_REQUEST", `edge ${from} was started again since: two have this name, or this is late`);
    }
    peer.incarnation = Math.max(peer.incarnation, incarnation);
    peer.mine = positionIn(reached, this.#self);
    const changes = this.#take(request.news, "told", now);
    return { changes, answer: this.#answer(peer, reached, now) };
  }

  #answer(peer: Peer, theirs: Reached, now: number): ExchangeAnswer {
    const { news, more } = this.#newsFor(theirs, undefined);
    const lease = more || this.recovering ? 0 : this.#leaseMs;
    if (lease > 0) peer.granted = Math.max(peer.granted, now + lease * (1 + CLOCK_DRIFT));
    const leases = [...this.#peers].map(([name, { granted }]) => ({ name, left: Math.max(0, granted - now) }));
    return { from: this.#self, recovering: this.recovering, reached: this.#reached, news, more, lease, leases };
  }

  /**
   * What an edge answered to a question sent at a time. The changes are to be done at once, before anything is served.
   *
   * @param systemTime - as in the options.
   */
  hear(answer: ExchangeAnswer, sentAt: number, now: number, systemTime: number): Changes {
    const peer = this.#peers.get(answer.from);
    if (peer === undefined) throw new CdnError("BAD_REQUEST", `edge ${answer.from} is none of the edges known here`);
    peer.mine = positionIn(answer.reached, this.#self);
    const changes = this.#take(answer.news, "asked", now);
    if (!answer.more) peer.heard = answer.recovering ? "recovering" : "everything";
    if (answer.lease > 0) peer.lease = Math.max(peer.lease, sentAt + Math.min(answer.lease, this.#leaseMs));
    const recovered = this.recovering && this.#hasRecovered();
    if (recovered) this.#begin(systemTime, true);
    this.#trustedUntil = this.recovering ? Number.NEGATIVE_INFINITY : this.#leasedUntil();
    this.#vector = undefined;
    this.#acknowledge(answer, now);
    if (!recovered) return changes;
    return { ...changes, heads: [...changes.heads, this.#chains.head(this.#self)], recovered };
  }

  /** A new life, after all others of this edge. */
  #begin(systemTime: number, lost: boolean): void {
    this.#incarnation = Math.max(systemTime, this.#chains.head(this.#self).at.incarnation + 1);
    this.#chains.advance(this.#self, { incarnation: this.#incarnation, seq: 0 }, lost ? this.#incarnation : 0);
    this.#trustedUntil = this.#leasedUntil();
    this.#vector = undefined;
  }

  #hasRecovered(): boolean {
    const peers = [...this.#peers.values()];
    const whole = peers.filter(({ heard }) => heard === "everything").length;
    return whole >= this.#readers || peers.every(({ heard }) => heard !== "nothing");
  }

  #leasedUntil(): number {
    const leases = [...this.#peers.values()].map(({ lease }) => lease).sort((a, b) => b - a);
    return this.#readers === 1 ? Number.POSITIVE_INFINITY : leases[this.#readers - 2]!;
  }

  get #reached(): Reached {
    return this.#chains.heads.map(({ source, at, lostAt }) => ({ source, at, lostAt }));
  }

  #peer(name: string): Peer {
    const peer = this.#peers.get(name);
    if (peer === undefined) throw new CdnError("INVALID_OPTION", `edge ${name} is none of the edges known here`);
    return peer;
  }

  #grants(): ReadonlyMap<string, number> {
    return new Map([...this.#peers].map(([name, { granted }]) => [name, granted]));
  }

  /** What somebody who has reached this lacks; of these edges alone where they are given. */
  #newsFor(reached: Reached, sources: readonly string[] | undefined): { news: News[]; more: boolean } {
    const news: News[] = [];
    let room = this.#maxNews;
    let characters = MAX_NEWS_CHARACTERS;
    for (const source of sources ?? this.#chains.heads.map((head) => head.source)) {
      const head = this.#chains.head(source);
      const there = positionIn(reached, source);
      if (!isBefore(there, head.at)) continue;
      const after = isBefore(there, head.since) ? head.since : there;
      const purges = [];
      let until = head.at;
      let last = after;
      for (const { at, purge } of this.#chains.after(source, after)) {
        const length = JSON.stringify(purge).length;
        if (room === 0 || (length > characters && room < this.#maxNews)) {
          until = last;
          break;
        }
        purges.push({ at, purge });
        last = at;
        room -= 1;
        characters -= length;
      }
      news.push({ source, after, until, lostAt: head.lostAt, purges });
      if (until !== head.at) return { news, more: true };
    }
    return { news, more: false };
  }

  #take(allNews: readonly News[], how: "asked" | "told", now: number): Changes {
    let reset = false;
    const purges: ChainedPurge[] = [];
    const heads: ChainHead[] = [];
    for (const { source, after, until, lostAt, purges: sent } of allNews) {
      // What others say of this edge's own purges matters only where it has forgotten them itself.
      if (source === this.#self && !this.recovering) continue;
      const { at: reached } = this.#chains.head(source);
      if (!isBefore(reached, until)) continue;
      if (isBefore(reached, after)) {
        // Those between were not sent. Whoever was not asked did not know; whoever was has them no more.
        if (how === "told") continue;
        reset = true;
        this.#chains.skipTo(source, after);
      }
      const hasLease = (this.#peers.get(source)?.lease ?? Number.NEGATIVE_INFINITY) > now;
      if (this.#tolerate === 0 && lostAt > reached.incarnation && !hasLease) reset = true;
      for (const { at, purge } of sent) {
        if (!isBefore(this.#chains.head(source).at, at)) continue;
        const chained = { source, at, purge };
        this.#chains.add(chained);
        purges.push(chained);
      }
      this.#chains.advance(source, until, lostAt);
      const last = purges.at(-1);
      if (last?.source !== source || comparePositions(last.at, until) !== 0) heads.push(this.#chains.head(source));
    }
    if (purges.length > 0 || heads.length > 0) this.#vector = undefined;
    return { reset, purges, heads, recovered: false };
  }

  /** Whoever has reached a purge of ours has it, and says for how long others may serve by its leases. */
  #acknowledge({ from, leases }: ExchangeAnswer, now: number): void {
    const { mine } = this.#peer(from);
    let until: ReadonlyMap<string, number> | undefined;
    for (const { at, holders } of this.#pending.values()) {
      if (holders.has(from) || isBefore(mine, at)) continue;
      until ??= new Map(leases.map(({ name, left }) => [name, now + left * (1 + CLOCK_DRIFT)]));
      holders.set(from, until);
    }
  }
}

function positionIn(reached: Reached, source: string): Position {
  return reached.find((each) => each.source === source)?.at ?? START;
}

/** When fewer than n of the leases that an edge has of these holders run. One who says nothing of it may have given any. */
function nthLatest(holders: Iterable<ReadonlyMap<string, number>>, name: string, n: number): number {
  const until = [...holders].map((leases) => leases.get(name) ?? Number.POSITIVE_INFINITY).sort((a, b) => b - a);
  return until[n - 1]!;
}
