/**
 * What the edge fetches before a client asks for it: the hinted part, the next segment, what an answer or a player announces.
 *
 * It is fed with what the edge sees anyway, and says what to fetch. Only somebody who watches sets it off: what was fetched ahead is followed
 * further when a client asks for it, so that it stays one step ahead and no more. It gives way: it drops what it would have fetched where the
 * upstream is busy or the bounds are reached, and a client that then asks is none the worse.
 *
 * A hinted part does not exist yet. The origin holds the request until it does (RFC 8216bis §6.2.6), so the edge has it open before the
 * first client asks, and those who do are sent each chunk the moment it comes.
 */

import { decodeSfDict } from "@svta/cml-structured-field-values";
import type { CmcdNextRequest } from "../../cmcd/cmcd.ts";
import { fieldOf, joinedFieldOf } from "../../http/fields.ts";
import { BoundedMemory } from "../cache-key/bounded-memory.ts";
import type { HlsFacts } from "./hls-scan.ts";
import { linksAhead } from "./link-field.ts";
import { isPlainName, resolveTarget, streamFolderOf } from "./relative-target.ts";

/** Fetched at the same time, without those that the origin holds. */
const DEFAULT_MAX_PREFETCHES = 16;
/** Held by the origin at the same time: one for each rendition that is watched. */
const DEFAULT_MAX_HELD_PREFETCHES = 256;
/** Wait for their turn; the oldest is dropped for the newest. */
const MAX_QUEUED = 64;
/** Milliseconds in the queue after which the client has asked itself. */
const QUEUED_FOR = 2_000;
/** Milliseconds in which the same target is not fetched ahead again, nor asked of the cache. */
const RECENT_FOR = 10_000;
/** Followed of one answer, or of one request of a player. */
const MAX_AHEAD = 8;
/** Characters of a `CMSD-Static` field that are read. */
const MAX_CMSD = 2048;

/** Something to fetch and to store. */
export interface Prefetch {
  /** Canonical, as the cache key writes it. */
  readonly target: string;
  /** Value of `Range`, where only a part will be asked for. */
  readonly range?: string;
  /** Does not exist yet: the origin will hold the request, as long as a blocking reload. */
  readonly held: boolean;
}

/** Options of {@link createPrefetcher}. */
export interface PrefetcherOptions {
  /** The cache key of a target. What it throws means that there is no such target. */
  keyOf(target: string): string;
  /**
   * Fetches and stores, at low priority. Undefined where there is nothing to do: it is stored, or on its way already. Resolves with the bytes
   * that came when nothing more will; what it rejects with is nobody's concern.
   */
  request(prefetch: Prefetch): Promise<number> | undefined;
  /** Whether the upstream has enough to do for those who wait. Default: never. */
  readonly busy?: () => boolean;
  /** At the same time, without those that the origin holds. Default 16. */
  readonly maxInFlight?: number;
  /** Held by the origin at the same time. Default 256. */
  readonly maxHeld?: number;
  /** Bytes a second over all, in the mean over a second. Default: no bound but the others. */
  readonly maxBytesPerSecond?: number;
  /** Also the playlists of the other renditions that a playlist reports on: players switch faster, the origin has more to do. Default false. */
  readonly renditions?: boolean;
  /** Milliseconds, steady. */
  readonly clock: () => number;
}

/** An answer that an upstream gave, when its head, or for a playlist its body, is here. */
interface SeenAnswer {
  /** Canonical target, without what it varies by. */
  readonly key: string;
  readonly headers: readonly string[];
  /** What its body was read as, if it is an HLS playlist. */
  readonly hls?: HlsFacts | undefined;
  /** Whether a client caused it: not so what was fetched ahead. */
  readonly byClient: boolean;
}

/** Counters since it was made. */
interface PrefetchStats {
  /** Fetched, or being fetched. */
  readonly requests: number;
  readonly bytes: number;
  /** Not fetched because of a bound, or because the upstream was busy. */
  readonly dropped: number;
  /** Under way now. */
  readonly inFlight: number;
  readonly held: number;
}

