/** When a failed process is started again, and when not any more. No I/O: time comes as an argument. */

/** How a failed encoder process is restarted. */
export interface RestartPolicy {
  /** Milliseconds before the first restart; doubles with each failure in a row. Default 250. */
  readonly initialDelay: number;
  /** Milliseconds at most between restarts. Default 8000. */
  readonly maxDelay: number;
  /** Failures in a row after which the encoder is given up. Default 6: with the delays above, about 16 s. */
  readonly maxFailures: number;
  /** Milliseconds of output after which earlier failures are forgotten. Default 30000. */
  readonly healthyAfter: number;
}

/** Used where options leave something out. */
export const DEFAULT_RESTART_POLICY: RestartPolicy = {
  initialDelay: 250,
  maxDelay: 8000,
  maxFailures: 6,
  healthyAfter: 30_000,
};

/** Counts failures in a row. */
export class Backoff {
  readonly #policy: RestartPolicy;
  #failures = 0;
  #healthySince: number | undefined;

  constructor(policy: RestartPolicy) {
    this.#policy = policy;
  }

  /** The process gave something, at `now` milliseconds. */
  succeeded(now: number): void {
    this.#healthySince ??= now;
  }

  /** The process failed, at `now`. Returns milliseconds to wait before the next start, or null to give up. */
  failed(now: number): number | null {
    if (this.#healthySince !== undefined && now - this.#healthySince >= this.#policy.healthyAfter) this.#failures = 0;
    this.#healthySince = undefined;
    this.#failures += 1;
    if (this.#failures >= this.#policy.maxFailures) return null;
    return Math.min(this.#policy.initialDelay * 2 ** (this.#failures - 1), this.#policy.maxDelay);
  }

  /** Failures in a row so far. */
  get failures(): number {
    return this.#failures;
  }
}
