/** A body on its way from an upstream: who waits for it does not wait without end, and how it ends is told. */

import { CdnError } from "../../errors.ts";
import { leave } from "../../handler/let-go.ts";

/** Options of {@link watchBody}. */
export interface WatchOptions {
  /** Milliseconds to wait for the next chunk, while somebody does. */
  readonly idle: number;
  /** Ends the body with its reason, whether the source heeds it or not. */
  readonly signal: AbortSignal;
  /** Called once: with the error when it broke, without where it came whole or nobody read on. */
  readonly onEnd: (error?: unknown) => void;
}

/** The same chunks, one by one as the reader wants them. */
export function watchBody(chunks: AsyncIterable<Uint8Array>, options: WatchOptions): AsyncIterableIterator<Uint8Array> {
  return new WatchedBody(chunks[Symbol.asyncIterator](), options);
}

class WatchedBody implements AsyncIterableIterator<Uint8Array> {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #options: WatchOptions;
  #timer: NodeJS.Timeout | undefined;
  /** Rejects for the reader who waits. */
  #reject: ((error: unknown) => void) | undefined;
  #broken: { readonly error: unknown } | undefined;
  #ended = false;

  constructor(source: AsyncIterator<Uint8Array>, options: WatchOptions) {
    this.#source = source;
    this.#options = options;
    if (options.signal.aborted) this.#onAbort();
    else options.signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken.error);
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    if (this.#timer === undefined) this.#timer = setTimeout(this.#onIdle, this.#options.idle);
    else this.#timer.refresh();
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      this.#source.next().then(
        (result) => {
          this.#reject = undefined;
          if (result.done) this.#end();
          resolve(result.done ? { done: true, value: undefined } : result);
        },
        (error: unknown) => this.#break(error),
      );
    });
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#end();
    await this.#source.return?.();
    return { done: true, value: undefined };
  }

  readonly #onAbort = (): void => {
    this.#break(this.#options.signal.reason);
    leave(this.#source);
  };

  readonly #onIdle = (): void => {
    // The upstream is not late while it is the reader who makes it wait.
    if (this.#reject === undefined) return;
    this.#break(new CdnError("UPSTREAM_TIMEOUT", `no byte of the body came for ${this.#options.idle} ms`));
    leave(this.#source);
  };

  #break(error: unknown): void {
    if (!this.#ended) this.#broken = { error };
    this.#reject?.(error);
    this.#reject = undefined;
    this.#end(error);
  }

  #end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#options.signal.removeEventListener("abort", this.#onAbort);
    this.#options.onEnd(error);
  }
}
