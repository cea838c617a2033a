/**
 * What players say, as OpenTelemetry metrics `ami.edge.cmcd.*`.
 *
 * Attributes have only values that are listed here: what a player sends, or calls its content and its sessions, never becomes one.
 */

import { metrics, type ObservableResult } from "@opentelemetry/api";
import type { Cmcd } from "./cmcd.ts";

/** Sessions that are counted at most; with more, the gauge stands still. */
const MAX_SESSIONS = 131_072;
/** Milliseconds after its last report that a session counts, up to twice that. */
const SESSION_FOR = 30_000;

/** How a report came. */
export type CmcdMode =
  /** With a request for an object. */
  | "request"
  /** In a report of its own (version 2). */
  | "event";

/** Why what a player sent was not read. */
export type UnreadReason =
  /** No structured field, too long, or of a version that is not known. */
  | "malformed"
  /** More of them than are read in a second. */
  | "sampled";

/** Feeds the metrics. */
export interface CmcdMetrics {
  record(report: Cmcd, mode: CmcdMode): void;
  unread(reason: UnreadReason): void;
  /** Sessions heard of lately. */
  readonly sessions: number;
  /** Ends the gauge. */
  close(): void;
}

const SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 60];
const KILOBITS = [250, 500, 1_000, 2_000, 3_000, 5_000, 8_000, 12_000, 20_000, 40_000, 80_000, 160_000];

/**
 * Makes the instruments.
 *
 * @param name - of the edge: attribute `ami.edge.name`.
 * @param clock - milliseconds, steady.
 */
export function observeCmcd(name: string, clock: () => number = () => performance.now()): CmcdMetrics {
  const meter = metrics.getMeter("@ami-streams/cdn");
  const counter = (what: string, description: string) => meter.createCounter(`ami.edge.cmcd.${what}`, { description });
  const histogram = (what: string, unit: string, boundaries: number[], description: string) =>
    meter.createHistogram(`ami.edge.cmcd.${what}`, {
      unit,
      description,
      advice: { explicitBucketBoundaries: boundaries },
    });
  const reports = counter("reports", "Sets of CMCD that were read");
  const unread = counter("unread", "Sets of CMCD that were not read, by reason");
  const starvations = counter("starvations", "Reports of a buffer that ran empty since the last one");
  const rebuffers = counter("rebuffers", "Players that began to rebuffer");
  const errors = counter("errors", "Errors that players reported; fatal ones apart");
  const urgent = counter("urgent", "Requests of players that start, seek or recover");
  const throughput = histogram("throughput", "kbit/s", KILOBITS, "Throughput as players measure it");
  const bitrate = histogram("bitrate", "kbit/s", KILOBITS, "Bit rate of what players ask for");
  const buffer = histogram("buffer", "s", SECONDS, "Buffer of players when they ask");
  const latency = histogram("latency", "s", SECONDS, "Distance to the live edge");
  const startup = histogram("startup", "s", SECONDS, "From the wish to play to the first picture");
  const stall = histogram("rebuffer.duration", "s", SECONDS, "Time that a player stood still");
  const firstByte = histogram("ttfb", "s", SECONDS, "From a player's request to the first byte of the answer");
  const gauge = meter.createObservableGauge("ami.edge.cmcd.sessions", { description: "Sessions heard of lately" });

  const edge = { "ami.edge.name": name };
  const sessions = new RecentSessions(clock);
  const observe = (result: ObservableResult): void => result.observe(sessions.count, edge);
  gauge.addCallback(observe);

  return {
    record(report, mode) {
      const stream = { ...edge, "cmcd.sf": report.sf ?? "unknown", "cmcd.st": report.st ?? "unknown" };
      const moded = { ...stream, "cmcd.mode": mode };
      reports.add(1, { ...moded, "cmcd.v": report.v });
      if (report.sid !== undefined) sessions.note(report.sid);
      if (report.bs === true) starvations.add(1, moded);
      // A request says the state again and again, an event when it changes.
      if (mode === "event" && report.e === "ps" && report.sta === "r") rebuffers.add(1, stream);
      if (mode === "event" ? report.e === "e" : report.ec !== undefined) {
        errors.add(1, { ...moded, "cmcd.fatal": report.sta === "f" });
      }
      if (report.su === true && mode === "request") urgent.add(1, stream);
      const typed = { ...stream, "cmcd.ot": report.ot ?? "unknown" };
      if (report.mtp !== undefined) throughput.record(report.mtp, stream);
      if (report.br !== undefined && mode === "request") bitrate.record(report.br, typed);
      if (report.bl !== undefined) buffer.record(report.bl / 1000, typed);
      if (report.ltc !== undefined) latency.record(report.ltc / 1000, stream);
      if (report.msd !== undefined) startup.record(report.msd / 1000, moded);
      if (report.bsd !== undefined) stall.record(report.bsd / 1000, moded);
      if (report.ttfb !== undefined) firstByte.record(report.ttfb / 1000, typed);
    },
    unread(reason) {
      unread.add(1, { ...edge, "cmcd.reason": reason });
    },
    get sessions() {
      return sessions.count;
    },
    close() {
      gauge.removeCallback(observe);
    },
  };
}

/** Two sets of names, of which the older is thrown away now and then: no timer, and bounded. */
class RecentSessions {
  readonly #clock: () => number;
  #young = new Set<string>();
  #old = new Set<string>();
  #turnedAt: number;

  constructor(clock: () => number) {
    this.#clock = clock;
    this.#turnedAt = clock();
  }

  get count(): number {
    this.#turn();
    let count = this.#young.size;
    for (const each of this.#old) if (!this.#young.has(each)) count += 1;
    return count;
  }

  note(sid: string): void {
    this.#turn();
    if (this.#young.size < MAX_SESSIONS) this.#young.add(sid);
  }

  #turn(): void {
    const since = this.#clock() - this.#turnedAt;
    if (since < SESSION_FOR) return;
    this.#old = since < 2 * SESSION_FOR ? this.#young : new Set();
    this.#young = new Set();
    this.#turnedAt = this.#clock();
  }
}
