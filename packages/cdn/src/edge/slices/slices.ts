/**
 * Ranges of objects that are too large to be fetched for one: as slices, each with an upstream request and an entry of its own.
 *
 * ```
 * range ─► what is known of the object (length, version) ─► which slices ─► stored, under way, or asked for ─► one 206
 * ```
 *
 * What is known of an object is an entry without a body. A slice counts only while it is of the same version: a new one makes the others
 * useless at once, though they leave only when their room is needed.
 */

import type { RawRequest } from "../../handler/raw.ts";
import { contentLengthOf } from "../../http/fields.ts";
import { abortable } from "../abortable.ts";
import type { FillHead } from "../fill/fill.ts";
import { type Boarded, type Flights, OBJECT, SLICE } from "../fill/flights.ts";
import { without } from "../fill/response-head.ts";
import { ttlOf } from "../freshness/freshness.ts";
import type { MemoryTier } from "../memory-tier/memory-tier.ts";
import { StoredResponse } from "../memory-tier/stored-response.ts";
import { tagsOf } from "../purge/response-tags.ts";
import { contentRangeOf, versionOf } from "./content-range.ts";

/** 1 MiB: what one upstream request for a slice brings. */
export const DEFAULT_RANGE_SLICE_BYTES = 1024 * 1024;
/** 8 MiB: ranges of longer objects are answered by slices. Nearly all segments are shorter, and are fetched whole. */
export const DEFAULT_SLICE_ABOVE_BYTES = 8 * 1024 * 1024;

/** Share of its slices that an object may lack which is asked for as a whole, and put together from them. */
const MISSING_SHARE = 0.25;
/** Objects of more slices than this are not put together: to count them would take too long. */
const MAX_COUNTED_SLICES = 1024;

/** Options of {@link Slices}. */
export interface SlicesOptions {
  readonly tier: MemoryTier<StoredResponse>;
  readonly flights: Flights;
  readonly clock: () => number;
  readonly sliceBytes: number;
  readonly sliceAbove: () => number;
}

/** What a request for an object is about. */
export interface Asked {
  readonly request: RawRequest;
  /** Canonical target. */
  readonly key: string;
  /** With what it varies by. */
  readonly fullKey: string;
}

/** A slice at hand, or on its way. */
export interface Slice {
  /** What is known of the object now. */
  readonly object: SlicedObject;
  /** Undefined while it arrives. */
  readonly stored: StoredResponse | undefined;
  readonly boarded: Boarded | undefined;
}

/** What came instead of a slice: the answer to the request, good or bad, with its own flight. Or nothing: to be passed on. */
export type NoSlice = { readonly instead: Boarded } | "pass" | "retry";

/** An object of which the length and the version are known. */
export class SlicedObject {
  readonly entry: StoredResponse;
  /** Bytes. */
  readonly total: number;
  readonly version: string;

  constructor(entry: StoredResponse, total: number, version: string) {
    this.entry = entry;
    this.total = total;
    this.version = version;
  }

  isSameAs(other: SlicedObject): boolean {
    return other.version === this.version && other.total === this.total;
  }

  holds(slice: StoredResponse): boolean {
    return versionOf(slice.headers) === this.version && contentRangeOf(slice.headers)?.total === this.total;
  }
}

export class Slices {
  readonly #options: SlicesOptions;

  constructor(options: SlicesOptions) {
    this.#options = options;
  }

  get sliceBytes(): number {
    return this.#options.sliceBytes;
  }

  /** What is known of an object, fresh or stale. */
  objectOf(fullKey: string): SlicedObject | undefined {
    const entry = this.#options.flights.find(fullKey + OBJECT);
    return entry === undefined ? undefined : asObject(entry);
  }

  isFresh({ entry }: SlicedObject): boolean {
    const { flights, clock } = this.#options;
    return ttlOf(entry.freshness, clock()) > 0 && !flights.isSoft(entry);
  }

  /** Whether so many slices of an object are here that what is missing is quicker asked for than the whole. */
  holdsMost(fullKey: string, object: SlicedObject): boolean {
    const { flights } = this.#options;
    const count = Math.ceil(object.total / this.sliceBytes);
    if (count > MAX_COUNTED_SLICES) return false;
    let missing = 0;
    for (let index = 0; index < count; index += 1) {
      const storageKey = `${fullKey}${SLICE}${index}`;
      const stored = flights.find(storageKey);
      if (stored === undefined ? flights.isOnDisk(storageKey) : object.holds(stored)) continue;
      missing += 1;
      if (missing > count * MISSING_SHARE) return false;
    }
    return true;
  }

