/** Purging as an edge has it: the log that look-ups ask, its journal, and the other edges. */

import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { CdnError } from "../../errors.ts";
import type { FetchHandler } from "../../handler/fetch-handler.ts";
import { type Logger, silentLogger } from "../../logger.ts";
import { makeFolder } from "../../make-folder.ts";
import { createCacheKeys } from "../cache-key/cache-key.ts";
import { reasonOf, systemFiles } from "../disk-tier/files.ts";
import { lockFolder } from "../disk-tier/folder-lock.ts";
import { type Journal, openJournal } from "./journal/journal.ts";
import { applyChanges, compacted } from "./journal/records.ts";
import { createFileStorage, type JournalStorage } from "./journal/storage.ts";
import type { ChainedPurge } from "./network/chains.ts";
import { type Changes, type EdgeStanding, PurgeMember, type PurgeMemory } from "./network/member.ts";
import { PurgeNetwork } from "./network/network.ts";
import { Seen } from "./network/seen.ts";
import { checkPurgesOptions, type PurgesOptions, type ResolvedNetwork, resolveNetwork } from "./options.ts";
import { canonicalPurge, type Purge } from "./purge.ts";
import { type Judged, PurgeLog, type Verdict } from "./purge-log.ts";
import { createPurgeCounters, observePurges, type PurgeCounters } from "./purge-metrics.ts";
import { type Followed, machineTime, type ReplicaNews, Replicas, type Replication } from "./replicas.ts";

/** A purge that is done. */
export interface PurgeResult {
  /** Of this edge's log: what it stored before is purged. */
  readonly generation: number;
  /** The same at every edge: `edge-1/1795824000000/12`. */
  readonly id: string;
  /**
   * By edge: `purged`, it has it; `cut-off`, it does not, and serves nothing from its cache without asking before it has; `waiting`, neither is
   * certain, which only the `cause` of a `PURGE_INCOMPLETE` says.
   */
  readonly edges: Readonly<Record<string, EdgeStanding>>;
  /** Milliseconds that it took. */
  readonly milliseconds: number;
}

/** How an edge stands, for whoever watches. */
export interface PurgeStatus {
  readonly self: string;
  readonly generation: number;
  /** Names in the log. */
  readonly entries: number;
  /** Lost its journal, and takes no purges before it has heard from the others. */
  readonly recovering: boolean;
  /** May serve from its cache without asking the origin. */
  readonly trusted: boolean;
  /** The other edges, and whether this one may serve by each one's leave, and it by this one's. */
  readonly edges: Readonly<Record<string, { readonly weMayServe: boolean; readonly itMayServe: boolean }>>;
}

/** Purges of one edge. */
export interface Purges extends AsyncDisposable {
  /** Grows with every purge. Whoever starts a fill notes it, for {@link judge}. */
  readonly generation: number;
  /** What the purges make of something stored. */
  judge(stored: Judged): Verdict;
  /**
   * Until when, on the steady clock, what is stored may be served without asking the origin. Infinite for an edge that is alone. Past it this edge
   * may lack a purge: every hit is to be revalidated, until this has moved on.
   */
  readonly trustedUntil: number;
  /** Whether that is still to come. */
  mayServe(): boolean;
  /**
   * How much this edge has been told, for the header field {@link PURGES_SEEN_FIELD} of requests to other edges; undefined where it is alone.
   *
   * An edge that fills its cache from another one must not get there what it has purged itself. So it says what it knows, and the other one answers
   * from its cache only if it knows as much. Signed: no viewer can make one up.
   */
  readonly seen: string | undefined;
  /** Whether this edge knows as much as whoever sent this `seen`. One that no edge of the network made does not count. */
  covers(seen: string | undefined): boolean;
  /**
   * Purges here at once, before it returns, and everywhere before it resolves: then no edge of the network serves what was purged, unless it has
   * asked the origin since.
   *
   * @throws {CdnError} `INVALID_PURGE`; or, though what was named is purged here: `PURGE_INCOMPLETE` (it will be elsewhere; `cause` is the
   * {@link PurgeResult} so far), `PURGE_NOT_STORED`, `PURGE_UNAVAILABLE`, `PURGE_BUSY`, `CLOSED`.
   */
  purge(purge: Purge): Promise<PurgeResult>;
  readonly status: PurgeStatus;
  /** Answers the other edges: to be served at `/.ami/purge/`. A 404 where there is no network. */
  readonly handle: FetchHandler;
  /** Ends contact with the others and closes the journal. Idempotent. */
  close(): Promise<void>;
}

/** The name of an edge that is alone. */
const ALONE: ResolvedNetwork = {
  self: "edge",
  peers: [],
  secrets: [],
  tolerate: 0,
  leaseMs: 0,
  heartbeatMs: 0,
  settleMs: 0,
};

