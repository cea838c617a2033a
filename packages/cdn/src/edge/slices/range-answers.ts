/** Answers to ranges of objects that are not stored as a whole: from a part that is, or by slices. */

import type { RawRequest, RawResponse } from "../../handler/raw.ts";
import { ifRangeHolds, isNotModified } from "../../http/conditional.ts";
import { parseRange, type RangeRequest, resolveRange } from "../../http/range.ts";
import { isPlain, unsatisfiable } from "../answer.ts";
import type { Answers } from "../answers.ts";
import type { FillHead } from "../fill/fill.ts";
import { type Boarded, type Flights, OBJECT, PART, SLICE } from "../fill/flights.ts";
import { mayStandIn } from "../fill/revalidation.ts";
import { ttlOf } from "../freshness/freshness.ts";
import { type StoredResponse, validatorsOf } from "../memory-tier/stored-response.ts";
import type { EdgeCounts } from "../stats.ts";
import { readSlices } from "./slice-reader.ts";
import { type Asked, leaveSlice, type Slice, type SlicedObject, type Slices } from "./slices.ts";
import { selectPart } from "./stored-part.ts";

/** Options of {@link RangeAnswers}. */
export interface RangeAnswersOptions {
  readonly slices: Slices;
  readonly flights: Flights;
  readonly answers: Answers;
  readonly clock: () => number;
  readonly counts: EdgeCounts;
}

/**
 * An answer; a flight whose answer it is; `pass`, where the request has to go on alone; `retry`, where it has to start over. Undefined: a
 * flight for the whole object answers it.
 */
export type RangeOutcome = RawResponse | Boarded | "pass" | "retry" | undefined;

export class RangeAnswers {
  readonly #options: RangeAnswersOptions;

  constructor(options: RangeAnswersOptions) {
    this.#options = options;
  }

  /** What there is to do about a request before its object is asked for as a whole. */
  async before(asked: Asked): Promise<RangeOutcome> {
    const { slices, flights, clock, answers } = this.#options;
    const { request, fullKey, key } = asked;
    const { headers, method } = request;
    for (const suffix of [OBJECT, PART]) {
      const warming = flights.warm(fullKey + suffix);
      if (warming !== undefined) await warming;
    }
    const object = slices.objectOf(fullKey);
    const isFresh = object !== undefined && slices.isFresh(object);
    if (isFresh && isNotModified(headers, object.entry.validators)) {
      return answers.fresh(request, object.entry, clock());
    }
    if (method === "HEAD" && isFresh) return answers.fresh(request, object.entry, clock());
    if (method !== "GET" || flights.isUnderWay(fullKey)) return undefined;
    if (headers.range === undefined) return isFresh ? await this.#wholeFromSlices(asked, object) : undefined;
    const range = parseRange(headers.range);
    if (range.kind === "whole" || range.kind === "invalid") return undefined;
    const part = this.#fromPart(asked, range);
    if (part !== undefined) return part;
    if (object !== undefined) return await this.fromSlices(asked);
    if (flights.isPassed(fullKey)) return undefined;
    // Where the object is short, all of it is worth having; where the range begins far within, it is not short.
    if (range.kind === "from") return range.start < slices.sliceBytes ? undefined : await this.fromSlices(asked);
    // How long it is, only the upstream knows, and only it can tell what `If-Range` and the others come to.
    if (headers["if-range"] !== undefined || !isPlain({ headers: { ...headers, range: undefined } })) return undefined;
    const asIs = { suffix: `${SLICE}-${range.length}`, storedAs: PART, range: `bytes=-${range.length}` };
    return flights.board(request, key, fullKey, undefined, { part: asIs });
  }