/** Feeds on what an edge sees. */
export interface Prefetcher {
  /** A client asks. On the hot path: one look-up where nothing is to be done. */
  asked(key: string, next?: readonly CmcdNextRequest[]): void;
  answered(answer: SeenAnswer): void;
  /** Fetches nothing more. */
  close(): void;
  readonly stats: PrefetchStats;
}

/** Makes one for an edge. It holds no resources, and forgets what it knows oldest first. */
export function createPrefetcher(options: PrefetcherOptions): Prefetcher {
  return new Ahead(options);
}

class Ahead implements Prefetcher {
  readonly #options: PrefetcherOptions;
  /** What to fetch when a client asks for a key. */
  readonly #after = new BoundedMemory<readonly Prefetch[]>();
  /** When a target was last fetched ahead. */
  readonly #recent = new BoundedMemory<number>();
  #queue: { readonly prefetch: Prefetch; readonly at: number }[] = [];
  #inFlight = 0;
  #held = 0;
  #requests = 0;
  #bytes = 0;
  #dropped = 0;
  /** Bytes that may be fetched now; below zero they are paid back first. */
  #allowance: number;
  #allowedAt: number;
  #closed = false;

  constructor(options: PrefetcherOptions) {
    this.#options = options;
    this.#allowance = options.maxBytesPerSecond ?? 0;
    this.#allowedAt = options.clock();
  }

  get stats(): PrefetchStats {
    return {
      requests: this.#requests,
      bytes: this.#bytes,
      dropped: this.#dropped,
      inFlight: this.#inFlight,
      held: this.#held,
    };
  }

  asked(key: string, next?: readonly CmcdNextRequest[]): void {
    const after = this.#after.get(key);
    if (after !== undefined) this.#follow(after);
    if (next === undefined) return;
    // What a player says is a client's word: it leads to other renditions of its stream, and not to whatever else there is.
    const stream = streamFolderOf(key);
    this.#follow(this.#announced(key, next).filter(({ target }) => target.startsWith(stream)));
  }

  answered({ key, headers, hls, byClient }: SeenAnswer): void {
    const after: Prefetch[] = [];
    if (hls !== undefined) this.#read(key, hls, after);
    const links = linksAhead(joinedFieldOf(headers, "link"));
    for (const link of links) this.#add(after, link, key, false);
    after.push(...this.#announced(key, nextInCmsd(fieldOf(headers, "cmsd-static"))));
    if (after.length > MAX_AHEAD) after.length = MAX_AHEAD;
    if (after.length === 0) {
      // An older answer announced something; this one takes it back, but not the place in a playlist.
      if (hls !== undefined) this.#after.delete(key);
      return;
    }
    this.#after.set(key, after);
    if (byClient) this.#follow(after);
  }

  close(): void {
    this.#closed = true;
    this.#queue = [];
  }

  #read(key: string, hls: HlsFacts, after: Prefetch[]): void {
    if (hls.kind === "multivariant") return;
    for (const { uri } of hls.hints) this.#add(after, uri, key, true);
    // Who watches a stream without parts asks for its newest segment next.
    if (hls.hints.length === 0 && !hls.ended && hls.segments.length > 0) {
      this.#add(after, hls.segments.at(-1)!, key, false);
    }
    if (this.#options.renditions) {
      for (const { uri, lastMsn, lastPart } of hls.reports) {
        const part = lastPart === undefined ? "" : `&_HLS_part=${lastPart}`;
        this.#add(after, `${uri}${uri.includes("?") ? "&" : "?"}_HLS_msn=${lastMsn}${part}`, key, false);
      }
    }
    this.#chain(key, hls.segments);
  }

