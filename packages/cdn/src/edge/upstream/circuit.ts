/**
 * Whether an upstream is asked at all, by how it answered lately. No I/O, and no clock of its own.
 *
 * ```
 *            too many failures                    openFor passed
 *   closed ───────────────────► open ──────────────────────────► half-open
 *     ▲                          ▲   the trial failed: twice as long  │ │
 *     │                          └────────────────────────────────────┘ │
 *     └──────────────────────────── the trial succeeded ────────────────┘
 * ```
 */

import { CdnError } from "../../errors.ts";
import { SlidingCounts } from "./sliding-counts.ts";

export type CircuitState = "closed" | "open" | "half-open";

/** When a circuit opens, and for how long. */
export interface CircuitOptions {
  /** Milliseconds that a failure counts. Default 10,000. */
  readonly window: number;
  /** Failures within the window that open it, at least. Default 5. */
  readonly failures: number;
  /** Share of the requests that these are, at least. Default 0.5. */
  readonly share: number;
  /** Milliseconds until the first trial. Twice as long after each that failed. Default 1,000. */
  readonly openFor: number;
  /** At most so long. Default 10,000. */
  readonly maxOpenFor: number;
}

/** Five failures in ten seconds that are half of all requests; a trial after one second, and then after at most ten. */
export const DEFAULT_CIRCUIT: CircuitOptions = {
  window: 10_000,
  failures: 5,
  share: 0.5,
  openFor: 1_000,
  maxOpenFor: 10_000,
};

/** What came of a request: nothing, where it was given up before anybody could tell; fatal, where one such failure tells enough. */
export type CircuitOutcome = "success" | "failure" | "fatal" | "nothing";

const REQUESTS = 0;
const FAILURES = 1;

/**
 * One upstream's circuit. Who asks gets a permit first and hands it back with what came of it. Outcomes of requests from before the circuit
 * last changed are ignored: they say how things were.
 */
export class Circuit {
  readonly #options: CircuitOptions;
  readonly #counts: SlidingCounts;
  /** Counts changes; a permit is the value at its time. */
  #epoch = 0;
  #openedAt: number | undefined;
  #openFor: number;
  /** When the trial went out. */
  #trialAt: number | undefined;

  /** @throws {CdnError} `INVALID_OPTION`. */
  constructor(options: Partial<CircuitOptions> = {}) {
    this.#options = { ...DEFAULT_CIRCUIT, ...options };
    for (const [name, value] of Object.entries(this.#options)) {
      if (!(value > 0)) throw new CdnError("INVALID_OPTION", `circuit.${name} is ${value}: give a number above zero`);
    }
    this.#counts = new SlidingCounts(this.#options.window, 2);
    this.#openFor = this.#options.openFor;
  }

  state(now: number): CircuitState {
    if (this.#openedAt === undefined) return "closed";
    return now - this.#openedAt < this.#openFor ? "open" : "half-open";
  }

  /** Whether {@link admit} would give a permit. */
  admits(now: number): boolean {
    const state = this.state(now);
    if (state !== "half-open") return state === "closed";
    // A trial that hangs does not keep the next one away for longer than a failed one would.
    return this.#trialAt === undefined || now - this.#trialAt >= this.#openFor;
  }

  /** A permit to ask once; undefined where the upstream is not to be asked. Half-open, that is one trial. */
  admit(now: number): number | undefined {
    if (!this.admits(now)) return undefined;
    if (this.#openedAt !== undefined) this.#trialAt = now;
    return this.#epoch;
  }

  /** Says what came of a request. A failure may be told after a success: of its body. */
  record(permit: number, outcome: CircuitOutcome, now: number): void {
    if (permit !== this.#epoch) return;
    if (this.#openedAt !== undefined) {
      this.#endTrial(outcome, now);
      return;
    }
    if (outcome === "nothing") return;
    this.#counts.add(REQUESTS, now);
    if (outcome === "success") return;
    this.#counts.add(FAILURES, now);
    const failures = this.#counts.sum(FAILURES, now);
    const { share, openFor } = this.#options;
    const areMany = failures >= this.#options.failures && failures >= share * this.#counts.sum(REQUESTS, now);
    if (!areMany && outcome !== "fatal") return;
    this.#openFor = openFor;
    this.#open(now);
  }

  /** Closes it, on evidence from elsewhere. */
  close(): void {
    this.#openedAt = undefined;
    this.#trialAt = undefined;
    this.#epoch += 1;
    this.#counts.clear();
  }

  #endTrial(outcome: CircuitOutcome, now: number): void {
    this.#trialAt = undefined;
    if (outcome === "success") this.close();
    if (outcome === "failure" || outcome === "fatal") {
      this.#openFor = Math.min(this.#options.maxOpenFor, this.#openFor * 2);
      this.#open(now);
    }
  }

  #open(now: number): void {
    this.#openedAt = now;
    this.#trialAt = undefined;
    this.#epoch += 1;
  }
}