  /** All of an object of which most slices are here: the others are asked for, each when its turn comes. Undefined: it is better asked for whole. */
  async #wholeFromSlices(asked: Asked, object: SlicedObject): Promise<RangeOutcome> {
    const { slices } = this.#options;
    if (!slices.holdsMost(asked.fullKey, object)) return undefined;
    const slice = await slices.slice(asked, 0, object);
    if (typeof slice === "string" || "instead" in slice || !slice.object.isSameAs(object)) {
      leaveSlice(slice);
      return undefined;
    }
    return this.#answer(asked, slice, undefined);
  }

  /** Answers a range by slices. */
  async fromSlices(asked: Asked): Promise<RangeOutcome> {
    const { slices } = this.#options;
    const { request, fullKey } = asked;
    const range = parseRange(request.headers.range);
    const known = slices.objectOf(fullKey);
    const index = this.#firstSlice(range, known);
    if (index === undefined) return known === undefined || !slices.isFresh(known) ? "pass" : this.#beyond(asked, known);
    const slice = await this.#firstOf(asked, index, known);
    if (typeof slice === "string") return slice;
    if ("instead" in slice) return slice.instead;
    const { object } = slice;
    const extent = resolveRange(range, object.total);
    const { validators } = object.entry;
    if (extent === null || isNotModified(request.headers, validators)) {
      leaveSlice(slice);
      return extent === null ? this.#beyond(asked, object) : this.#notModified(asked, object);
    }
    if (!ifRangeHolds(request.headers, validators)) {
      leaveSlice(slice);
      return undefined;
    }
    // A suffix of an object whose length has changed.
    if (Math.floor(extent.start / slices.sliceBytes) !== index) {
      leaveSlice(slice);
      return "retry";
    }
    return this.#answer(asked, slice, extent);
  }

  /** Whether a flight with all of an object should be left, because a range of it was asked for and it is long. */
  prefersSlices(request: RawRequest, { flight, collapsed }: Boarded, head: FillHead): boolean {
    const { range } = request.headers;
    if (request.method !== "GET" || range === undefined || flight.part !== undefined) return false;
    // Others want all of it, and it will be stored: then it costs nothing more.
    if (collapsed && flight.fill.willBeStored) return false;
    const { kind } = parseRange(range);
    if (kind !== "from" && kind !== "suffix") return false;
    return this.#options.slices.suits(head) && ifRangeHolds(request.headers, validatorsOf(head.headers));
  }

  #fromPart({ request, fullKey }: Asked, range: RangeRequest): RawResponse | undefined {
    const { flights, clock, answers } = this.#options;
    const part = flights.find(fullKey + PART);
    if (part === undefined || ttlOf(part.freshness, clock()) <= 0 || flights.isSoft(part)) return undefined;
    if (isNotModified(request.headers, part.validators) || !ifRangeHolds(request.headers, part.validators))
      return undefined;
    const selected = selectPart(part, range);
    return selected && answers.storedPart(request, part, selected);
  }

  #firstSlice(range: RangeRequest, known: SlicedObject | undefined): number | undefined {
    const { sliceBytes } = this.#options.slices;
    if (known === undefined) return range.kind === "from" ? Math.floor(range.start / sliceBytes) : undefined;
    const extent = resolveRange(range, known.total);
    if (extent === null) return undefined;
    return Math.floor(extent.start / sliceBytes);
  }

  /** The first slice. Where the upstream fails, a stale one where that is allowed. */
  async #firstOf(asked: Asked, index: number, known: SlicedObject | undefined) {
    const { slices, flights, clock } = this.#options;
    const stored = flights.find(`${asked.fullKey}${SLICE}${index}`);
    const isSame = known !== undefined && stored !== undefined && known.holds(stored);
    try {
      const slice = await slices.slice(asked, index, known);
      if (!isSame || typeof slice === "string" || !("instead" in slice)) return slice;
      if ((slice.instead.flight.fill.arrived?.status ?? 0) < 500 || !mayStandIn(known.entry, clock())) return slice;
      if (!this.#holdStill(asked, index, known, stored)) return slice;
      leaveSlice(slice);
    } catch (error) {
      const { staleIfDisconnected = 0 } = known?.entry.freshness ?? {};
      if (!isSame || -ttlOf(known.entry.freshness, clock()) >= staleIfDisconnected) throw error;
      if (!this.#holdStill(asked, index, known, stored)) throw error;
    }
    return { object: known, stored, boarded: undefined, isStale: true };
  }

  /** Not so where one of them was purged while the upstream was asked. */
  #holdStill({ fullKey }: Asked, index: number, { entry }: SlicedObject, stored: StoredResponse): boolean {
    const { flights } = this.#options;
    if (!flights.isTrusted() || flights.judged(fullKey + OBJECT, entry) === undefined) return false;
    return flights.judged(`${fullKey}${SLICE}${index}`, stored) !== undefined;
  }

  /** @param part - bytes asked for; undefined: all, by a 200. */
  #answer(
    asked: Asked,
    slice: Slice & { isStale?: boolean },
    part: { start: number; end: number } | undefined,
  ): RawResponse {
    const { slices, answers, counts } = this.#options;
    const { request } = asked;
    const counters = counts.of(request);
    const { object, stored, boarded } = slice;
    const extent = part ?? { start: 0, end: object.total };
    const offset = Math.floor(extent.start / slices.sliceBytes) * slices.sliceBytes;
    const isOne = extent.end <= offset + slices.sliceBytes;
    const onBytes = (bytes: number): void => {
      counters.bytesToClients += bytes;
    };
    const bytes = isOne ? stored?.body.subarray(extent.start - offset, extent.end - offset) : undefined;
    if (bytes !== undefined) onBytes(bytes.byteLength);
    const release = bytes === undefined ? undefined : stored?.use();
    return {
      ...(release !== undefined && { release }),
      ...answers.ofObject(request, object.entry, part && { ...part, total: object.total }, {
        boarded,
        stale: slice.isStale === true,
      }),
      body: bytes ?? readSlices({ slices, asked, first: slice, ...extent, onBytes }),
    };
  }

  #beyond({ request }: Asked, { entry, total }: SlicedObject): RawResponse {
    return this.#options.answers.bodyless(request, entry, unsatisfiable(entry.headers, total, true));
  }

  #notModified({ request }: Asked, { entry }: SlicedObject): RawResponse {
    return this.#options.answers.fresh(request, entry, this.#options.clock());
  }
}
