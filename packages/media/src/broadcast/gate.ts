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
  readonly #open: Track[] = [];

  constructor(keyframe: Packet, tracks: readonly Track[]) {
    this.#keyframe = keyframe;
    this.#tracks = tracks;
  }

  /** Every track has begun: no need to ask any more. */
  get done(): boolean {
    return this.#open.length === this.#tracks.length;
  }

  passes(packet: Packet): boolean {
    const track = packet.track;
    const main = track === this.#keyframe.track;
    // Tracks announced later come after a cut of their own. A later keyframe moves the mark, in case time jumped back.
    if (!this.#tracks.includes(track)) return true;
    if (main && packet.keyframe && this.#open.includes(track)) this.#keyframe = packet;
    if (this.#open.includes(track)) return true;
    if (main ? packet !== this.#keyframe : !packet.keyframe || !reaches(packet, this.#keyframe)) return false;
    this.#open.push(track);
    return true;
  }
}
