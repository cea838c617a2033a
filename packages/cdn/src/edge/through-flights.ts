/**
 * The way of what is not here, or not to be served unasked: a part or slices that are here, a flight that is under way or a new one, or the
 * request alone where it turns out that no other may have its answer.
 */

import type { RawRequest, RawResponse } from "../handler/raw.ts";
import { abortable } from "./abortable.ts";
import { bytesNeeded } from "./answer.ts";
import type { Answers } from "./answers.ts";
import type { ForwardReason } from "./cache-status/cache-status.ts";
import type { FillHead } from "./fill/fill.ts";
import type { Boarded, Flight, Flights } from "./fill/flights.ts";
import { mayStandIn } from "./fill/revalidation.ts";
import { ttlOf } from "./freshness/freshness.ts";
import type { NewestPlaylists } from "./live/newest-playlists.ts";
import type { StoredResponse } from "./memory-tier/stored-response.ts";
import type { RangeAnswers } from "./slices/range-answers.ts";
import { countAs, type EdgeCounts } from "./stats.ts";
import type { Passing } from "./upstream/passing.ts";

/** A request whose answers turn out to vary, or not to be shared, starts over this often before it goes alone. */
const MAX_ATTEMPTS = 3;

/** Options of {@link ThroughFlights}. */
export interface ThroughFlightsParts {
  readonly flights: Flights;
  readonly answers: Answers;
  readonly ranges: RangeAnswers;
  readonly passing: Passing;
  readonly newest: NewestPlaylists;
  readonly counts: EdgeCounts;
  readonly clock: () => number;
}

/** Answers by what an upstream says, together with all who want the same. */
export class ThroughFlights {
  readonly #parts: ThroughFlightsParts;

  constructor(parts: ThroughFlightsParts) {
    this.#parts = parts;
  }

  /**
   * Never rejects.
   *
   * @param reload - what is stored is fresh, but the upstream is to be asked.
   * @param detail - why it is, where that is not because the client wants it.
   */
  async answer(request: RawRequest, key: string, reload: boolean, detail?: string): Promise<RawResponse> {
    const why = reload && detail === undefined ? "request" : "stale";
    let forward: ForwardReason = why === "request" ? why : "uri-miss";
    let bypass = "not-shared";
    try {
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
        const fullKey = this.#parts.flights.vary.keyOf(key, request.headers);
        const stored = this.#parts.flights.find(fullKey);
        if (stored !== undefined && attempt > 0 && !reload && this.#isFresh(stored)) {
          return this.#parts.answers.fresh(request, stored, this.#parts.clock());
        }
        if (stored !== undefined) forward = why;
        else if (fullKey !== key) forward = "vary-miss";
        const asked = { request, key, fullKey };
        const partial =
          stored === undefined && this.#parts.flights.isTrusted() ? await this.#parts.ranges.before(asked) : undefined;
        if (partial === "retry") continue;
        if (partial === "pass") {
          bypass = "range";
          break;
        }
        if (partial !== undefined && "status" in partial) return partial;
        if (this.#parts.flights.isPassed(fullKey)) break;
        const boarded = partial ?? this.#parts.flights.board(request, key, fullKey, stored, { fresh: reload });
        if (boarded === undefined) {
          bypass = "head";
          break;
        }
        const answer = await this.#fromFlight(request, boarded, forward, stored === undefined ? undefined : detail);
        if (answer === "retry") continue;
        if (answer === "pass") break;
        if (answer === "slices") {
          const sliced = await this.#parts.ranges.fromSlices(asked);
          if (typeof sliced === "object" && "status" in sliced) return sliced;
          if (typeof sliced === "object") sliced.leave();
          bypass = "range";
          break;
        }
        if (answer.status === 200) this.#parts.newest.note(key, this.#parts.clock());
        return answer;
      }
    } catch (error) {
      return request.signal.aborted
        ? this.#parts.answers.left()
        : this.#parts.answers.fail(request, 502, error, forward);
    }
    return this.#parts.passing.pass(request, key, forward, bypass);
  }

  async #fromFlight(
    request: RawRequest,
    boarded: Boarded,
    forward: ForwardReason,
    detail: string | undefined,
  ): Promise<RawResponse | "retry" | "pass" | "slices"> {
    const { flight, leave, collapsed } = boarded;
    const { fill } = flight;
    let keep = false;
    try {
      let head: FillHead;
      try {
        head = await abortable(fill.head, request.signal);
      } catch (error) {
        if (request.signal.aborted) return this.#parts.answers.left();
        return this.#standIn(request, flight, true) ?? this.#parts.answers.fail(request, 502, error, forward);
      }
      if (head.status >= 500) {
        const stale = this.#standIn(request, flight, false);
        if (stale !== undefined) return stale;
      }
      const admitted = this.#parts.flights.admits(boarded, head, request);
      if (admitted !== "yes") return admitted;
      if (this.#parts.ranges.prefersSlices(request, boarded, head)) return "slices";
      if (request.headers.range !== undefined && head.status === 200 && !fill.willBeStored && !fill.body.ended)
        return "pass";
      const { sibling } = head;
      countAs(this.#parts.counts.of(request), collapsed ? "collapsed" : (sibling?.facts.outcome ?? "miss"));
      if (flight.refreshed !== undefined) {
        const how = { forward, forwardStatus: head.status, collapsed, sibling, detail } as const;
        return this.#parts.answers.revalidated(request, flight.refreshed.response, how);
      }
      if (head.status === 200) await abortable(fill.body.until(bytesNeeded(request)), request.signal);
      const answer = this.#parts.answers.growing(request, flight, head, { forward, collapsed, sibling, detail }, leave);
      keep = answer.body !== null && !(answer.body instanceof Uint8Array);
      return answer;
    } finally {
      if (!keep) leave();
    }
  }

  /** The stored response, where it may stand in for a failed upstream (RFC 5861 §4), or for one that is not there (RFC 9111 §4.2.4). */
  #standIn(request: RawRequest, { fill, stored: asked }: Flight, disconnected: boolean): RawResponse | undefined {
    // It may have been purged while the upstream was asked.
    const stored = this.#parts.flights.judged(fill.key, asked);
    if (stored === undefined || !this.#parts.flights.isTrusted()) return undefined;
    const now = this.#parts.clock();
    if (mayStandIn(stored, now)) return this.#parts.answers.stale(request, stored, now, "stale-if-error");
    const { freshness } = stored;
    if (!disconnected || -ttlOf(freshness, now) >= freshness.staleIfDisconnected) return undefined;
    return this.#parts.answers.stale(request, stored, now, "disconnected");
  }

  #isFresh(stored: StoredResponse): boolean {
    if (!this.#parts.flights.isTrusted()) return false;
    return ttlOf(stored.freshness, this.#parts.clock()) > 0 && !this.#parts.flights.isSoft(stored);
  }
}
