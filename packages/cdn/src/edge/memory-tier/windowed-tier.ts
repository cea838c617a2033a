/**
 * Where the entries of W-TinyLFU are, and how they get from the window into the main part, or out.
 *
 * ```
 * set ─► window ──(its oldest)──► more wanted than the coldest of main? ─┬─ yes ─► main: probation ◄─► protected, least recently used each
 *          ▲                                                             └─ no ──► gone
 *          └─ bytes still arriving take their room here
 * ```
 */

import type { FrequencySketch } from "./frequency-sketch.ts";
import type { Sized } from "./memory-tier.ts";
import { type QueueNode, RecencyQueue } from "./recency-queue.ts";

/** Entries that may be sent out of the window for one that comes: when its share has shrunk, the rest has to wait. */
const MAX_CONTESTS = 16;
/** How much of the bytes is kept free at most for bodies that will arrive. */
const MAX_RESERVED = 0.5;
/** What of the main part keeps entries that were asked for again. */
const PROTECTED_SHARE = 0.8;
/**
 * What an object's size does for it: worth = wanted × size ^ this. With 0, as many objects as possible are answered, mostly small ones; with 1,
 * as many bytes as possible.
 */
const SIZE_EXPONENT = 1 / 3;

/** Options of {@link WindowedTier}. */
export interface WindowedTierOptions<Key, Entry> {
  readonly maxBytes: number;
  /** Has the window's share of the bytes, from 0 to 1; read anew each time. */
  readonly window: { readonly share: number };
  /** How often keys were asked for. The caller counts. */
  readonly sketch: FrequencySketch;
  /** An entry left to make room. */
  onEvict?(node: QueueNode<Key, Entry>): void;
}

export class WindowedTier<Key, Entry extends Sized> {
  maxBytes: number;
  readonly #options: WindowedTierOptions<Key, Entry>;
  readonly #nodes = new Map<Key, QueueNode<Key, Entry>>();
  readonly #window = new RecencyQueue<Key, Entry>();
  readonly #probation = new RecencyQueue<Key, Entry>();
  readonly #protected = new RecencyQueue<Key, Entry>();
  /** Of bodies that are still arriving. */
  #reserved = 0;
  /** The most that was reserved of late: room that will be wanted again, for which the main part shall not be evicted each time. */
  #reservedPeak = 0;
  /** Of entries that left while they were being sent. */
  #leaving = 0;

  constructor(options: WindowedTierOptions<Key, Entry>) {
    this.#options = options;
    this.maxBytes = options.maxBytes;
  }

  get size(): number {
    return this.#nodes.size;
  }

  get bytes(): number {
    return this.#window.bytes + this.#probation.bytes + this.#protected.bytes + this.#reserved + this.#leaving;
  }

