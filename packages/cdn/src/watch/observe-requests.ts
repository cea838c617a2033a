/** Counts requests by what became of them, for OpenTelemetry. */

import { type Histogram, metrics, type ObservableResult } from "@opentelemetry/api";
import { CdnError } from "../errors.ts";
import { createGuard } from "../guard/guard.ts";
import type { CacheOutcome } from "../handler/answer-facts.ts";
import type { FetchHandler } from "../handler/fetch-handler.ts";
import type { RawFetchHandler, RawRequest, RawResponse } from "../handler/raw.ts";
import { above0, callable, checkOptions, flag, text } from "../options/check-options.ts";
import { bytesAtOnce, failedAnswer, withCountedBody } from "./answer-end.ts";
import { BoundedNames, DEFAULT_MAX_RENDITIONS, DEFAULT_SEGMENTS, foldersOf } from "./rendition.ts";

/** Seconds: from a refusal to the longest blocking reload. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** Upstreams that are told apart; others count for `other`. */
export const MAX_COUNTED_UPSTREAMS = 64;
const NO_OUTCOME = "none";

/** Options of {@link observeRequests}. */
export interface ObserveRequestsOptions {
  /** Names who counts, in the attribute `ami.edge.name`. Default `ami-edge`. */
  readonly name?: string;
  /** What a request counts for: its rendition, by its target. Default: the first three folders of its path. */
  readonly rendition?: (target: string) => string;
  /**
   * Different renditions that are counted; the others, and those that never were answered well, count for `other`. The SDK forgets none
   * of its series, so neither does this. Default 100.
   */
  readonly maxRenditions?: number;
  /**
   * Whether answers that are there at once, in one piece, are in the histogram of durations. They take microseconds, and measuring that
   * costs a quarter of one. Default false: the histogram has those that somebody waited for.
   */
  readonly timeHits?: boolean;
  /** Milliseconds, steady. Default `performance.now`. */
  readonly clock?: () => number;
}

/** What was counted since the beginning. */
export interface RequestCounts {
  readonly requests: number;
  /** Of bodies, handed to clients' connections. */
  readonly bytes: number;
  /** Requests by outcome; `none` where nobody said. */
  readonly byOutcome: Readonly<Record<string, number>>;
  /** Requests by status class: `2xx`. */
  readonly byStatus: Readonly<Record<string, number>>;
  /** Answers whose body has not ended, and requests without an answer yet. */
  readonly inFlight: number;
}

/** A handler that counts. */
export interface ObservedHandler extends RawFetchHandler {
  /** Made when asked for. */
  counts(): RequestCounts;
  /**
   * Counts otherwise from now on. What was counted stays, for the renditions that it was counted for.
   *
   * @throws {CdnError} `INVALID_OPTION`.
   */
  update(options: Pick<ObserveRequestsOptions, "rendition" | "maxRenditions" | "timeHits">): void;
  /** Takes its metrics off OpenTelemetry. Idempotent. */
  close(): void;
}

