/** What one edge knows of every edge's purges: how far, and the newest of them to pass on. */

import type { Purge } from "../purge.ts";
import { isBefore, type Position, START } from "./position.ts";

/** Purges kept to pass on to edges that lack them; whoever lacks older ones drops all that it has stored. */
const MAX_PURGE_HISTORY = 16_384;
/** Characters of the names in them. */
const MAX_PURGE_HISTORY_CHARACTERS = 16 * 1024 * 1024;

/** One purge, by the edge that was asked for it and its place in that edge's chain. */
export interface ChainedPurge {
  readonly source: string;
  readonly at: Position;
  readonly purge: Purge;
}

/** How far somebody is in one edge's chain. */
export interface ChainHead {
  readonly source: string;
  readonly at: Position;
  /** The last life of that edge that began without its journal; 0 where none did. */
  readonly lostAt: number;
  /** The purges after this one are all kept. */
  readonly since: Position;
}

interface Chain {
  at: Position;
  lostAt: number;
  since: Position;
  purges: ChainedPurge[];
}

/** Bounded; pure. */
export class Chains {
  readonly #chains = new Map<string, Chain>();
  /** Source of each purge kept, the oldest first; from {@link #first} on. */
  #order: string[] = [];
  #first = 0;
  #characters = 0;
  readonly #maxPurges: number;

  constructor(maxPurges = MAX_PURGE_HISTORY) {
    this.#maxPurges = maxPurges;
  }

  /** The chains known, without their purges. */
  get heads(): readonly ChainHead[] {
    return [...this.#chains].map(([source, { at, lostAt, since }]) => ({ source, at, lostAt, since }));
  }

  head(source: string): ChainHead {
    const { at, lostAt, since } = this.#chains.get(source) ?? { at: START, lostAt: 0, since: START };
    return { source, at, lostAt, since };
  }

  /** Purges kept of one edge that come after a position, the oldest first. */
  after(source: string, position: Position): readonly ChainedPurge[] {
    const purges = this.#chains.get(source)?.purges ?? [];
    // Most are up to date, or nearly: from the end.
    let from = purges.length;
    while (from > 0 && isBefore(position, purges[from - 1]!.at)) from -= 1;
    return purges.slice(from);
  }

  /** Adds the next purge of a chain. */
  add(purge: ChainedPurge): void {
    const chain = this.#chainOf(purge.source);
    chain.at = purge.at;
    chain.purges.push(purge);
    this.#order.push(purge.source);
    this.#characters += lengthOf(purge);
    this.#fit();
  }

  /** Goes on to a position without a purge. */
  advance(source: string, at: Position, lostAt: number): void {
    const chain = this.#chainOf(source);
    if (isBefore(chain.at, at)) chain.at = at;
    chain.lostAt = Math.max(chain.lostAt, lostAt);
  }

  /** Jumps over purges that nobody has any more: those before it here cannot be passed on as if they were all. */
  skipTo(source: string, at: Position): void {
    const chain = this.#chainOf(source);
    chain.at = at;
    chain.since = at;
    const dropped = new Set(chain.purges);
    for (const purge of dropped) this.#characters -= lengthOf(purge);
    chain.purges = [];
    this.#order = this.#order.slice(this.#first).filter((name) => name !== source);
    this.#first = 0;
  }

  /** As it was written down. */
  restore({ source, at, lostAt, since }: ChainHead): void {
    const chain = this.#chainOf(source);
    if (isBefore(chain.since, since)) {
      this.skipTo(source, since);
    }
    if (isBefore(chain.at, at)) chain.at = at;
    chain.lostAt = Math.max(chain.lostAt, lostAt);
  }

  #chainOf(source: string): Chain {
    let chain = this.#chains.get(source);
    if (chain === undefined) {
      chain = { at: START, lostAt: 0, since: START, purges: [] };
      this.#chains.set(source, chain);
    }
    return chain;
  }

  #fit(): void {
    while (this.#order.length - this.#first > this.#maxPurges || this.#characters > MAX_PURGE_HISTORY_CHARACTERS) {
      const chain = this.#chains.get(this.#order[this.#first]!);
      const oldest = chain?.purges.shift();
      this.#first += 1;
      if (chain === undefined || oldest === undefined) continue;
      chain.since = oldest.at;
      this.#characters -= lengthOf(oldest);
    }
    if (this.#first <= this.#maxPurges) return;
    this.#order = this.#order.slice(this.#first);
    this.#first = 0;
  }
}

function lengthOf({ purge: { urls = [], prefixes = [], tags = [] } }: ChainedPurge): number {
  let length = 0;
  for (const name of [...urls, ...prefixes, ...tags]) length += name.length;
  return length;
}