  /** Each segment is followed by the next. From the end: where that is known already, so is what was before it. */
  #chain(key: string, segments: readonly string[]): void {
    let next: Prefetch | undefined;
    for (let at = segments.length - 1; at >= 0; at -= 1) {
      const target = this.#targetOf(segments[at]!, key);
      if (target !== undefined && next !== undefined) {
        const known = this.#after.get(target);
        if (known?.[0]?.target === next.target) return;
        if (known === undefined) this.#after.set(target, [next]);
      }
      next = target === undefined ? undefined : { target, held: false };
    }
  }

  #announced(key: string, next: readonly CmcdNextRequest[]): Prefetch[] {
    const found: Prefetch[] = [];
    for (const { reference, range } of next) {
      if (found.length >= MAX_AHEAD) break;
      if (reference === undefined) {
        if (range !== undefined) found.push({ target: key, range: `bytes=${range}`, held: false });
      } else this.#add(found, reference, key, false, range);
    }
    return found;
  }

  #add(to: Prefetch[], reference: string, from: string, held: boolean, range?: string): void {
    const target = this.#targetOf(reference, from);
    if (target === undefined || target === from) return;
    to.push({ target, held, ...(range !== undefined && { range: `bytes=${range}` }) });
  }

  /** A string of its own: a slice would keep the whole playlist alive. */
  #targetOf(reference: string, from: string): string | undefined {
    const target = resolveTarget(reference, from);
    if (target === undefined) return undefined;
    // A plain name beside a canonical target is canonical, and too many of them would push clients' targets out of the keys' memory.
    if (isPlainName(reference)) return Buffer.from(target).toString();
    try {
      return this.#options.keyOf(target);
    } catch {
      return undefined;
    }
  }

  #follow(after: readonly Prefetch[]): void {
    const now = this.#options.clock();
    let added = false;
    for (const prefetch of after) {
      const last = this.#recent.get(prefetch.target);
      if (last !== undefined && now - last < RECENT_FOR) continue;
      this.#recent.set(prefetch.target, now);
      if (this.#queue.push({ prefetch, at: now }) > MAX_QUEUED) this.#drop(this.#queue.shift()!.prefetch);
      added = true;
    }
    if (added) this.#next(now);
  }

  #next(now: number): void {
    if (this.#queue.length === 0) return;
    const waiting = this.#queue;
    this.#queue = [];
    const isBusy = this.#closed || (this.#options.busy?.() ?? false);
    for (const entry of waiting) {
      const { prefetch, at } = entry;
      if (isBusy || now - at > QUEUED_FOR) this.#drop(prefetch);
      else if (this.#hasRoom(prefetch, now)) this.#start(prefetch);
      else this.#queue.push(entry);
    }
  }

  #hasRoom({ held }: Prefetch, now: number): boolean {
    const { maxHeld = DEFAULT_MAX_HELD_PREFETCHES, maxInFlight = DEFAULT_MAX_PREFETCHES } = this.#options;
    if (held ? this.#held >= maxHeld : this.#inFlight >= maxInFlight) return false;
    const { maxBytesPerSecond } = this.#options;
    if (maxBytesPerSecond === undefined) return true;
    const earned = ((now - this.#allowedAt) / 1000) * maxBytesPerSecond;
    this.#allowance = Math.min(maxBytesPerSecond, this.#allowance + Math.max(0, earned));
    this.#allowedAt = now;
    return this.#allowance > 0;
  }

  #start(prefetch: Prefetch): void {
    const over = this.#options.request(prefetch);
    if (over === undefined) return;
    this.#requests += 1;
    if (prefetch.held) this.#held += 1;
    else this.#inFlight += 1;
    const ended = (bytes: number): void => {
      if (prefetch.held) this.#held -= 1;
      else this.#inFlight -= 1;
      this.#bytes += bytes;
      this.#allowance -= bytes;
      if (!this.#closed) this.#next(this.#options.clock());
    };
    over.then(ended, () => ended(0));
  }

  #drop({ target }: Prefetch): void {
    this.#dropped += 1;
    this.#recent.delete(target);
  }
}

/** `nor` and `nrr` of a CMSD-Static field (CTA-5006): what the origin expects to be asked for next. */
function nextInCmsd(field: string | undefined): CmcdNextRequest[] {
  if (field === undefined || field.length > MAX_CMSD || !/\bn(?:or|rr)=/.test(field)) return [];
  try {
    const { nor, nrr } = decodeSfDict(field) as Record<string, { value?: unknown } | undefined>;
    const range = typeof nrr?.value === "string" && /^\d{0,15}-\d{0,15}$/.test(nrr.value) ? nrr.value : undefined;
    const reference = typeof nor?.value === "string" ? decodeURIComponent(nor.value) : undefined;
    if (reference === undefined && range === undefined) return [];
    return [{ ...(reference !== undefined && { reference }), ...(range !== undefined && { range }) }];
  } catch {
    return [];
  }
}
