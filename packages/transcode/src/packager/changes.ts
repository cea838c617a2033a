/** Requests that wait until something is there. */

import type { WallClock } from "../clock.ts";

/** Wakes waiting requests whenever the window changed; each looks for itself whether what it waits for is there. */
export class Changes {
  readonly #clock: WallClock;
  readonly #waiting = new Set<() => void>();
  #closed = false;

  constructor(clock: WallClock) {
    this.#clock = clock;
  }

  /** Requests that wait now. */
  get size(): number {
    return this.#waiting.size;
  }

  notify(): void {
    for (const look of this.#waiting) look();
  }

  /** Ends all waiting, now and in future, with what there is. */
  close(): void {
    this.#closed = true;
    this.notify();
  }

  /**
   * Resolves as soon as `find` gives something.
   *
   * @returns undefined after `timeout` milliseconds, when `signal` fires or when closed.
   */
  until<T>(find: () => T | undefined, timeout: number, signal?: AbortSignal): Promise<T | undefined> {
    const found = find();
    if (found !== undefined || this.#closed || timeout <= 0 || signal?.aborted) return Promise.resolve(found);
    return new Promise((resolve, reject) => {
      const finish = (value: T | undefined): void => {
        this.#waiting.delete(look);
        cancel();
        signal?.removeEventListener("abort", giveUp);
        resolve(value);
      };
      const look = (): void => {
        try {
          const value = find();
          if (value !== undefined || this.#closed) finish(value);
        } catch (error) {
          finish(undefined);
          reject(error);
        }
      };
      const giveUp = (): void => finish(undefined);
      const cancel = this.#clock.after(timeout, giveUp);
      signal?.addEventListener("abort", giveUp, { once: true });
      this.#waiting.add(look);
    });
  }
}
