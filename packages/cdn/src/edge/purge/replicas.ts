/**
 * Purges of one edge that is several processes: one of them has the log, its journal and the word of the other edges; the others follow it.
 *
 * A follower is told of every purge, in order, and is given leave to serve what it has stored for {@link REPLICA_LEASE} at a time. A purge is
 * acknowledged, to whoever asked for it and to other edges, when each follower has it, is gone, or has outlived the leave it was given before: what
 * it is given afterwards comes after the purge on the same way. So a process that hangs, or dies, holds up no purge and serves nothing purged.
 *
 * Leave is told as a time of the clock that the processes of one machine share.
 */

import type { Changes } from "./network/member.ts";
import type { Purge } from "./purge.ts";
import type { PurgeLogState } from "./purge-log.ts";

/** Milliseconds for which a follower serves from its cache without having heard anything. */
export const REPLICA_LEASE = 5_000;
/** Milliseconds between two times that it is given leave. */
const RENEWAL = 1_000;

/** What a follower is told. Plain data. */
export interface ReplicaNews {
  /** Everything stored so far is purged. */
  readonly reset: boolean;
  readonly purges: readonly Purge[];
  /** How far the edge is in the purges of all edges. */
  readonly vector: string;
  /** By {@link machineTime}. */
  readonly trustedUntil: number;
}

/** What a follower begins with. Plain data. */
export interface ReplicaStart extends Pick<ReplicaNews, "vector" | "trustedUntil"> {
  readonly log: PurgeLogState;
  /** Of the network; where there is none, of the processes alone. */
  readonly secrets: readonly string[];
}

/** One that follows. */
export interface Replication {
  readonly start: ReplicaStart;
  /** It has ended. Idempotent. */
  leave(): void;
}

/** How the one that is followed stands. */
export interface Followed {
  readonly log: { readonly state: PurgeLogState };
  readonly vector: string;
  /** By {@link machineTime}; infinite where the edge is alone. */
  readonly trustedUntil: number;
  readonly secrets: readonly string[];
}

interface Replica {
  readonly tell: (news: ReplicaNews) => Promise<unknown>;
  readonly gone: Promise<void>;
  /** The longest leave that it was given. */
  trustedUntil: number;
}

/** Milliseconds of a steady clock that is the same in all processes of a machine. */
export function machineTime(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}

/** All that follow. */
export class Replicas {
  readonly #followed: Followed;
  readonly #all = new Set<Replica>();
  #renewals: NodeJS.Timeout | undefined;
  #settled: Promise<unknown> = Promise.resolve();

  constructor(followed: Followed) {
    this.#followed = followed;
  }

  /** @param tell - hands on news, in order; resolves when they are heeded. A rejection says nothing. */
  join(tell: Replica["tell"]): Replication {
    const { log, vector, secrets } = this.#followed;
    let leave = (): void => {};
    const gone = new Promise<void>((resolve) => {
      leave = resolve;
    });
    const trustedUntil = this.#lease();
    const replica = { tell, gone, trustedUntil };
    this.#all.add(replica);
    this.#renewals ??= setInterval(() => void this.tell({ reset: false, purges: [] }), RENEWAL).unref();
    return {
      start: { log: plain(log.state), vector, trustedUntil, secrets },
      leave: () => {
        this.#all.delete(replica);
        leave();
      },
    };
  }

  /** Tells what changed. Resolves when no follower serves any more what this purges, or what was purged before. Never rejects. */
  async tell({ reset, purges }: Pick<Changes, "reset"> & { readonly purges: readonly Purge[] }): Promise<void> {
    const { vector } = this.#followed;
    const news = { reset, purges, vector, trustedUntil: this.#lease() };
    const told = [...this.#all].map((replica) => tellOne(replica, news));
    if (reset || purges.length > 0) this.#settled = Promise.all([this.#settled, ...told]);
    await this.#settled;
  }

  close(): void {
    clearInterval(this.#renewals);
  }

  #lease(): number {
    return Math.min(this.#followed.trustedUntil, machineTime() + REPLICA_LEASE);
  }
}

async function tellOne(replica: Replica, news: ReplicaNews): Promise<void> {
  const until = replica.trustedUntil;
  replica.trustedUntil = Math.max(until, news.trustedUntil);
  let timer: NodeJS.Timeout | undefined;
  const heeded = new Promise<void>((resolve) => {
    replica.tell(news).then(
      () => resolve(),
      () => {},
    );
  });
  const overdue = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.max(0, Math.ceil(until - machineTime())));
  });
  await Promise.race([heeded, replica.gone, overdue]);
  clearTimeout(timer);
}

/** As it can go to another process. */
function plain({ generation, hard, soft }: PurgeLogState): PurgeLogState {
  const lists = ({ all, urls, prefixes, tags }: PurgeLogState["hard"]): PurgeLogState["hard"] => ({
    all,
    urls: [...urls],
    prefixes: [...prefixes],
    tags: [...tags],
  });
  return { generation, hard: lists(hard), soft: lists(soft) };
}
