/**
 * Edges, their clocks and the network between them, by a seed: with partitions, loss, repetition, reordering, crashes before and after writes, and
 * lost journals. After every event, everything that an edge would serve from its cache is held against what was promised.
 */

import { applyChanges, type JournalRecord, Replay } from "../journal/records.ts";
import type { Purge } from "../purge.ts";
import { PurgeLog } from "../purge-log.ts";
import type { ChainedPurge } from "./chains.ts";
import { PurgeMember, type PurgeMemory } from "./member.ts";
import type { ExchangeAnswer, ExchangeRequest } from "./messages.ts";

export interface SimulationOptions {
  readonly seed: number;
  readonly edges: number;
  readonly tolerate: number;
  /** Milliseconds during which things go wrong. */
  readonly duration: number;
  /** Whether a crash may take the journal with it. */
  readonly loss: boolean;
  readonly maxHistory?: number;
  readonly maxNews?: number;
}

/** What happened, so that a test can tell that something did. */
export interface SimulationReport {
  readonly settled: number;
  /** Settled though an edge did not have it. */
  readonly settledWithout: number;
  /** Entries looked at that an edge would have served. */
  readonly served: number;
  /** Entries looked at that an edge held, but had no leave to serve. */
  readonly distrusted: number;
  readonly lost: number;
  readonly resets: number;
  /** Milliseconds, of purges while nothing was wrong. */
  readonly calm: readonly number[];
}

const LEASE = 1000;
const HEARTBEAT = 300;
const FOLDERS = ["/a", "/b", "/c", "/d"];
const KEYS = FOLDERS.flatMap((folder) =>
  Array.from({ length: 8 }, (_, at) => `${folder}/${at}${at === 7 ? "?x" : ""}`),
);
/** Two each, but for those that have none. */
const TAGS = new Map(KEYS.map((key, at) => [key, at % 5 === 0 ? [] : [`t${at % 7}`, `u${at % 11}`]]));

/** What a seed makes of the world. */
interface Weather {
  /** Shares of messages. */
  readonly loss: number;
  readonly repetition: number;
  readonly delay: number;
  /** Milliseconds that a write takes at most. */
  readonly write: number;
  /** Milliseconds between two events. */
  readonly pace: number;
  /** Shares of events. */
  readonly crash: number;
  readonly partition: number;
  readonly heal: number;
  readonly start: number;
}

interface Stored {
  readonly version: number;
  readonly generation: number;
}

class Edge {
  readonly name: string;
  readonly offset: number;
  readonly rate: number;
  /** Of the process; what a process sent before it ended comes back to nobody. */
  life = 0;
  member: PurgeMember | undefined;
  log = new PurgeLog();
  /** As on a disk: survives crashes. */
  cache = new Map<string, Stored>();
  /** What was written before a crash. */
  journal: JournalRecord[] | undefined;
  writes: { record: JournalRecord; then: () => void }[] = [];
  waiting = new Map<ChainedPurge, { floors: Map<string, number>; since: number; calm: boolean }>();

  constructor(name: string, offset: number, rate: number) {
    this.name = name;
    this.offset = offset;
    this.rate = rate;
  }
}

/** @throws with the seed in its message where the promise is broken. */
export function simulate(options: SimulationOptions): SimulationReport {
  return new Simulation(options).run();
}

