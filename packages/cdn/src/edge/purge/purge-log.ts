/**
 * What has been purged, as a look-up has to know it.
 *
 * Nothing is searched when something is purged. Every purge makes the log's generation one greater, and notes for each name the generation at
 * which it was purged last. What is stored carries the generation at which its fill *started*, and a look-up asks what the purges since
 * then make of it. So a purge costs the same however much is stored, holds for memory, disk and fills in flight alike, and a fill that
 * started before it never becomes a hit after it.
 *
 * The log is bounded. Above its bound it forgets the oldest names, and counts everything stored before their purge as purged: it may take
 * too much for purged, never too little.
 */

import type { Purge } from "./purge.ts";

/** Names that a log remembers, by default; about 100 bytes each, and the name. */
export const MAX_PURGE_LOG_ENTRIES = 262_144;
/** Characters of all names that a log remembers. */
const MAX_PURGE_LOG_CHARACTERS = 32 * 1024 * 1024;

/** What the purges make of something stored. */
export type Verdict =
  /** It holds. Whoever asked may note the log's generation as the one up to which this is known. */
  | "kept"
  /** It is stale: to be revalidated, and served before that only as stale-while-revalidate and stale-if-error allow. */
  | "soft"
  /** It is gone. */
  | "hard";

/** What the log has to know of something stored. */
export interface Judged {
  /** Canonical target. */
  readonly key: string;
  readonly tags: readonly string[];
  /** The log's generation when the fill started, or the last one at which this was judged `"kept"`. */
  readonly generation: number;
}

/** Options of {@link PurgeLog}. */
export interface PurgeLogOptions {
  /** Names to remember. Default {@link MAX_PURGE_LOG_ENTRIES}. */
  readonly maxEntries?: number;
  /**
   * The generation to begin with, and below which everything counts as purged. A log that was lost must begin above all generations that
   * it may have given out: the milliseconds since 1970 are, for there is less than one purge each. Default 0.
   */
  readonly generation?: number;
}

/** A log as a journal keeps it: names with their generations, the oldest first. */
export interface PurgeLogState {
  readonly generation: number;
  readonly hard: LayerState;
  readonly soft: LayerState;
}

/** Everything before `all` is purged, and each name at its generation. */
interface LayerState {
  readonly all: number;
  readonly urls: Iterable<readonly [string, number]>;
  readonly prefixes: Iterable<readonly [string, number]>;
  readonly tags: Iterable<readonly [string, number]>;
}

/** Pure: no I/O and no clock. Takes purges as `canonicalPurge` spells them. */
export class PurgeLog {
  readonly #maxEntries: number;
  readonly #hard: Layer;
  readonly #soft: Layer;
  #generation: number;

  constructor({ maxEntries = MAX_PURGE_LOG_ENTRIES, generation = 0 }: PurgeLogOptions = {}, state?: PurgeLogState) {
    this.#maxEntries = maxEntries;
    this.#generation = state?.generation ?? generation;
    this.#hard = new Layer(state?.hard ?? { all: generation });
    this.#soft = new Layer(state?.soft ?? { all: 0 });
    this.#fold();
  }

  /** Grows by one with every purge. */
  get generation(): number {
    return this.#generation;
  }

  /** Everything stored before this generation is gone: by a purge of everything, or because the log forgot names. */
  get floor(): number {
    return this.#hard.all;
  }

  /** Names remembered. */
  get entries(): number {
    return this.#hard.entries + this.#soft.entries;
  }

