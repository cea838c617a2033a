/** How busy this process is, and whether that is too much: for CMSD's `du`, and for content steering. */

import { performance } from "node:perf_hooks";
import { above0, callable, checkOptions, share } from "../options/check-options.ts";

/** Milliseconds between two looks. */
const DEFAULT_INTERVAL = 500;
/** Looks in a row that decide. */
const LOOKS_UP = 4;
const LOOKS_DOWN = 10;

/** Options of {@link watchDuress}. */
export interface DuressOptions {
  /** Load from which on the process is in duress, after two seconds. Default 0.9. */
  readonly high?: number;
  /** Load below which it is not any more, after five seconds. Default 0.7. */
  readonly low?: number;
  /** Milliseconds between two looks. Default 500. */
  readonly interval?: number;
  /** Load since the last call, 0 to 1. Default: the share of the time that the event loop was not idle. */
  readonly measure?: () => number;
}

/** Watches the process. */
export interface DuressWatch extends Disposable {
  /** 0 to 1, over the last interval. */
  readonly load: number;
  readonly duress: boolean;
}

/** Starts watching. The timer keeps no process alive. */
export function watchDuress(options: DuressOptions = {}): DuressWatch {
  checkOptions("watchDuress", options, {
    high: share,
    low: share,
    interval: above0("milliseconds"),
    measure: callable,
  });
  const { high = 0.9, low = 0.7, interval = DEFAULT_INTERVAL, measure = eventLoopLoad() } = options;
  const state = new Duress(high, low);
  let load = 0;
  const timer = setInterval(() => {
    load = measure();
    state.look(load);
  }, interval);
  timer.unref();
  return {
    get load() {
      return load;
    },
    get duress() {
      return state.is;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

/** Decides with hysteresis, so that players are not sent back and forth. */
export class Duress {
  readonly #high: number;
  readonly #low: number;
  #is = false;
  /** Looks in a row that speak against what is. */
  #against = 0;

  constructor(high: number, low: number) {
    this.#high = high;
    this.#low = low;
  }

  get is(): boolean {
    return this.#is;
  }

  look(load: number): void {
    const speaksAgainst = this.#is ? load < this.#low : load >= this.#high;
    this.#against = speaksAgainst ? this.#against + 1 : 0;
    if (this.#against < (this.#is ? LOOKS_DOWN : LOOKS_UP)) return;
    this.#is = !this.#is;
    this.#against = 0;
  }
}

function eventLoopLoad(): () => number {
  let last = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    return utilization;
  };
}