/**
 * What has been purged, and how to purge more: on this edge, and on all edges of its network.
 *
 * @throws {CdnError} `INVALID_OPTION`, `DISK_IN_USE` where another process has the folder, `STORE_FAILED` where it cannot be read.
 */
export async function createPurges(options: PurgesOptions = {}): Promise<Purges> {
  checkPurgesOptions(options);
  return openPurges(options);
}

/** Purges of one process that others follow, see `replicas.ts`. */
export interface FollowedPurges extends Purges {
  /** Lets another process follow. @param tell - hands on news, in order; resolves when they are heeded. */
  replicate(tell: (news: ReplicaNews) => Promise<unknown>): Replication;
  /** Answers another edge's question, which somebody has checked to be one. */
  answerExchange(question: string): Promise<string>;
}

/** {@link createPurges}, for several processes. */
export async function openPurges(options: PurgesOptions): Promise<FollowedPurges> {
  const network = options.network === undefined ? ALONE : resolveNetwork(options.network);
  if (options.folder === undefined) return start(options, network, undefined, async () => {});
  let unlock: () => Promise<void>;
  try {
    await makeFolder(options.folder);
    unlock = await lockFolder(options.folder, systemFiles);
  } catch (cause) {
    if (cause instanceof CdnError) throw cause;
    throw new CdnError("STORE_FAILED", `cannot use ${options.folder} for the journal of purges: ${reasonOf(cause)}`, {
      cause,
    });
  }
  try {
    return await start(options, network, createFileStorage(join(options.folder, "purges.journal")), unlock);
  } catch (error) {
    await unlock();
    throw error;
  }
}

async function start(
  options: PurgesOptions,
  network: ResolvedNetwork,
  storage: JournalStorage | undefined,
  unlock: () => Promise<void>,
): Promise<FollowedPurges> {
  const { logger = silentLogger, systemClock = () => Date.now() } = options;
  const systemTime = Math.floor(systemClock());
  const limits = options.maxEntries === undefined ? {} : { maxEntries: options.maxEntries };
  const opened =
    storage === undefined
      ? { journal: undefined, memory: undefined, log: new PurgeLog({ ...limits, generation: systemTime }) }
      : await openJournal({ ...limits, storage, systemTime, logger });
  const purges = new EdgePurges(options, network, opened, logger, unlock);
  await purges.start();
  return purges;
}

class EdgePurges implements FollowedPurges {
  readonly #log: PurgeLog;
  readonly #member: PurgeMember;
  readonly #journal: Journal | undefined;
  readonly #network: PurgeNetwork;
  readonly #replicas: Replicas;
  readonly #seen: Seen;
  readonly #options: ResolvedNetwork;
  readonly #keyOf: (target: string) => string;
  readonly #clock: () => number;
  readonly #logger: Logger;
  readonly #unlock: () => Promise<void>;
  readonly #counters: PurgeCounters;
  readonly #stopObserving: () => void;
  readonly #isNew: boolean;
  #closing: Promise<void> | undefined;