  /** Finds an entry and counts it as used. */
  get(key: Key): QueueNode<Key, Entry> | undefined {
    const node = this.#nodes.get(key);
    if (node === undefined) return undefined;
    if (node.queue !== this.#probation) node.queue.touch(node);
    else this.#protect(node);
    return node;
  }

  /** False when it does not fit. */
  set(key: Key, hash: number, entry: Entry): boolean {
    const { size } = entry;
    const before = this.#nodes.get(key);
    if (before !== undefined) this.#drop(before);
    if (size + this.#reserved > this.maxBytes || !this.#makeRoom(size)) return false;
    const window = this.#window;
    const place = { queue: window, newer: undefined, older: undefined };
    const node: QueueNode<Key, Entry> = { key, hash, entry, size, weight: size ** SIZE_EXPONENT, ...place };
    this.#nodes.set(key, node);
    window.add(node);
    for (let contests = 0; contests < MAX_CONTESTS && window.oldest !== window.newest; contests += 1) {
      if (window.bytes + this.#reserved <= this.#windowLimit()) break;
      this.#contest(window.oldest!);
    }
    return true;
  }

  delete(key: Key): boolean {
    const node = this.#nodes.get(key);
    if (node === undefined) return false;
    this.#drop(node);
    return true;
  }

  reserve(bytes: number): boolean {
    if (this.#reserved + bytes > this.maxBytes || !this.#makeRoom(bytes)) return false;
    this.#reserved += bytes;
    if (this.#reserved > this.#reservedPeak) this.#reservedPeak = this.#reserved;
    return true;
  }

  release(bytes: number): void {
    this.#reserved -= bytes;
  }

  /** Some time has gone by: what was reserved at most before counts half. */
  age(): void {
    this.#reservedPeak = Math.max(this.#reserved, this.#reservedPeak / 2);
  }

  resize(maxBytes: number): void {
    this.maxBytes = maxBytes;
    this.#makeRoom(0);
  }

  clear(): void {
    for (const node of this.#nodes.values()) this.#drop(node);
  }

  #windowLimit(): number {
    const kept = Math.min(this.#reservedPeak, this.maxBytes * MAX_RESERVED);
    return Math.max(this.maxBytes * this.#options.window.share, kept);
  }

  #mainLimit(): number {
    const newest = this.#window.newest?.size ?? 0;
    return this.maxBytes - this.#leaving - Math.max(this.#windowLimit(), this.#reserved, newest);
  }

  /** The entry that the main part would give up next. */
  #coldest(): QueueNode<Key, Entry> | undefined {
    return this.#probation.oldest ?? this.#protected.oldest;
  }

  #worth({ hash, weight }: QueueNode<Key, Entry>): number {
    return this.#options.sketch.of(hash) * weight;
  }

  #protect(node: QueueNode<Key, Entry>): void {
    this.#probation.remove(node);
    this.#protected.add(node);
    const limit = this.#mainLimit() * PROTECTED_SHARE;
    let oldest = this.#protected.oldest;
    while (this.#protected.bytes > limit && oldest !== undefined && oldest !== node) {
      this.#protected.remove(oldest);
      this.#probation.add(oldest);
      oldest = this.#protected.oldest;
    }
  }

  /** From the window into the main part, or out. */
  #contest(candidate: QueueNode<Key, Entry>): void {
    const limit = this.#mainLimit();
    const missing = this.#probation.bytes + this.#protected.bytes + candidate.size - limit;
    if (candidate.size > limit || (missing > 0 && !this.#pushOut(candidate, missing))) {
      this.#evict(candidate);
      return;
    }
    this.#window.remove(candidate);
    this.#probation.add(candidate);
  }

  /** Evicts so many bytes of the main part, where the candidate is worth more than all that would leave. */
  #pushOut(candidate: QueueNode<Key, Entry>, bytes: number): boolean {
    const mine = this.#worth(candidate);
    let theirs = 0;
    let missing = bytes;
    let victims = 0;
    let victim = this.#coldest();
    while (missing > 0 && victim !== undefined && theirs < mine) {
      theirs += this.#worth(victim);
      missing -= victim.size;
      victims += 1;
      victim = victim.newer ?? (victim.queue === this.#probation ? this.#protected.oldest : undefined);
    }
    if (missing <= 0 && theirs < mine) {
      for (; victims > 0; victims -= 1) this.#evict(this.#coldest()!);
      return true;
    }
    // Those it was compared with are not the next to be.
    for (; victims > 0 && this.#probation.oldest !== undefined; victims -= 1) {
      this.#probation.touch(this.#probation.oldest);
    }
    return false;
  }

  /** Until so many more bytes fit. False when all there is to evict does not do: what is reserved, or still being sent, stays. */
  #makeRoom(bytes: number): boolean {
    while (this.bytes + bytes > this.maxBytes && this.#nodes.size > 0) {
      const isWindowFull = this.#window.bytes + this.#reserved + bytes > this.#windowLimit();
      const coldest = this.#coldest();
      const { oldest } = this.#window;
      if (oldest !== undefined && (isWindowFull || coldest === undefined)) this.#contest(oldest);
      else this.#evict(coldest!);
    }
    return this.bytes + bytes <= this.maxBytes;
  }

  #evict(node: QueueNode<Key, Entry>): void {
    this.#drop(node);
    this.#options.onEvict?.(node);
  }

  #drop(node: QueueNode<Key, Entry>): void {
    const { key, entry, size, queue } = node;
    queue.remove(node);
    this.#nodes.delete(key);
    const inUse = entry.whenUnused?.(() => {
      this.#leaving -= size;
    });
    if (inUse) this.#leaving += size;
  }
}