  get state(): PurgeLogState {
    return { generation: this.#generation, hard: this.#hard, soft: this.#soft };
  }

  /**
   * Goes on at a greater generation. A log that was read back must: before the process ended it may have given out generations, to what is on
   * a disk now, of purges that were not written down.
   */
  advance(generation: number): void {
    this.#generation = Math.max(this.#generation, generation);
  }

  /** Purges. @returns the generation from which on a fill may be a hit again. */
  purge(purge: Purge): number {
    this.#generation += 1;
    const layer = purge.soft === true ? this.#soft : this.#hard;
    if (purge.all === true) layer.all = this.#generation;
    for (const url of purge.urls ?? []) layer.urls.note(url, this.#generation);
    for (const prefix of purge.prefixes ?? []) layer.prefixes.note(prefix, this.#generation);
    for (const tag of purge.tags ?? []) layer.tags.note(tag, this.#generation);
    this.#fold();
    return this.#generation;
  }

  /**
   * What the purges since a generation make of what is stored. One comparison where there were none; else a look-up for the key, one for each
   * tag, and where prefixes were purged since then two for each segment of the path.
   */
  judge({ key, tags, generation }: Judged): Verdict {
    if (generation === this.#generation) return "kept";
    // From a log that was lost: nobody knows what was purged since.
    if (generation > this.#generation) return "hard";
    if (this.#hard.holds(key, tags, generation)) return "hard";
    return this.#soft.holds(key, tags, generation) ? "soft" : "kept";
  }

  /** Forgets what says nothing any more, and what is over the bound. */
  #fold(): void {
    const hard = this.#hard;
    const soft = this.#soft;
    hard.drop(hard.all);
    soft.drop(Math.max(hard.all, soft.all));
    if (this.entries <= this.#maxEntries && this.#characters <= MAX_PURGE_LOG_CHARACTERS) return;
    // A sixteenth of the generations at a time: the start of a map is found by walking over all that left before it.
    const entries = this.#maxEntries - Math.ceil(this.#maxEntries / 16);
    const characters = MAX_PURGE_LOG_CHARACTERS - MAX_PURGE_LOG_CHARACTERS / 16;
    while (this.entries > entries || this.#characters > characters) {
      const oldest = Math.min(hard.oldest, soft.oldest);
      const until = oldest + Math.floor((this.#generation - oldest) / 16);
      hard.all = Math.max(hard.all, hard.drop(until));
      soft.all = Math.max(soft.all, soft.drop(until));
    }
  }

  get #characters(): number {
    return this.#hard.characters + this.#soft.characters;
  }
}

/** Purges of one severity. */
class Layer implements LayerState {
  all: number;
  readonly urls: Newest;
  readonly prefixes: Newest;
  readonly tags: Newest;

  constructor({ all, urls = [], prefixes = [], tags = [] }: Pick<LayerState, "all"> & Partial<LayerState>) {
    this.all = all;
    this.urls = new Newest(urls);
    this.prefixes = new Newest(prefixes);
    this.tags = new Newest(tags);
  }

  get entries(): number {
    return this.urls.size + this.prefixes.size + this.tags.size;
  }

  get characters(): number {
    return this.urls.characters + this.prefixes.characters + this.tags.characters;
  }

  /** Generation of the oldest name; infinite where there is none. */
  get oldest(): number {
    return Math.min(this.urls.oldest, this.prefixes.oldest, this.tags.oldest);
  }

  /** Whether something stored at that generation was purged after it. */
  holds(key: string, tags: readonly string[], generation: number): boolean {
    if (this.all > generation) return true;
    if (this.urls.isAfter(key, generation)) return true;
    if (this.tags.newest > generation) {
      for (const tag of tags) if (this.tags.isAfter(tag, generation)) return true;
    }
    return this.prefixes.newest > generation && this.#isBelow(key, generation);
  }

  /** Forgets what was purged at or before a generation. @returns the newest generation forgotten, 0 where nothing was. */
  drop(generation: number): number {
    return Math.max(this.urls.drop(generation), this.prefixes.drop(generation), this.tags.drop(generation));
  }

  #isBelow(key: string, generation: number): boolean {
    const question = key.indexOf("?");
    const path = question === -1 ? key : key.slice(0, question);
    if (this.prefixes.isAfter(path, generation)) return true;
    for (let slash = path.lastIndexOf("/"); slash !== -1; slash = slash === 0 ? -1 : path.lastIndexOf("/", slash - 1)) {
      if (this.prefixes.isAfter(path.slice(0, slash + 1), generation)) return true;
      if (slash > 0 && this.prefixes.isAfter(path.slice(0, slash), generation)) return true;
    }
    return false;
  }
}

/** Names, and the generation at which each was purged last; the oldest first. */
class Newest {
  readonly #generations: Map<string, number>;
  characters = 0;
  newest = 0;
  #oldest = Number.POSITIVE_INFINITY;

  constructor(entries: Iterable<readonly [string, number]>) {
    this.#generations = new Map();
    for (const [name, generation] of entries) this.note(name, generation);
  }

  get size(): number {
    return this.#generations.size;
  }

  /** A bound from below: what was purged again has left its old place. */
  get oldest(): number {
    return this.#oldest;
  }

  [Symbol.iterator](): IterableIterator<readonly [string, number]> {
    return this.#generations[Symbol.iterator]();
  }

  note(name: string, generation: number): void {
    if (!this.#generations.delete(name)) this.characters += name.length;
    this.#generations.set(name, generation);
    this.newest = generation;
    if (this.#oldest > generation) this.#oldest = generation;
  }

  isAfter(name: string, generation: number): boolean {
    if (this.newest <= generation) return false;
    const purged = this.#generations.get(name);
    return purged !== undefined && purged > generation;
  }

  /** See {@link Layer.drop}. */
  drop(generation: number): number {
    let dropped = 0;
    if (this.#oldest > generation) return dropped;
    this.#oldest = Number.POSITIVE_INFINITY;
    for (const [name, purged] of this.#generations) {
      if (purged > generation) {
        this.#oldest = purged;
        break;
      }
      this.#generations.delete(name);
      this.characters -= name.length;
      dropped = purged;
    }
    return dropped;
  }
}