  constructor(
    options: PurgesOptions,
    network: ResolvedNetwork,
    { log, journal, memory }: { log: PurgeLog; journal: Journal | undefined; memory: PurgeMemory | undefined },
    logger: Logger,
    unlock: () => Promise<void>,
  ) {
    const { clock = () => performance.now(), systemClock = () => Date.now() } = options;
    const systemTime = (): number => Math.floor(systemClock());
    this.#log = log;
    this.#journal = journal;
    this.#isNew = memory === undefined;
    this.#options = network;
    this.#keyOf = options.keyOf ?? createCacheKeys().of;
    this.#clock = clock;
    this.#logger = logger;
    this.#unlock = unlock;
    this.#member = new PurgeMember({
      ...network,
      peers: network.peers.map(({ name }) => name),
      now: clock(),
      systemTime: systemTime(),
      memory,
    });
    this.#seen = new Seen(this.#member, network.secrets);
    this.#network = new PurgeNetwork({
      ...network,
      member: this.#member,
      apply: (changes) => this.#apply(changes),
      clock,
      systemClock: systemTime,
      logger,
    });
    this.#replicas = new Replicas(followed(this.#log, this.#member, network, clock));
    this.#counters = createPurgeCounters(network.self);
    this.#stopObserving = observePurges(this.#counters, this);
  }

  get generation(): number {
    return this.#log.generation;
  }

  get trustedUntil(): number {
    return this.#member.trustedUntil;
  }

  get seen(): string | undefined {
    return this.#seen.value;
  }

  get handle(): FetchHandler {
    return this.#network.handle;
  }

  get status(): PurgeStatus {
    const now = this.#clock();
    const edges = this.#options.peers.map(({ name }) => {
      const { from, to } = this.#member.leaseOf(name);
      return [name, { weMayServe: from > now, itMayServe: to > now }] as const;
    });
    return {
      self: this.#options.self,
      generation: this.#log.generation,
      entries: this.#log.entries,
      recovering: this.#member.recovering,
      trusted: this.mayServe(),
      edges: Object.fromEntries(edges),
    };
  }

  judge(stored: Judged): Verdict {
    return this.#log.judge(stored);
  }

  mayServe(): boolean {
    return this.#member.trustedUntil > this.#clock();
  }

  covers(seen: string | undefined): boolean {
    return this.#seen.covers(seen);
  }

  /** Writes down that a process began; where that fails, the journal is written anew with the next purge. */
  async start(): Promise<void> {
    this.#journal?.from(() => compacted(this.#log.state, this.#member.memory));
    const { self, leaseMs } = this.#options;
    const heads = this.#member.memory.heads.filter(({ source }) => source === self);
    const { recovering } = this.#member;
    const begin = [
      this.#journal?.append({ kind: "life", generation: this.#log.generation, leaseMs, recovering }),
      this.#journal?.append({ kind: "changes", reset: false, purges: [], heads, recovered: false }),
    ];
    await Promise.all(begin).catch((error: unknown) => {
      this.#logger.error({ err: error }, "purges of this edge cannot be acknowledged until its journal can be written");
    });
    if (this.#isNew && this.#journal !== undefined) {
      this.#logger.info({}, "a new journal of purges: what was stored before counts as purged");
    }
    this.#network.start();
  }

  async purge(purge: Purge): Promise<PurgeResult> {
    if (this.#closing !== undefined) throw new CdnError("CLOSED", "this edge is closed");
    const begun = this.#clock();
    const canonical = canonicalPurge(purge, this.#keyOf);
    const { chained, generation, told } = this.#issue(canonical);
    this.#counters.own += 1;
    try {
      await this.#journal?.append({ kind: "changes", reset: false, purges: [chained], heads: [], recovered: false });
      await told;
    } catch (error) {
      this.#member.forget(chained);
      throw error;
    }
    const { edges, settled } = await this.#network.spread(chained);
    const milliseconds = this.#clock() - begun;
    const { source, at } = chained;
    const result: PurgeResult = {
      generation,
      id: `${source}/${at.incarnation}/${at.seq}`,
      edges: { [source]: "purged", ...edges },
      milliseconds,
    };
    this.#counters.settle(milliseconds, settled);
    if (settled) return result;
    const waiting = Object.keys(edges).filter((name) => edges[name] === "waiting");
    throw new CdnError(
      "PURGE_INCOMPLETE",
      `purged here, but not certainly at ${waiting.join(", ")}: it will be there when they answer`,
      {
        cause: result,
      },
    );
  }

  replicate(tell: (news: ReplicaNews) => Promise<unknown>): Replication {
    return this.#replicas.join(tell);
  }

  answerExchange(question: string): Promise<string> {
    return this.#network.answer(question);
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      this.#stopObserving();
      this.#replicas.close();
      await this.#network.close();
      await this.#journal?.close();
      await this.#unlock();
    })();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Purges here; where the other edges cannot be told, here alone. */
  #issue(purge: Purge): { chained: ChainedPurge; generation: number; told: Promise<void> } {
    const here = (): { generation: number; told: Promise<void> } => {
      const generation = this.#log.purge(purge);
      return { generation, told: this.#replicas.tell({ reset: false, purges: [purge] }) };
    };
    try {
      const chained = this.#member.issue(purge);
      return { chained, ...here() };
    } catch (error) {
      here();
      this.#journal?.append({ kind: "local", purge }).catch(() => {});
      throw error;
    }
  }

  async #apply(changes: Changes): Promise<void> {
    applyChanges(this.#log, changes);
    this.#counters.others += changes.purges.length;
    if (changes.reset) {
      this.#logger.warn({}, "some purges can no longer be told one by one: everything stored counts as purged");
    }
    const told = this.#replicas.tell({ ...changes, purges: changes.purges.map(({ purge }) => purge) });
    const isEmpty = changes.purges.length === 0 && changes.heads.length === 0 && !changes.reset;
    await this.#journal?.append(isEmpty ? undefined : { kind: "changes", ...changes });
    await told;
  }
}

/** What followers are told of, as it is whenever they are. */
function followed(log: PurgeLog, member: PurgeMember, { secrets }: ResolvedNetwork, clock: () => number): Followed {
  return {
    log,
    get vector() {
      return member.vector;
    },
    get trustedUntil() {
      return machineTime() + member.trustedUntil - clock();
    },
    secrets: secrets.length > 0 ? secrets : [randomBytes(32).toString("hex")],
  };
}
