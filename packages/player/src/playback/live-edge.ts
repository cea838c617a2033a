/** Keeps a live playback at the edge of its stream, unless the viewer looks back. */

import type { Engine } from "../engine/engine.ts";
import { liveSync } from "../recovery/live-sync.ts";

/** Further behind the target than this many seconds after a seek, the viewer looks back on purpose. */
const LOOKING_BACK = 2;
/** Milliseconds between two jumps to the live edge that nobody asked for. */
const SEEK_PAUSE = 3000;

/** The live edge, as one video follows it. */
export class LiveEdge {
  readonly #video: HTMLVideoElement;
  #jumpedAt = Number.NEGATIVE_INFINITY;
  /** Is the viewer at the edge, rather than looking back? */
  following = true;

  constructor(video: HTMLVideoElement) {
    this.#video = video;
  }

  /** The play position was moved, by whomever: is that still the edge? */
  judge(position: number | null): void {
    if (position !== null) this.following = position - this.#video.currentTime < LOOKING_BACK;
  }

  /** Goes to the edge. */
  jump(position: number | null): void {
    if (position === null) return;
    this.following = true;
    this.#video.currentTime = position;
  }

  /** Plays a little faster, or jumps, when it has fallen behind. @param bufferAhead - seconds. */
  keep(engine: Engine, bufferAhead: number, now: number): void {
    const { latency, targetLatency } = engine.stats;
    let rate = 1;
    if (this.following && latency !== null && targetLatency !== null) {
      const sync = liveSync({ latency, targetLatency, bufferAhead });
      rate = sync.rate;
      if (sync.seek && now - this.#jumpedAt > SEEK_PAUSE) {
        this.#jumpedAt = now;
        this.jump(engine.livePosition);
      }
    }
    if (!engine.steersRate && this.#video.playbackRate !== rate) this.#video.playbackRate = rate;
  }
}
