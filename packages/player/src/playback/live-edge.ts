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
  readonly #onChange: (following: boolean) => void;
  #jumpedAt = Number.NEGATIVE_INFINITY;
  #following = true;

  /** @param onChange - hears of {@link following}. */
  constructor(video: HTMLVideoElement, onChange: (following: boolean) => void) {
    this.#video = video;
    this.#onChange = onChange;
  }

  /** Is the viewer at the edge, rather than looking back? */
  get following(): boolean {
    return this.#following;
  }

  set following(following: boolean) {
    if (following === this.#following) return;
    this.#following = following;
    this.#onChange(following);
  }

  /**
   * The play position was moved from `from`, by whomever: is that still the edge? Engines jump forward, over holes, and that far
   * from the edge as a stall has left them: only a move backward is a viewer who wants to look back.
   */
  judge(position: number | null, from: number): void {
    if (position === null) return;
    const { currentTime } = this.#video;
    const near = position - currentTime < LOOKING_BACK;
    this.following = near || (this.following && currentTime >= from);
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