class Simulation {
  readonly #options: SimulationOptions;
  readonly #random: () => number;
  readonly #edges: Edge[];
  readonly #weather: Weather;
  #now = 0;
  #order = 0;
  readonly #events: { at: number; order: number; run: () => void }[] = [];
  /** Of each key at the origin. */
  readonly #versions = new Map(KEYS.map((key) => [key, 1]));
  /** No older version may be served. */
  readonly #promised = new Map(KEYS.map((key) => [key, 1]));
  /** Directed links that carry nothing. */
  readonly #cut = new Set<string>();
  #faulty = true;
  readonly #report = {
    settled: 0,
    settledWithout: 0,
    served: 0,
    distrusted: 0,
    lost: 0,
    resets: 0,
    calm: [] as number[],
  };

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.#random = mulberry32(options.seed);
    this.#weather = {
      loss: this.#pick([0, 0.01, 0.1]),
      repetition: this.#pick([0, 0.1]),
      delay: this.#pick([0, 0.02, 0.1]),
      write: this.#pick([5, 50, 400]),
      pace: this.#pick([20, 50, 100]),
      crash: this.#pick([0.01, 0.03, 0.08]),
      partition: this.#pick([0.01, 0.03, 0.08]),
      heal: this.#pick([0.01, 0.04, 0.1]),
      start: this.#pick([0.02, 0.1, 0.3]),
    };
    this.#edges = Array.from({ length: options.edges }, (_, at) => {
      const rate = this.#pick([0.991, 1, 1.009]);
      return new Edge(`e${at}`, this.#random() * 1e6, rate);
    });
  }

  run(): SimulationReport {
    for (const edge of this.#edges) this.#after(this.#random() * 200, () => this.#start(edge));
    for (let at = 500; at < this.#options.duration; at += this.#random() * 2 * this.#weather.pace)
      this.#after(at, () => this.#something());
    this.#after(this.#options.duration, () => this.#heal());
    this.#drain(this.#options.duration);
    // Once more with nothing wrong: everything heals, and purges take no longer than messages do.
    this.#faulty = false;
    this.#drain(this.#now + 10 * LEASE);
    for (let at = 0; at < 20; at += 1) this.#after(at * 100, () => this.#purge(this.#pick(this.#edges)));
    this.#drain(this.#now + 5 * LEASE);
    this.#checkHealed();
    return this.#report;
  }

  #drain(until: number): void {
    while (this.#events.length > 0 && this.#events[0]!.at <= until) {
      const event = this.#pop();
      this.#now = event.at;
      event.run();
      this.#settle();
      this.#check();
    }
    this.#now = until;
  }

  #something(): void {
    const { crash, partition, heal, start } = this.#weather;
    const edge = this.#pick(this.#edges);
    const dice = this.#random();
    if (dice < crash) this.#crash(edge);
    else if (dice < crash + partition) this.#partition();
    else if (dice < crash + partition + heal) this.#cut.clear();
    else if (dice < 0.5) this.#purge(edge);
    else for (let time = 0; time < 8; time += 1) this.#fill(this.#pick(this.#edges));
    for (const each of this.#edges) if (each.member === undefined && this.#random() < start) this.#start(each);
  }

  #heal(): void {
    this.#cut.clear();
    for (const edge of this.#edges) if (edge.member === undefined) this.#start(edge);
  }

  #start(edge: Edge): void {
    if (edge.member !== undefined) return;
    edge.life += 1;
    const systemTime = Math.floor(1e9 + this.#now * 10);
    let memory: PurgeMemory | undefined;
    if (edge.journal === undefined) {
      // What was purged while nobody wrote is not known: nothing that is on the disk can be trusted.
      edge.log = new PurgeLog({ generation: systemTime });
    } else {
      const replay = new Replay({});
      for (const record of edge.journal) replay.add(record);
      ({ log: edge.log, memory } = replay.restored(systemTime));
    }
    const fresh = edge.journal === undefined;
    edge.journal ??= [];
    if (fresh) {
      const { generation, hard, soft } = edge.log.state;
      edge.journal.push({ kind: "log", generation, hard: hard.all, soft: soft.all });
    }
    const { tolerate, maxHistory, maxNews } = this.#options;
    edge.member = new PurgeMember({
      self: edge.name,
      peers: this.#edges.filter((each) => each !== edge).map(({ name }) => name),
      tolerate,
      leaseMs: LEASE,
      now: this.#clock(edge),
      systemTime,
      memory,
      ...(maxHistory !== undefined && { maxHistory }),
      ...(maxNews !== undefined && { maxNews }),
    });
    const head = edge.member.memory.heads.find(({ source }) => source === edge.name);
    const { recovering } = edge.member;
    edge.journal.push({ kind: "life", generation: edge.log.generation, leaseMs: LEASE, recovering });
    const heads = head === undefined ? [] : [head];
    edge.journal.push({ kind: "changes", reset: false, purges: [], heads, recovered: false });
    for (const peer of this.#edges) if (peer !== edge) this.#beat(edge, edge.life, peer);
  }

  #crash(edge: Edge): void {
    if (edge.member === undefined) return;
    edge.life += 1;
    edge.waiting.clear();
    edge.member = undefined;
    this.#written(edge, Math.floor(this.#random() * (edge.writes.length + 1)));
    edge.writes = [];
    const others = this.#edges.filter((each) => each !== edge);
    // What is promised of lost journals: no more than `tolerate` at a time, and with two or more not during a purge.
    const mayLose =
      this.#options.tolerate === 0 ||
      (others.every((each) => each.member?.recovering === false) &&
        (this.#options.tolerate === 1 || others.every((each) => each.waiting.size === 0)));
    if (this.#options.loss && mayLose && this.#random() < 0.4) {
      edge.journal = undefined;
      this.#report.lost += 1;
    }
  }

  #partition(): void {
    const side = new Set(this.#edges.filter(() => this.#random() < 0.4));
    const oneWay = this.#random() < 0.3;
    for (const from of this.#edges) {
      for (const to of this.#edges) {
        if (side.has(from) === side.has(to)) continue;
        if (!oneWay || side.has(from)) this.#cut.add(`${from.name} ${to.name}`);
      }
    }
  }

  #beat(edge: Edge, life: number, peer: Edge): void {
    if (edge.life !== life) return;
    this.#exchange(edge, peer);
    this.#after(HEARTBEAT * (0.8 + this.#random() * 0.4), () => this.#beat(edge, life, peer));
  }

  #exchange(edge: Edge, peer: Edge): void {
    const { life } = edge;
    const sentAt = this.#clock(edge);
    const request = structuredClone(edge.member!.ask(peer.name));
    this.#carry(edge, peer, () =>
      this.#receive(peer, request, (answer) => {
        this.#carry(peer, edge, () => {
          if (edge.life !== life) return;
          const changes = edge.member!.hear(answer, sentAt, this.#clock(edge), Math.floor(1e9 + this.#now * 10));
          this.#apply(edge, changes);
          this.#write(edge, { kind: "changes", ...changes });
          if (answer.more) this.#exchange(edge, peer);
        });
      }),
    );
  }

  #receive(peer: Edge, request: ExchangeRequest, reply: (answer: ExchangeAnswer) => void): void {
    if (peer.member === undefined) return;
    let taken: ReturnType<PurgeMember["receive"]>;
    try {
      taken = peer.member.receive(request, this.#clock(peer));
    } catch {
      // Of a life that is over.
      return;
    }
    this.#apply(peer, taken.changes);
    const answer = structuredClone(taken.answer);
    this.#write(peer, { kind: "changes", ...taken.changes }, () => reply(answer));
  }

  #apply(edge: Edge, changes: { readonly reset: boolean; readonly purges: readonly ChainedPurge[] }): void {
    applyChanges(edge.log, changes);
    if (changes.reset) this.#report.resets += 1;
  }

  #purge(edge: Edge): void {
    const { member } = edge;
    if (member === undefined || member.recovering) return;
    const dice = this.#random();
    const purge: Purge =
      dice < 0.8
        ? { urls: [this.#pick(KEYS)] }
        : dice < 0.9
          ? { tags: [this.#pick(["t0", "t3", "u2", "u5"])] }
          : dice < 0.98
            ? { prefixes: [`${this.#pick(FOLDERS)}/${this.#pick(["", "1", "7"])}`] }
            : { all: true };
    const floors = new Map<string, number>();
    const probe = new PurgeLog();
    probe.purge(purge);
    for (const [key, version] of this.#versions) {
      if (probe.judge({ key, tags: TAGS.get(key)!, generation: 0 }) === "kept") continue;
      this.#versions.set(key, version + 1);
      floors.set(key, version + 1);
    }
    const chained = member.issue(purge);
    edge.log.purge(purge);
    edge.waiting.set(chained, { floors, since: this.#now, calm: !this.#faulty });
    this.#write(edge, { kind: "changes", reset: false, purges: [chained], heads: [], recovered: false }, () => {
      member.persisted(chained);
      for (const peer of this.#edges) if (peer !== edge) this.#exchange(edge, peer);
    });
  }

  readonly #looks = new Map<Edge, number>();

  #settle(): void {
    for (const edge of this.#edges) {
      for (const [chained, { floors, since, calm }] of edge.waiting) {
        const { settled, edges, again } = edge.member!.standing(chained, this.#clock(edge));
        if (!settled && this.#now - since < 20 * LEASE) {
          // An event the moment that time may have settled it: that is when a lease too long would show.
          const next = this.#looks.get(edge) ?? 0;
          if (Number.isFinite(again) && (again < next || next <= this.#clock(edge))) {
            this.#looks.set(edge, again);
            this.#after((again - this.#clock(edge)) / edge.rate + 1e-6, () => {});
          }
          continue;
        }
        edge.member!.forget(chained);
        edge.waiting.delete(chained);
        if (!settled) continue;
        this.#report.settled += 1;
        if (Object.values(edges).includes("cut-off")) this.#report.settledWithout += 1;
        if (calm) this.#report.calm.push(this.#now - since);
        for (const [key, version] of floors) this.#promised.set(key, Math.max(version, this.#promised.get(key)!));
      }
    }
  }

  /** From the origin, or from another edge that knows all that this one does. */
  #fill(edge: Edge): void {
    if (edge.member === undefined) return;
    const key = this.#pick(KEYS);
    const { life } = edge;
    const { generation } = edge.log;
    const { vector } = edge.member;
    const store = (version: number): void => {
      this.#after(this.#random() * 200, () => {
        if (edge.life === life) edge.cache.set(key, { version, generation });
      });
    };
    const fromOrigin = (): void => this.#after(this.#random() * 50, () => store(this.#versions.get(key)!));
    const peer = this.#pick(this.#edges);
    if (peer === edge) fromOrigin();
    else {
      this.#carry(edge, peer, () => {
        const stored = this.#mayServe(peer) && peer.member!.covers(vector) ? peer.cache.get(key) : undefined;
        if (stored === undefined || peer.log.judge({ key, tags: TAGS.get(key)!, ...stored }) !== "kept") fromOrigin();
        else store(stored.version);
      });
    }
  }

  #check(): void {
    for (const edge of this.#edges) {
      if (!this.#mayServe(edge)) {
        this.#report.distrusted += edge.cache.size;
        continue;
      }
      this.#report.served += edge.cache.size;
      for (const [key, stored] of edge.cache) {
        const promised = this.#promised.get(key)!;
        if (stored.version >= promised) continue;
        if (edge.log.judge({ key, tags: TAGS.get(key)!, ...stored }) !== "kept") continue;
        const what = `version ${stored.version} of ${key}, of which ${promised - 1} was purged everywhere`;
        throw new Error(`seed ${this.#options.seed}: at ${this.#now} ${edge.name} serves ${what}`);
      }
    }
  }

  #checkHealed(): void {
    const vectors = new Set(this.#edges.map(({ member }) => member!.vector.split(", ").sort().join(", ")));
    if (vectors.size > 1)
      throw new Error(`seed ${this.#options.seed}: edges do not agree: ${[...vectors].join(" | ")}`);
    for (const edge of this.#edges) {
      if (!this.#mayServe(edge))
        throw new Error(`seed ${this.#options.seed}: ${edge.name} does not serve though nothing is wrong`);
      if (edge.waiting.size > 0)
        throw new Error(`seed ${this.#options.seed}: ${edge.name} has purges that do not settle`);
    }
  }

  #mayServe(edge: Edge): boolean {
    return edge.member !== undefined && edge.member.trustedUntil > this.#clock(edge);
  }

  /** Writes in order; a crash keeps some of what was being written, from the first on. */
  #write(edge: Edge, record: JournalRecord, then: () => void = () => {}): void {
    const { life } = edge;
    edge.writes.push({ record, then });
    this.#after(this.#random() * this.#weather.write, () => {
      if (edge.life === life) this.#written(edge, edge.writes.findIndex((write) => write.record === record) + 1);
    });
  }

  #written(edge: Edge, count: number): void {
    for (const { record, then } of edge.writes.splice(0, count)) {
      edge.journal!.push(record);
      if (edge.member !== undefined) then();
    }
  }

  #carry(from: Edge, to: Edge, arrive: () => void): void {
    const { loss, repetition, delay } = this.#faulty ? this.#weather : { loss: 0, repetition: 0, delay: 0 };
    const times = this.#random() < repetition ? 2 : 1;
    for (let time = 0; time < times; time += 1) {
      if (this.#random() < loss) continue;
      const slow = this.#random() < delay;
      this.#after(1 + this.#random() * (slow ? 3 * LEASE : 20), () => {
        if (!this.#cut.has(`${from.name} ${to.name}`)) arrive();
      });
    }
  }

  #clock(edge: Edge): number {
    return edge.offset + this.#now * edge.rate;
  }

  #pick<Value>(values: readonly Value[]): Value {
    return values[Math.floor(this.#random() * values.length)]!;
  }

  #after(delay: number, run: () => void): void {
    const event = { at: this.#now + delay, order: this.#order, run };
    this.#order += 1;
    this.#events.push(event);
    for (let at = this.#events.length - 1; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (isDue(this.#events[parent]!, this.#events[at]!)) break;
      [this.#events[parent], this.#events[at]] = [this.#events[at]!, this.#events[parent]!];
      at = parent;
    }
  }

  #pop(): { at: number; run: () => void } {
    const first = this.#events[0]!;
    const last = this.#events.pop()!;
    if (this.#events.length === 0) return first;
    this.#events[0] = last;
    for (let at = 0; ; ) {
      const left = 2 * at + 1;
      const right = left + 1;
      let next = at;
      if (left < this.#events.length && !isDue(this.#events[next]!, this.#events[left]!)) next = left;
      if (right < this.#events.length && !isDue(this.#events[next]!, this.#events[right]!)) next = right;
      if (next === at) return first;
      [this.#events[next], this.#events[at]] = [this.#events[at]!, this.#events[next]!];
      at = next;
    }
  }
}

function isDue(a: { at: number; order: number }, b: { at: number; order: number }): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
