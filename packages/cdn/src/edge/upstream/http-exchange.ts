/** One request over a pool of connections: the head as a promise, the body as chunks with backpressure. */

import type { Dispatcher } from "undici";
import { CdnError } from "../../errors.ts";

/** Bytes of a body that wait for their reader before the connection is not read any further. */
const HIGH_WATER = 256 * 1024;
/** A body that nobody reads is read to its end, so that its connection is kept, where this much is left at most. */
const WORTH_DRAINING = 64 * 1024;
/** Milliseconds that this may take. */
const DRAIN_TIME = 1_000;

/** The head of an answer, and what of its body is here already. */
export interface ExchangeHead {
  readonly status: number;
  /** Name, value, name, value…; names in lower case. */
  readonly headers: string[];
  /** HTTP/2, where frames say when a body ends. */
  readonly framed: boolean;
  /** Whole, where all of it came with the head. */
  readonly body: Uint8Array | AsyncIterableIterator<Uint8Array> | null;
}

/** Options of {@link exchange}. */
export interface ExchangeOptions {
  readonly dispatcher: Dispatcher;
  readonly request: Dispatcher.DispatchOptions;
  readonly signal: AbortSignal;
  /** For errors. */
  readonly name: string;
  readonly onInformational: ((status: number, headers: readonly string[]) => void) | undefined;
}

/**
 * Sends a request. Leaving the body early drops the connection, unless little of it is missing.
 *
 * @throws what undici or the signal says, until the head is here; the body throws {@link CdnError} `UPSTREAM_TRUNCATED`, or the signal's reason.
 */
export function exchange(options: ExchangeOptions): Promise<ExchangeHead> {
  return new Exchange(options).head;
}

class Exchange implements Dispatcher.DispatchHandler {
  readonly head: Promise<ExchangeHead>;
  readonly #options: ExchangeOptions;
  #resolve!: (head: ExchangeHead) => void;
  #reject!: (error: unknown) => void;
  readonly #chunks: Uint8Array[] = [];
  #bytes = 0;
  #received = 0;
  #length: number | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #error: unknown;
  #state: "waiting" | "body" | "ended" | "failed" = "waiting";
  #dropped = false;
  #reader: (() => void) | undefined;
  #onFinished: (() => void) | undefined;

  constructor(options: ExchangeOptions) {
    const { signal, dispatcher, request } = options;
    this.#options = options;
    this.head = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (signal.aborted) {
      this.#fail(signal.reason);
      return;
    }
    signal.addEventListener("abort", this.#onAbort);
    dispatcher.dispatch(request, this);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#state === "failed") controller.abort(asError(this.#error));
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    const fields: string[] = [];
    for (const name in headers) {
      const value = headers[name];
      if (typeof value === "string") fields.push(name, value);
      else if (value !== undefined) for (const each of value) fields.push(name, each);
    }
    if (status < 200) {
      if (this.#state === "waiting") this.#options.onInformational?.(status, fields);
      return;
    }
    if (this.#state !== "waiting") return;
    const length = headers["content-length"];
    if (typeof length === "string") this.#length = Number(length);
    if (this.#options.request.method === "HEAD") this.#length = 0;
    this.#state = "body";
    // Of HTTP/1.1 undici gives what it parsed, as a list.
    const framed = !Array.isArray(controller.rawHeaders);
    // Whatever of the body came in the same read is here when this goes on.
    queueMicrotask(() => this.#resolve({ status, headers: fields, framed, body: this.#body(status) }));
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#received += chunk.byteLength;
    if (this.#dropped) return;
    this.#chunks.push(chunk);
    this.#bytes += chunk.byteLength;
    if (this.#bytes >= HIGH_WATER) controller.pause();
    this.#wake();
  }

  onResponseEnd(): void {
    if (this.#state === "body") this.#state = "ended";
    this.#finish();
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    this.#fail(error);
  }

  #body(status: number): ExchangeHead["body"] {
    if (this.#options.request.method === "HEAD" || status === 204 || status === 304) return null;
    if (this.#state === "ended") {
      if (this.#received === 0) return null;
      const [first] = this.#chunks;
      return this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks);
    }
    const next = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
      for (;;) {
        const chunk = this.#chunks.shift();
        if (chunk !== undefined) {
          const wasFull = this.#bytes >= HIGH_WATER;
          this.#bytes -= chunk.byteLength;
          if (wasFull && this.#bytes < HIGH_WATER) this.#controller?.resume();
          return { done: false, value: chunk };
        }
        if (this.#state === "failed") throw this.#error;
        if (this.#state === "ended" || this.#dropped) return { done: true, value: undefined };
        await new Promise<void>((resolve) => {
          this.#reader = resolve;
        });
      }
    };
    const chunks: AsyncIterableIterator<Uint8Array> = {
      [Symbol.asyncIterator]: () => chunks,
      next,
      return: async () => {
        this.#drop();
        return { done: true, value: undefined };
      },
    };
    return chunks;
  }

  /** Nobody reads any further. */
  #drop(): void {
    if (this.#state !== "body" || this.#dropped) return;
    this.#dropped = true;
    this.#chunks.length = 0;
    this.#wake();
    const isShort = this.#length !== undefined && this.#length - this.#received <= WORTH_DRAINING;
    if (!isShort) {
      this.#abort(new CdnError("ABORTED", "nobody reads this answer any more"));
      return;
    }
    this.#controller?.resume();
    const timer = setTimeout(
      () => this.#abort(new CdnError("ABORTED", "the rest of the answer took too long")),
      DRAIN_TIME,
    );
    timer.unref();
    this.#onFinished = () => clearTimeout(timer);
  }

  readonly #onAbort = (): void => this.#fail(this.#options.signal.reason);

  #fail(error: unknown): void {
    if (this.#state === "failed" || this.#state === "ended") return;
    const { name, signal } = this.#options;
    const isBody = this.#state === "body";
    this.#error =
      !isBody || signal.aborted
        ? error
        : new CdnError("UPSTREAM_TRUNCATED", `${name} broke off its answer`, { cause: error });
    this.#state = "failed";
    this.#chunks.length = 0;
    if (!isBody) this.#reject(error);
    this.#finish();
    this.#abort(error);
  }

  #abort(reason: unknown): void {
    const controller = this.#controller;
    if (controller !== undefined && !controller.aborted) controller.abort(asError(reason));
  }

  #finish(): void {
    this.#options.signal.removeEventListener("abort", this.#onAbort);
    this.#onFinished?.();
    this.#wake();
  }

  #wake(): void {
    const wake = this.#reader;
    this.#reader = undefined;
    wake?.();
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new CdnError("ABORTED", "the request was given up", { cause: reason });
}