/** Requests that are alike in everything by which they are counted. */
interface Cell {
  requests: number;
  bytes: number;
  readonly outcome: string;
  readonly status: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** Cells of one rendition, by outcome and status class; those with an upstream by its name besides. */
interface RenditionCells {
  readonly name: string;
  readonly plain: (Cell | undefined)[];
  readonly byUpstream: Map<string, (Cell | undefined)[]>;
}

const OUTCOME_INDEX: Readonly<Record<CacheOutcome, number>> = {
  hit: 0,
  stale: 1,
  revalidated: 2,
  collapsed: 3,
  miss: 4,
  bypass: 5,
  refused: 6,
  error: 7,
};
/** Status classes 1xx to 5xx, and 0 for what is none. */
const CLASSES = 6;

/**
 * The handler, counted as `ami.http.requests`, `ami.http.response.body` (bytes) and `ami.http.request.duration` (seconds until the last byte
 * was handed over), with the attributes `ami.edge.outcome`, `http.response.status_class`, `ami.edge.rendition` and `ami.edge.upstream.name`; the
 * histogram with the outcome alone. Counting is a look-up and two sums; the SDK reads when it collects.
 */
export function observeRequests(handler: FetchHandler, options: ObserveRequestsOptions = {}): ObservedHandler {
  checkOptions("observeRequests", options, {
    name: text,
    rendition: callable,
    maxRenditions: above0("renditions"),
    timeHits: flag,
    clock: callable,
  });
  const { name = "ami-edge", clock = () => performance.now() } = options;
  const watcher = new RequestWatcher({ name, clock, ...countingOf(options) });
  const observed = createGuard((next) => (request) => watcher.watch(request, next))(handler);
  const stop = watcher.show();
  return Object.assign(observed, {
    counts: () => watcher.counts(),
    update: (next: Partial<Counting>) => watcher.update(countingOf(next)),
    close: stop,
  });
}

/** What may change while it counts. */
type Counting = Required<Pick<ObserveRequestsOptions, "rendition" | "maxRenditions" | "timeHits">>;

function countingOf(options: Partial<Counting>): Counting {
  const { maxRenditions = DEFAULT_MAX_RENDITIONS, timeHits = false } = options;
  if (!(maxRenditions >= 1)) throw new CdnError("INVALID_OPTION", `maxRenditions is ${maxRenditions}: give at least 1`);
  return { maxRenditions, timeHits, rendition: options.rendition ?? foldersOf(DEFAULT_SEGMENTS) };
}

class RequestWatcher {
  #options: Required<ObserveRequestsOptions>;
  readonly #renditions: BoundedNames<RenditionCells>;
  readonly #cells: Cell[] = [];
  readonly #durations: Histogram;
  readonly #durationAttributes = new Map<string, Readonly<Record<string, string>>>();
  readonly #upstreams = new Set<string>();
  #inFlight = 0;

