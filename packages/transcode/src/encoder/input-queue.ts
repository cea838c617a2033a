/** Packets that wait for an encoder process, bounded in bytes and time. No I/O: time comes as an argument. */

import type { Packet } from "@ami-streams/media";

interface Waiting {
  readonly packet: Packet;
  /** Milliseconds. */
  since: number;
}

/** A first-in, first-out queue of one track that drops up to the next keyframe where it must. */
export class InputQueue {
  readonly #maxBytes: number;
  readonly #maxWait: number;
  #waiting: Waiting[] = [];
  #bytes = 0;
  #broken = true;
  #dropped = 0;
  #overloads = 0;

  /** @param limits - bytes, and milliseconds that the oldest packet may wait. */
  constructor({ maxBytes, maxWait }: { maxBytes: number; maxWait: number }) {
    this.#maxBytes = maxBytes;
    this.#maxWait = maxWait;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get length(): number {
    return this.#waiting.length;
  }

  /** Packets thrown away so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Times that the bound was reached. */
  get overloads(): number {
    return this.#overloads;
  }

  /** Whether a packet fits without dropping anything. */
  fits(packet: Packet): boolean {
    return this.#bytes + packet.data.length <= this.#maxBytes;
  }

  /**
   * Takes a packet; at the bound, drops what is needed for decoding to go on at the newest keyframe.
   *
   * @param taker - `none`: nobody takes packets out, so all before a new keyframe is of no use, and no overload; `starting`: somebody does, but
   * only the bound in bytes counts; `steady`: the bound in time too.
   */
  push(packet: Packet, now: number, taker: "none" | "starting" | "steady"): void {
    if (packet.keyframe) this.#broken = false;
    if (this.#broken) {
      this.#dropped += 1;
      return;
    }
    this.#waiting.push({ packet, since: now });
    this.#bytes += packet.data.length;
    if (taker === "none" && packet.keyframe && packet.track.kind === "video") this.dropToKeyframe();
    const tooLate = taker === "steady" && now - this.#waiting[0]!.since > this.#maxWait;
    const tooMuch = this.#bytes > this.#maxBytes && this.#waiting.length > 1;
    if (!tooMuch && !tooLate) return;
    if (taker !== "none") this.#overloads += 1;
    this.dropToKeyframe();
    if (this.#bytes > this.#maxBytes && this.#waiting.length > 1) this.clear();
  }

  /** Something takes packets out from now on, with a decoder that knows none before: only a keyframe may come first. */
  start(now: number): void {
    if (this.#waiting.length === 0) this.#broken = true;
    else if (!this.#waiting[0]!.packet.keyframe) this.dropToKeyframe();
    for (const waiting of this.#waiting) waiting.since = now;
  }

  /** Takes the oldest out. */
  shift(): Packet | undefined {
    const first = this.#waiting.shift();
    if (first !== undefined) this.#bytes -= first.packet.data.length;
    return first?.packet;
  }

  get first(): Packet | undefined {
    return this.#waiting[0]?.packet;
  }

  /** Drops all before the newest keyframe: everything, where that is first or not there. */
  dropToKeyframe(): void {
    const newest = this.#waiting.findLastIndex(({ packet }) => packet.keyframe);
    if (newest < 0 || (newest === 0 && this.#waiting.length > 1)) {
      this.clear();
      return;
    }
    for (let index = 0; index < newest; index += 1) this.#bytes -= this.#waiting[index]!.packet.data.length;
    this.#dropped += newest;
    this.#waiting = this.#waiting.slice(newest);
  }

  /** Drops everything, and what follows up to the next keyframe. */
  clear(): void {
    this.#dropped += this.#waiting.length;
    this.#waiting = [];
    this.#bytes = 0;
    this.#broken = true;
  }
}