  /** Whether an answer with all of an object should rather be left, and the range that was asked for be answered by slices. */
  suits({ status, headers, length, decision }: FillHead): boolean {
    if (status !== 200 || length === undefined || length <= this.#options.sliceAbove()) return false;
    if (!decision.store && decision.reason !== "too-large") return false;
    return versionOf(headers) !== undefined;
  }

  /** Notes what the head of an answer says about its object. @returns undefined where that is too little. */
  learn({ key, fullKey, request }: Asked, head: FillHead, generation: number): SlicedObject | undefined {
    const { tier, flights } = this.#options;
    const { decision, status, cacheStatus, systemTime, upstream, fromPeer } = head;
    const total = status === 206 ? contentRangeOf(head.headers)?.total : head.length;
    if (total === undefined || !decision.store) return undefined;
    const headers = [
      ...without(head.headers, ["content-range", "content-length", ...decision.withheld]),
      "content-length",
      String(total),
    ];
    const { freshness, vary } = decision;
    const entry = new StoredResponse(
      {
        ...{ key, headers, cacheStatus, freshness, vary, generation, upstream, isCopy: fromPeer },
        ...{ status: 200, body: new Uint8Array(0), tags: tagsOf(head.headers), storedAt: systemTime },
      },
      fullKey + OBJECT,
    );
    const object = asObject(entry);
    if (object !== undefined) tier.set(flights.vary.keyOf(key, request.headers) + OBJECT, entry);
    return object;
  }

  /** Gets a slice: stored, under way, or from the upstream. The caller leaves its flight. */
  async slice(asked: Asked, index: number, object: SlicedObject | undefined): Promise<Slice | NoSlice> {
    const { flights } = this.#options;
    const { request, key, fullKey } = asked;
    const warming = flights.warm(`${fullKey}${SLICE}${index}`);
    if (warming !== undefined) await warming;
    const stored = flights.find(`${fullKey}${SLICE}${index}`);
    const isCurrent = stored !== undefined && object?.holds(stored) === true;
    if (isCurrent && this.isFresh(object)) return { object, stored, boarded: undefined };
    const first = index * this.sliceBytes;
    const isStale = object !== undefined && !this.isFresh(object);
    const boarded = flights.board(request, key, fullKey, undefined, {
      part: {
        suffix: `${SLICE}${index}`,
        range: `bytes=${first}-${first + this.sliceBytes - 1}`,
        ...(isStale && { unlessLike: object.entry }),
      },
    });
    if (boarded === undefined) return "pass";
    const head = await headOf(boarded, request);
    const admitted = flights.admits(boarded, head, request);
    if (admitted !== "yes") {
      boarded.leave();
      return admitted;
    }
    if (head.status === 304) {
      boarded.leave();
      const same = boarded.flight.refreshed && asObject(boarded.flight.refreshed.response);
      if (same === undefined) return "pass";
      if (stored !== undefined && same.holds(stored)) return { object: same, stored, boarded: undefined };
      // Some other slice's request said so; this one's bytes are still to be had.
      return await this.slice(asked, index, this.isFresh(same) ? same : undefined);
    }
    if (head.status !== 206) return { instead: boarded };
    const range = contentRangeOf(head.headers);
    const last = range?.total === undefined ? undefined : Math.min(first + this.sliceBytes, range.total) - 1;
    const isSlice = range?.first === first && range.last === last;
    const now = isSlice ? this.learn(asked, head, boarded.flight.fill.generation) : undefined;
    if (now !== undefined) return { object: now, stored: undefined, boarded };
    boarded.leave();
    return "pass";
  }
}

function asObject(entry: StoredResponse): SlicedObject | undefined {
  const length = contentLengthOf(entry.headers);
  const version = versionOf(entry.headers);
  return version === undefined || length === undefined ? undefined : new SlicedObject(entry, length, version);
}

async function headOf({ flight, leave }: Boarded, { signal }: RawRequest): Promise<FillHead> {
  try {
    return await abortable(flight.fill.head, signal);
  } catch (error) {
    leave();
    throw error;
  }
}

/** Nobody wants it any more. */
export function leaveSlice(slice: Slice | NoSlice): void {
  if (typeof slice === "string") return;
  if ("instead" in slice) slice.instead.leave();
  else slice.boarded?.leave();
}
