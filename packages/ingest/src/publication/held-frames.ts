/** Frames that wait until the tracks of a publication are known. */

import type { Frame } from "./track-assembler.ts";

/** What a frame costs beside its data, bytes: tiny ones without end must not add up to more than they count. */
const FRAME_OVERHEAD = 256;

/** A queue that knows what it holds without looking through it: a publisher may send a million frames in the time it is waited for. */
export class HeldFrames {
  readonly #frames: Frame[] = [];
  readonly #counts = { video: 0, audio: 0 };
  #bytes = 0;

  get empty(): boolean {
    return this.#frames.length === 0;
  }

  /** Bytes held, with 256 more for each frame. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Milliseconds of media from the first frame to the last. */
  get span(): number {
    const first = this.#frames[0];
    return first === undefined ? 0 : this.#frames.at(-1)!.time - first.time;
  }

  /** The kind that has no frame here; undefined when both have. */
  get missing(): "video" | "audio" | undefined {
    if (this.#counts.video === 0) return "video";
    return this.#counts.audio === 0 ? "audio" : undefined;
  }

  /** All of them, in the order in which they came. */
  get frames(): readonly Frame[] {
    return this.#frames;
  }

  push(frame: Frame): void {
    this.#frames.push(frame);
    this.#count(frame, 1);
  }

  /** Lets the first one go, unless it is the last. Returns whether it did. */
  dropFirst(): boolean {
    if (this.#frames.length < 2) return false;
    this.#count(this.#frames.shift()!, -1);
    return true;
  }

  #count(frame: Frame, sign: 1 | -1): void {
    this.#counts[frame.assembler.kind] += sign;
    this.#bytes += sign * (frame.data.length + FRAME_OVERHEAD);
  }
}
