/** Tells a publisher that fell silent from an edge that hangs: the manifest answers, and does not change. */

import { probe } from "../source/probe.ts";
import type { Source } from "../source/source.ts";

/** Milliseconds between two looks. Longer than a part or a chunk of any stream lasts. */
const PAUSE = 1500;

/** Watches the manifest of a source while the player starves. */
export class Standstill {
  readonly #signal: AbortSignal;
  #fingerprint: string | null = null;
  #still = false;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #round = 0;

  /** @param signal - ends all looking. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Two looks in a row saw the same live manifest. */
  get still(): boolean {
    return this.#still;
  }

  /** Looks again if it is time to. */
  look(source: Source, now: number): void {
    if (now - this.#lookedAt < PAUSE) return;
    this.#lookedAt = now;
    const round = this.#round;
    probe(source, this.#signal).then(
      (answer) => {
        if (round !== this.#round) return;
        const fingerprint = answer.kind === "live" ? answer.fingerprint : null;
        this.#still = fingerprint !== null && fingerprint === this.#fingerprint;
        this.#fingerprint = fingerprint;
      },
      () => this.reset(),
    );
  }

  /** Media moves again, or another source is loaded. */
  reset(): void {
    this.#round += 1;
    this.#fingerprint = null;
    this.#still = false;
    this.#lookedAt = Number.NEGATIVE_INFINITY;
  }
}
