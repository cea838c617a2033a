/** Asks upstreams every now and then whether they are well. The judgement is pure; the shell around it has the timers. */

import { CdnError } from "../../errors.ts";
import { letGo } from "../../handler/let-go.ts";
import type { Upstream } from "./upstream.ts";

/** How an upstream is checked. */
export interface HealthCheckOptions {
  /** Path and query to GET. */
  readonly path: string;
  /** Milliseconds from the end of one check to the next; a tenth more or less, so that edges do not ask all at once. Default 5,000. */
  readonly intervalMs?: number;
  /** Milliseconds until the head. Default 2,000. */
  readonly timeoutMs?: number;
  /** Good checks in a row that make it well again. Default 2. */
  readonly healthyAfter?: number;
  /** Bad checks in a row that make it ill. Default 3. */
  readonly unhealthyAfter?: number;
  /** Statuses that are good. Default: 200 to 399. */
  readonly expectStatus?: number | readonly number[];
}

/** The defaults of {@link HealthCheckOptions}. */
export const DEFAULT_HEALTH_CHECK = { intervalMs: 5_000, timeoutMs: 2_000, healthyAfter: 2, unhealthyAfter: 3 };

/** Well until proven otherwise, then ill until proven otherwise. No I/O. */
class HealthJudge {
  readonly #healthyAfter: number;
  readonly #unhealthyAfter: number;
  #healthy = true;
  #against = 0;

  constructor({ healthyAfter, unhealthyAfter }: Pick<typeof DEFAULT_HEALTH_CHECK, "healthyAfter" | "unhealthyAfter">) {
    this.#healthyAfter = healthyAfter;
    this.#unhealthyAfter = unhealthyAfter;
  }

  get healthy(): boolean {
    return this.#healthy;
  }

  /** Says what a check found. @returns whether that changed the judgement. */
  note(isGood: boolean): boolean {
    if (isGood === this.#healthy) {
      this.#against = 0;
      return false;
    }
    this.#against += 1;
    if (this.#against < (this.#healthy ? this.#unhealthyAfter : this.#healthyAfter)) return false;
    this.#healthy = !this.#healthy;
    this.#against = 0;
    return true;
  }
}

/**
 * Checks an upstream from now on.
 *
 * @param onChange - called when the judgement changes.
 * @param onGood - called after each good check.
 * @returns how to stop.
 * @throws {CdnError} `INVALID_OPTION`.
 */
export function checkHealth(
  upstream: Upstream,
  options: HealthCheckOptions,
  onChange: (healthy: boolean) => void,
  onGood: () => void = () => {},
): () => void {
  const { path, expectStatus } = options;
  const { intervalMs, timeoutMs, healthyAfter, unhealthyAfter } = { ...DEFAULT_HEALTH_CHECK, ...options };
  if (!path.startsWith("/")) throw new CdnError("INVALID_OPTION", `health.path ${path} does not start with a slash`);
  for (const [name, value] of Object.entries({ intervalMs, timeoutMs, healthyAfter, unhealthyAfter })) {
    if (!(value > 0)) throw new CdnError("INVALID_OPTION", `health.${name} is ${value}: give a number above zero`);
  }
  const judge = new HealthJudge({ healthyAfter, unhealthyAfter });
  const expected = expectStatus === undefined ? undefined : [expectStatus].flat();
  const isExpected = (status: number): boolean => expected?.includes(status) ?? (status >= 200 && status < 400);
  const stopped = new AbortController();
  let timer: NodeJS.Timeout | undefined;

  const check = async (): Promise<void> => {
    const isGood = await isWell();
    if (stopped.signal.aborted) return;
    if (isGood) onGood();
    if (judge.note(isGood)) onChange(judge.healthy);
    timer = setTimeout(check, intervalMs * (0.9 + Math.random() * 0.2));
    timer.unref();
  };
  const isWell = async (): Promise<boolean> => {
    const controller = new AbortController();
    const late = setTimeout(
      () => controller.abort(new CdnError("UPSTREAM_TIMEOUT", "the check took too long")),
      timeoutMs,
    );
    const signal = AbortSignal.any([controller.signal, stopped.signal]);
    // An upstream that does not heed the signal is not waited for either.
    const gaveUp = new Promise<never>((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    const sent = upstream.send({
      method: "GET",
      target: path,
      headers: ["cache-control", "no-cache"],
      body: null,
      signal,
    });
    sent.then(
      ({ body }) => letGo(body),
      () => {},
    );
    try {
      const { status } = await Promise.race([sent, gaveUp]);
      return isExpected(status);
    } catch {
      return false;
    } finally {
      clearTimeout(late);
    }
  };

  void check();
  return () => {
    clearTimeout(timer);
    stopped.abort(new CdnError("CLOSED", "the edge is closing"));
  };
}
