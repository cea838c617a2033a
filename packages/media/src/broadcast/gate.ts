/** What a reader leaves out right after it starts at a keyframe, until each track has begun. */

import { compareTimes } from "../time.ts";
import type { Packet, Track } from "../track.ts";

/** Whether the packet is still heard or seen at or after the keyframe's presentation time. */
export function reaches(packet: Packet, keyframe: Packet): boolean {
  return compareTimes(packet.pts + packet.duration, packet.track.timescale, keyframe.pts, keyframe.track.timescale) > 0;
}

/** Lets the main track through from its keyframe on, and every other track from its first keyframe that reaches that time. */
export class Gate {
  #keyframe: Packet;
  readonly #tracks: readonly Track[];
  readonly #since: number;
  readonly #open: Track[] = [];

  /** @param since - sequence number from which on packets are of these tracks, or of ones announced still later. */
  constructor(keyframe: Packet, tracks: readonly Track[], since: number) {
    this.#keyframe = keyframe;
    this.#tracks = tracks;
    this.#since = since;
  }

  /** Every track has begun: no need to ask any more. */
  get done(): boolean {
    return this.#open.length === this.#tracks.length;
  }

  passes(packet: Packet, sequence: number): boolean {
    const track = packet.track;
    if (!this.#tracks.includes(track)) return sequence >= this.#since;
    const main = track === this.#keyframe.track;
    // A later keyframe moves the mark, in case time jumped back.
    if (main && packet.keyframe && this.#open.includes(track)) this.#keyframe = packet;
    if (this.#open.includes(track)) return true;
    if (main ? packet !== this.#keyframe : !packet.keyframe || !reaches(packet, this.#keyframe)) return false;
    this.#open.push(track);
    return true;
  }
}
