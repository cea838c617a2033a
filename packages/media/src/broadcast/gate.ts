/** What a reader leaves out right after it starts at a keyframe, until each track has begun. */

import { compareTimes } from "../time.ts";
import type { Packet, Track } from "../track.ts";

/** Whether the packet is still heard or seen at or after a presentation time, e.g. that of a keyframe. */
export function reaches(packet: Packet, pts: number, timescale: number): boolean {
  return compareTimes(packet.pts + packet.duration, packet.track.timescale, pts, timescale) > 0;
}

/**
 * Lets the main track through from its keyframe on, and every other track from its first keyframe that reaches that time.
 *
 * Keeps the keyframe's time only: a track that never begins must not keep the packet itself in memory.
 */
export class Gate {
  readonly #main: Track;
  readonly #keyframe: number;
  readonly #tracks: readonly Track[];
  readonly #since: number;
  readonly #open: Track[] = [];
  #pts: number;

  /**
   * @param sequence - number of the keyframe.
   * @param since - sequence number from which on packets are of these tracks, or of ones announced still later.
   */
  constructor(keyframe: Packet, sequence: number, tracks: readonly Track[], since: number) {
    this.#main = keyframe.track;
    this.#keyframe = sequence;
    this.#pts = keyframe.pts;
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
    const isMain = track === this.#main;
    const isOpen = this.#open.includes(track);
    // A later keyframe moves the mark, in case time jumped back.
    if (isMain && packet.keyframe && isOpen) this.#pts = packet.pts;
    if (isOpen) return true;
    const begins = isMain
      ? sequence === this.#keyframe
      : packet.keyframe && reaches(packet, this.#pts, this.#main.timescale);
    if (begins) this.#open.push(track);
    return begins;
  }
}
