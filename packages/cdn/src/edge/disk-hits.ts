/**
 * Hits on disk of what has more than one slice: sent while they are read.
 *
 * ```
 * first hit ──► slices: one is sent while the next is read
 * next hits ──► slices ─► a body that grows, for all who ask meanwhile ─► memory
 * ```
 */

import type { DiskEntry } from "./disk-tier/disk-entry.ts";
import type { DiskTier } from "./disk-tier/disk-tier.ts";
import { GrowingBody } from "./fill/growing-body.ts";
import type { MemoryTier } from "./memory-tier/memory-tier.ts";
import type { StoredResponse } from "./memory-tier/stored-response.ts";

/** Hits on disk with which an object is taken into memory. */
const PROMOTING_HITS = 2;
const NO_BYTES = new Uint8Array(0);

/** Something on disk that can be sent. Its `read` or `close` is called, once. */
export interface DiskHit {
  /** All of it but its body. */
  readonly stored: StoredResponse;
  /** Bytes of its body. */
  readonly length: number;
  /**
   * Begins to read: the first slice is here and checked when this resolves. A later one that is damaged ends the body with an error.
   *
   * @param end - exclusive.
   * @returns undefined where the first is damaged; the object is dropped then.
   */
  read(start: number, end: number): Promise<AsyncIterable<Uint8Array> | undefined>;
  close(): void;
}

/** Options of {@link DiskHits}. */
export interface DiskHitsOptions {
  readonly memory: MemoryTier<StoredResponse>;
  readonly disk: DiskTier;
  /** What is written as a head, with a body. */
  decode(head: Uint8Array, body: Uint8Array, storageKey: string): StoredResponse | undefined;
}

interface Promotion {
  readonly stored: StoredResponse;
  readonly length: number;
  readonly body: GrowingBody;
  /** Whether the first slice is good. */
  readonly begun: Promise<boolean>;
}

export class DiskHits {
  readonly #options: DiskHitsOptions;
  /** On their way into memory, by key. */
  readonly #promotions = new Map<string, Promotion>();

  constructor(options: DiskHitsOptions) {
    this.#options = options;
  }

  /**
   * Opens what is on disk, and counts a hit. Undefined where it is not there, of one slice, or in memory, or
   * where too much is being sent already. Never rejects.
   */
  async open(storageKey: string): Promise<DiskHit | undefined> {
    const { disk, memory, decode } = this.#options;
    const promotion = this.#promotions.get(storageKey);
    if (promotion !== undefined) return hitOf(promotion);
    // Clients that are slow hold slices: others are not to wait for them.
    if (disk.isCrowded || !disk.isSliced(storageKey) || memory.get(storageKey) !== undefined) return undefined;
    const entry = await disk.open(storageKey);
    const stored = entry === undefined ? undefined : decode(entry.head, NO_BYTES, storageKey);
    if (entry === undefined || stored === undefined || entry.length === 0) {
      entry?.close();
      return undefined;
    }
    const { length } = entry;
    const read = async (start: number, end: number) => {
      if (entry.hits < PROMOTING_HITS) return await entry.read(start, end);
      const others = this.#promotions.get(storageKey);
      if (others !== undefined) entry.close();
      else if (!memory.reserve(length)) return await entry.read(start, end);
      return await readOf(others ?? this.#promote(storageKey, entry, stored), start, end);
    };
    return { stored, length, read, close: () => entry.close() };
  }

  /** It was replaced or deleted: what is being read is not for those who come, nor for memory. */
  forget(storageKey: string): void {
    this.#promotions.delete(storageKey);
  }

  #promote(storageKey: string, entry: DiskEntry, stored: StoredResponse): Promotion {
    const { length } = entry;
    const body = new GrowingBody(Number.POSITIVE_INFINITY);
    const reading = entry.read();
    const begun = reading.then((chunks) => chunks !== undefined);
    const promotion = { stored, length, body, begun };
    this.#promotions.set(storageKey, promotion);
    void (async () => {
      try {
        for await (const chunk of (await reading) ?? []) await body.append(chunk);
        body.end();
      } catch (error) {
        body.fail(error);
      }
      this.#finish(storageKey, entry.head, promotion);
    })();
    return promotion;
  }

  #finish(storageKey: string, head: Uint8Array, promotion: Promotion): void {
    const { memory, decode } = this.#options;
    const { body, length } = promotion;
    const isWanted = this.#promotions.get(storageKey) === promotion;
    if (isWanted) this.#promotions.delete(storageKey);
    if (!isWanted || !body.ended || body.received !== length) {
      // What its readers have yet to read is there for as long as they are.
      body.whenUnread(() => memory.release(length));
      return;
    }
    memory.release(length);
    const entry = decode(head, body.settle(), storageKey);
    if (entry === undefined) return;
    const release = entry.use();
    if (release !== undefined) body.whenUnread(release);
    memory.set(storageKey, entry);
  }
}

function hitOf(promotion: Promotion): DiskHit {
  const { stored, length } = promotion;
  return { stored, length, read: (start, end) => readOf(promotion, start, end), close: () => {} };
}

async function readOf(
  { body, begun }: Promotion,
  start: number,
  end: number,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  const bytes = body.read({ start, end });
  if (await begun) return bytes;
  await bytes.return?.();
  return undefined;
}
