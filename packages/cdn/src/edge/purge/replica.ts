/** A process that follows another one's purges, see `replicas.ts`: what its look-ups ask. */

import { START } from "./network/position.ts";
import { Seen } from "./network/seen.ts";
import { isReached, positionsIn } from "./network/vector.ts";
import type { PurgeJudge } from "./purge-judge.ts";
import { type Judged, PurgeLog, type Verdict } from "./purge-log.ts";
import { machineTime, type ReplicaNews, type ReplicaStart } from "./replicas.ts";

/** Judges as the process does that it follows, as far as it has been told. */
export class PurgeReplica implements PurgeJudge {
  readonly #log: PurgeLog;
  readonly #clock: () => number;
  readonly #reached: Reached;
  readonly #seen: Seen;
  #trustedUntil: number;

  /** @param clock - milliseconds, steady: what {@link trustedUntil} is compared with. */
  constructor({ log, vector, trustedUntil, secrets }: ReplicaStart, clock: () => number) {
    this.#log = new PurgeLog({}, log);
    this.#clock = clock;
    this.#reached = new Reached(vector);
    this.#seen = new Seen(this.#reached, secrets);
    this.#trustedUntil = this.#here(trustedUntil);
  }

  get generation(): number {
    return this.#log.generation;
  }

  get trustedUntil(): number {
    return this.#trustedUntil;
  }

  get seen(): string | undefined {
    return this.#seen.value;
  }

  covers(seen: string | undefined): boolean {
    return this.#seen.covers(seen);
  }

  judge(judged: Judged): Verdict {
    return this.#log.judge(judged);
  }

  /** Heeds what it is told, at once. */
  hear({ reset, purges, vector, trustedUntil }: ReplicaNews): void {
    if (reset) this.#log.purge({ all: true });
    for (const purge of purges) this.#log.purge(purge);
    this.#reached.vector = vector;
    this.#trustedUntil = Math.max(this.#trustedUntil, this.#here(trustedUntil));
  }

  #here(time: number): number {
    return this.#clock() + time - machineTime();
  }
}

/** How far it has been told. */
class Reached {
  vector: string;

  constructor(vector: string) {
    this.vector = vector;
  }

  covers(vector: string): boolean {
    const positions = positionsIn(this.vector);
    return isReached(vector, (source) => positions.get(source) ?? START);
  }
}