  constructor(options: Required<ObserveRequestsOptions>) {
    this.#options = options;
    this.#renditions = new BoundedNames(options.maxRenditions, (name) => ({ name, plain: [], byUpstream: new Map() }));
    this.#durations = metrics.getMeter("@ami-streams/cdn").createHistogram("ami.http.request.duration", {
      unit: "s",
      description: "Time until the last byte of an answer was handed over",
      advice: { explicitBucketBoundaries: BUCKETS },
    });
  }

  update(counting: Counting): void {
    this.#options = { ...this.#options, ...counting };
    this.#renditions.most = counting.maxRenditions;
  }

  watch(request: RawRequest, next: (request: RawRequest) => RawResponse | Promise<RawResponse>) {
    const { timeHits, clock } = this.#options;
    // Looking at the clock costs as much as all of the counting. Who answers at once has taken no time.
    const before = timeHits ? clock() : undefined;
    let answer: RawResponse | Promise<RawResponse>;
    try {
      answer = next(request);
    } catch (error) {
      this.#answered(request, failedAnswer(request, error), before);
      throw error;
    }
    if (!(answer instanceof Promise)) return this.#answered(request, answer, before);
    const started = before ?? clock();
    this.#inFlight += 1;
    return answer.then(
      (later) => {
        this.#inFlight -= 1;
        return this.#answered(request, later, started);
      },
      (error: unknown) => {
        this.#inFlight -= 1;
        this.#answered(request, failedAnswer(request, error), started);
        throw error;
      },
    );
  }

  /** @param started - undefined where nobody waited. */
  #answered(request: RawRequest, answer: RawResponse, started: number | undefined): RawResponse {
    const cell = this.#cellOf(request.target, answer);
    cell.requests += 1;
    const bytes = bytesAtOnce(answer, request.method);
    if (bytes !== undefined) {
      cell.bytes += bytes;
      if (started !== undefined) this.#timed(cell, started);
      return answer;
    }
    const since = started ?? this.#options.clock();
    this.#inFlight += 1;
    return withCountedBody(answer, (sent) => {
      this.#inFlight -= 1;
      cell.bytes += sent;
      this.#timed(cell, since);
    });
  }

  #timed(cell: Cell, started: number): void {
    let attributes = this.#durationAttributes.get(cell.outcome);
    if (attributes === undefined) {
      attributes = { "ami.edge.name": this.#options.name, "ami.edge.outcome": cell.outcome };
      this.#durationAttributes.set(cell.outcome, attributes);
    }
    this.#durations.record((this.#options.clock() - started) / 1000, attributes);
  }

  #cellOf(target: string, { status, about }: RawResponse): Cell {
    const statusClass = status >= 100 && status < 600 ? Math.floor(status / 100) : 0;
    const isWell = statusClass === 2 || statusClass === 3;
    const cells = this.#renditions.of(this.#options.rendition(target), isWell);
    const row = about?.upstream === undefined ? cells.plain : this.#rowOf(cells, about.upstream);
    const index = (about === undefined ? 8 : OUTCOME_INDEX[about.outcome]) * CLASSES + statusClass;
    return row[index] ?? this.#makeCell(row, index, cells.name, statusClass, answerFacts(about));
  }

  #rowOf({ byUpstream }: RenditionCells, upstream: string): (Cell | undefined)[] {
    let name = upstream;
    if (!this.#upstreams.has(name)) {
      if (this.#upstreams.size >= MAX_COUNTED_UPSTREAMS) name = "other";
      else this.#upstreams.add(name);
    }
    let row = byUpstream.get(name);
    if (row === undefined) {
      row = [];
      byUpstream.set(name, row);
    }
    return row;
  }

  #makeCell(
    row: (Cell | undefined)[],
    index: number,
    rendition: string,
    statusClass: number,
    { outcome, upstream }: { outcome: string; upstream: string | undefined },
  ): Cell {
    const status = statusClass === 0 ? "other" : `${statusClass}xx`;
    const cell: Cell = {
      requests: 0,
      bytes: 0,
      outcome,
      status,
      attributes: {
        "ami.edge.name": this.#options.name,
        "ami.edge.outcome": outcome,
        "http.response.status_class": status,
        "ami.edge.rendition": rendition,
        ...(upstream !== undefined && {
          "ami.edge.upstream.name": this.#upstreams.has(upstream) ? upstream : "other",
        }),
      },
    };
    row[index] = cell;
    this.#cells.push(cell);
    return cell;
  }

  counts(): RequestCounts {
    const byOutcome: Record<string, number> = {};
    const byStatus: Record<string, number> = {};
    let requests = 0;
    let bytes = 0;
    for (const cell of this.#cells) {
      requests += cell.requests;
      bytes += cell.bytes;
      byOutcome[cell.outcome] = (byOutcome[cell.outcome] ?? 0) + cell.requests;
      byStatus[cell.status] = (byStatus[cell.status] ?? 0) + cell.requests;
    }
    return { requests, bytes, byOutcome, byStatus, inFlight: this.#inFlight };
  }

  /** Shows the counts whenever the SDK collects. @returns how to stop. */
  show(): () => void {
    const meter = metrics.getMeter("@ami-streams/cdn");
    const requests = meter.createObservableCounter("ami.http.requests", {
      description: "Requests by what became of them",
    });
    const bodies = meter.createObservableCounter("ami.http.response.body", {
      unit: "By",
      description: "Bytes of bodies handed to clients",
    });
    const inFlight = meter.createObservableGauge("ami.http.requests.in_flight", {
      description: "Requests without an answer yet, and answers whose body has not ended",
    });
    const each =
      (value: (cell: Cell) => number) =>
      (result: ObservableResult): void => {
        for (const cell of this.#cells) result.observe(value(cell), cell.attributes);
      };
    const watched: [typeof requests, (result: ObservableResult) => void][] = [
      [requests, each((cell) => cell.requests)],
      [bodies, each((cell) => cell.bytes)],
      [inFlight, (result) => result.observe(this.#inFlight, { "ami.edge.name": this.#options.name })],
    ];
    for (const [instrument, observe] of watched) instrument.addCallback(observe);
    return () => {
      for (const [instrument, observe] of watched) instrument.removeCallback(observe);
    };
  }
}

function answerFacts(about: RawResponse["about"]): { outcome: string; upstream: string | undefined } {
  return { outcome: about?.outcome ?? NO_OUTCOME, upstream: about?.upstream };
}
