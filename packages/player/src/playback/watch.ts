/** Looks at the video again and again: does it move, and if not, is that the edge's fault or the publisher's? */

import { createStallWatchdog, type StallRemedy } from "../recovery/stall-watchdog.ts";
import type { Source } from "../source/source.ts";
import { bufferAhead } from "./buffer.ts";
import { Standstill } from "./standstill.ts";

/** What is known about a playback when its video is looked at. */
export interface WatchedPlayback {
  readonly source: Source;
  readonly live: boolean;
  /** Time ought to move. */
  readonly shouldMove: boolean;
}

/** What a look tells. */
export interface Observation {
  /** Time moves as it should. */
  readonly moving: boolean;
  /** Seconds. */
  readonly bufferAhead: number;
  /** What to do about a stall, when it is time to. */
  readonly remedy: StallRemedy | null;
}

/** The watch over one video. It sets no timer. */
export class Watch {
  readonly #video: HTMLVideoElement;
  readonly #watchdog = createStallWatchdog();
  readonly #standstill: Standstill;
  #lastTime = 0;

  /** @param signal - ends requests in progress. */
  constructor(video: HTMLVideoElement, signal: AbortSignal) {
    this.#video = video;
    this.#standstill = new Standstill(signal);
  }

  get stalled(): boolean {
    return this.#watchdog.stalled;
  }

  /** The publisher fell silent: the manifest answers, and does not change. */
  get silent(): boolean {
    return this.#standstill.still;
  }

  /** Media time, in seconds, when the video was looked at last. */
  get lastTime(): number {
    return this.#lastTime;
  }

  /** Stalls so far. */
  get count(): number {
    return this.#watchdog.count;
  }

  /** Seconds stalled so far. */
  get duration(): number {
    return this.#watchdog.duration / 1000;
  }

  look({ source, live, shouldMove }: WatchedPlayback, now: number): Observation {
    const { currentTime } = this.#video;
    const ahead = bufferAhead(this.#video);
    const starved = shouldMove && live && currentTime === this.#lastTime;
    this.#lastTime = currentTime;
    if (!starved) this.#standstill.reset();
    else if (this.stalled || this.silent) this.#standstill.look(source, now);
    const remedy = this.#watchdog.observe({
      now,
      currentTime,
      // Nothing that can be done here brings a silent publisher back; the engine goes on by itself when it is.
      shouldMove: shouldMove && !this.silent,
      bufferAhead: ahead,
    });
    return { moving: shouldMove && !this.stalled && !starved, bufferAhead: ahead, remedy };
  }

  /** The viewer seeked, or the decoder was restarted: standing still for a moment is no stall. */
  forgive(): void {
    this.#watchdog.reset();
  }

  /** Something else is loaded. */
  reset(): void {
    this.#watchdog.reset();
    this.#standstill.reset();
  }
}
