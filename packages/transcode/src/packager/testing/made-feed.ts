/** For tests: sources and a clock that move only when told to. */

import type { Packet, ReadOptions, Track } from "@ami-streams/media";
import type { WallClock } from "../../clock.ts";
import type { PackagerSource } from "../packager.ts";

/** A source that gives what is pushed, until it ends or the reader leaves. One reader. */
export class MadeFeed implements PackagerSource {
  readonly name: string;
  readonly tracks: readonly Track[];
  #queue: Packet[] = [];
  #ended = false;
  #failure: Error | undefined;
  #wake: () => void = () => {};
  #taken: () => void = () => {};

  constructor(name: string, tracks: readonly Track[]) {
    this.name = name;
    this.tracks = tracks;
  }

  /** Resolves once the reader has taken everything. */
  push(packets: readonly Packet[]): Promise<void> {
    this.#queue.push(...packets);
    return new Promise((resolve) => {
      this.#taken = resolve;
      this.#wake();
    });
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  fail(error: Error): void {
    this.#failure = error;
    this.#wake();
  }

  async *packets({ signal }: ReadOptions = {}): AsyncIterable<Packet> {
    const leave = (): void => this.#wake();
    signal?.addEventListener("abort", leave);
    try {
      while (signal?.aborted !== true) {
        const packet = this.#queue.shift();
        if (packet !== undefined) {
          yield packet;
          continue;
        }
        this.#taken();
        if (this.#failure !== undefined) throw this.#failure;
        if (this.#ended) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      signal?.removeEventListener("abort", leave);
    }
  }
}

/** Stands still until advanced. */
export class MadeClock implements WallClock {
  #now: number;
  readonly #timers = new Set<{ readonly at: number; readonly callback: () => void }>();

  constructor(now: number) {
    this.#now = now;
  }

  get timers(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, callback: () => void): () => void {
    const timer = { at: this.#now + milliseconds, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  advance(milliseconds: number): void {
    this.#now += milliseconds;
    for (const timer of [...this.#timers].sort((a, b) => a.at - b.at)) {
      if (timer.at > this.#now) continue;
      this.#timers.delete(timer);
      timer.callback();
    }
  }
}
