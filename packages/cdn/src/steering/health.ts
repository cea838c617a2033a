/** Whether another edge serves, asked again and again. */

import { Agent, type Dispatcher } from "undici";

/** Failures in a row after which it is down, and answers in a row after which it is up again. */
const FALLS = 2;
const RISES = 3;
/** Bytes of an answer that are looked at for its load. */
const MAX_BODY_BYTES = 16 * 1024;

/** Decides with hysteresis. What was never asked counts as up: else nobody could be steered anywhere at first. */
export class HealthState {
  #healthy = true;
  #against = 0;

  get healthy(): boolean {
    return this.#healthy;
  }

  /** @returns whether it changed. */
  record(ok: boolean): boolean {
    this.#against = ok === this.#healthy ? 0 : this.#against + 1;
    if (this.#against < (this.#healthy ? FALLS : RISES)) return false;
    this.#healthy = !this.#healthy;
    this.#against = 0;
    return true;
  }
}

/** Options of {@link HealthPoll}. */
export interface HealthPollOptions {
  readonly url: string;
  /** Milliseconds between the end of one question and the next. */
  readonly interval: number;
  /** Milliseconds for an answer. */
  readonly timeout: number;
  readonly dispatcher: Dispatcher;
  readonly onChange: (healthy: boolean) => void;
}

/** Makes what all polls send with: a connection each, and no more. */
export function createHealthDispatcher(): Dispatcher {
  return new Agent({ connections: 1, pipelining: 1, connect: { timeout: 5_000 } });
}

/** Asks until it is closed. Its timer keeps no process alive. */
export class HealthPoll {
  readonly #options: HealthPollOptions;
  readonly #state = new HealthState();
  readonly #ending = new AbortController();
  #load: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: HealthPollOptions) {
    this.#options = options;
    void this.#ask();
  }

  get healthy(): boolean {
    return this.#state.healthy;
  }
  /** 0 to 1, where its answer is JSON that says so: `{ "load": 0.4 }`. */
  get load(): number | undefined {
    return this.#load;
  }

  close(): void {
    this.#ending.abort();
    clearTimeout(this.#timer);
  }

  async #ask(): Promise<void> {
    const ok = await this.#answers();
    if (this.#ending.signal.aborted) return;
    if (this.#state.record(ok)) this.#options.onChange(this.#state.healthy);
    this.#timer = setTimeout(() => void this.#ask(), this.#options.interval);
    this.#timer.unref();
  }

  async #answers(): Promise<boolean> {
    const { url, timeout, dispatcher } = this.#options;
    const { origin, pathname, search } = new URL(url);
    const signal = AbortSignal.any([this.#ending.signal, AbortSignal.timeout(timeout)]);
    try {
      const { statusCode, body } = await dispatcher.request({ origin, path: pathname + search, method: "GET", signal });
      const chunks: Buffer[] = [];
      let bytes = 0;
      for await (const chunk of body as AsyncIterable<Buffer>) {
        bytes += chunk.byteLength;
        if (bytes > MAX_BODY_BYTES) break;
        chunks.push(chunk);
      }
      this.#load = loadOf(Buffer.concat(chunks).toString());
      return statusCode >= 200 && statusCode < 300;
    } catch {
      return false;
    }
  }
}

function loadOf(body: string): number | undefined {
  try {
    const { load } = JSON.parse(body) as { load?: unknown };
    return typeof load === "number" && load >= 0 && load <= 1 ? load : undefined;
  } catch {
    return undefined;
  }
}
