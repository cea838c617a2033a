/** What a journal of purges says, record by record, and what it comes to. */

import type { ChainedPurge, ChainHead } from "../network/chains.ts";
import type { Changes, PurgeMemory } from "../network/member.ts";
import { isBefore } from "../network/position.ts";
import type { Purge } from "../purge.ts";
import { PurgeLog, type PurgeLogOptions, type PurgeLogState } from "../purge-log.ts";

/** More generations than a process gives out for purges that it has not written down. */
const GENERATIONS_OF_A_LIFE = 2 ** 20;
/** Names, or purges, that one record of a compacted journal holds. */
const RECORD_ENTRIES = 1000;

type Entries = readonly (readonly [string, number])[];

/** One layer of a log, while it is read. */
interface LayerParts {
  all: number;
  readonly urls: Entries[];
  readonly prefixes: Entries[];
  readonly tags: Entries[];
}

/** One record, as JSON. */
export type JournalRecord =
  /**
   * A process began to use this journal, at that generation, and may give leases of so many milliseconds. Recovering: it began it, and has yet to
   * hear what the one before had.
   */
  | { readonly kind: "life"; readonly generation: number; readonly leaseMs: number; readonly recovering: boolean }
  /** Purges and heads that came, in this order. */
  | ({ readonly kind: "changes" } & Changes)
  /** A purge of this edge alone. */
  | { readonly kind: "local"; readonly purge: Purge }
  /** Compacted: the log as far as it is no list. */
  | { readonly kind: "log"; readonly generation: number; readonly hard: number; readonly soft: number }
  | {
      readonly kind: "names";
      readonly layer: "hard" | "soft";
      readonly names: "urls" | "prefixes" | "tags";
      readonly entries: Entries;
    }
  /** Compacted: purges kept for other edges. The log has them already. */
  | { readonly kind: "history"; readonly purges: readonly ChainedPurge[]; readonly heads: readonly ChainHead[] };

/** Does to a log what a message brought. */
export function applyChanges(log: PurgeLog, { reset, purges }: Pick<Changes, "reset" | "purges">): void {
  if (reset) log.purge({ all: true });
  for (const { purge } of purges) log.purge(purge);
}

/**
 * The records of a compacted journal. They may be read bit by bit while the log goes on, for then what is purged meanwhile follows them: names
 * may be in it twice, and those that the log forgets before they are read are covered by the floors, which come last.
 */
export function* compacted({ generation, hard, soft }: PurgeLogState, memory: PurgeMemory): Generator<JournalRecord> {
  for (const [layer, state] of [
    ["hard", hard],
    ["soft", soft],
  ] as const) {
    for (const names of ["urls", "prefixes", "tags"] as const) {
      for (const entries of chunks(state[names])) yield { kind: "names", layer, names, entries };
    }
  }
  for (const purges of chunks(memory.purges)) yield { kind: "history", purges, heads: [] };
  yield { kind: "history", purges: [], heads: memory.heads };
  yield { kind: "log", generation, hard: hard.all, soft: soft.all };
  yield { kind: "life", generation, leaseMs: memory.leaseMs, recovering: memory.recovering };
}

/** Reads records in their order. */
export class Replay {
  readonly #options: PurgeLogOptions;
  readonly #hard: LayerParts = { all: 0, urls: [], prefixes: [], tags: [] };
  readonly #soft: LayerParts = { all: 0, urls: [], prefixes: [], tags: [] };
  #generation = 0;
  #read: PurgeLog | undefined;
  readonly #heads = new Map<string, ChainHead>();
  #purges: ChainedPurge[] = [];
  #leaseMs = 0;
  #recovering = true;

  constructor(options: PurgeLogOptions) {
    this.#options = options;
  }

  add(record: JournalRecord): void {
    switch (record.kind) {
      case "life":
        this.#log.advance(record.generation);
        this.#leaseMs = Math.max(this.#leaseMs, record.leaseMs);
        this.#recovering = record.recovering;
        return;
      case "log":
        this.#generation = record.generation;
        this.#hard.all = record.hard;
        this.#soft.all = record.soft;
        return;
      case "names":
        (record.layer === "hard" ? this.#hard : this.#soft)[record.names].push(record.entries);
        return;
      case "history":
        this.#remember(record);
        return;
      case "local":
        this.#log.purge(record.purge);
        return;
      case "changes":
        applyChanges(this.#log, record);
        if (record.recovered) this.#recovering = false;
        this.#remember(record);
    }
  }

  /** The log as the records so far leave it. */
  get #log(): PurgeLog {
    const flat = ({ all, urls, prefixes, tags }: LayerParts) => ({
      all,
      urls: urls.flat(),
      prefixes: prefixes.flat(),
      tags: tags.flat(),
    });
    this.#read ??= new PurgeLog(this.#options, {
      generation: this.#generation,
      hard: flat(this.#hard),
      soft: flat(this.#soft),
    });
    return this.#read;
  }

  /** What the edge begins with. @param systemTime - milliseconds since 1970. */
  restored(systemTime: number): { readonly log: PurgeLog; readonly memory: PurgeMemory } {
    const { generation } = this.#log;
    // A life begins at its time, and has less than a purge each millisecond; unless the system's clock was set back.
    this.#log.advance(systemTime > generation ? systemTime : generation + GENERATIONS_OF_A_LIFE);
    return { log: this.#log, memory: this.#memory };
  }

  get #memory(): PurgeMemory {
    const purges = this.#purges.filter(({ source, at }) => isBefore(this.#heads.get(source)!.since, at));
    return { heads: [...this.#heads.values()], purges, leaseMs: this.#leaseMs, recovering: this.#recovering };
  }

  #remember({ purges, heads }: Pick<Changes, "purges" | "heads">): void {
    for (const purge of purges) {
      this.#purges.push(purge);
      const known = this.#heads.get(purge.source);
      const start = { incarnation: 0, seq: 0 };
      this.#heads.set(purge.source, {
        source: purge.source,
        lostAt: known?.lostAt ?? 0,
        since: known?.since ?? start,
        at: purge.at,
      });
    }
    for (const head of heads) this.#heads.set(head.source, head);
  }
}

function* chunks<Value>(values: Iterable<Value>): Generator<readonly Value[]> {
  let chunk: Value[] = [];
  for (const value of values) {
    chunk.push(value);
    if (chunk.length < RECORD_ENTRIES) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}
