/** Remembers the packets that went into an encoder, so that what comes out can be told when it came in, and how much is under way. */

import { type Packet, rescale } from "@ami-streams/media";

interface Entry {
  readonly pts: number;
  readonly duration: number;
  readonly receivedAt: number | undefined;
}

/** Well above what any decoder and encoder of ours hold back. */
const maxEntries = 128;

/** One process's packets of one track. */
export class FlightLog {
  readonly #entries: Entry[] = [];
  readonly #given: number[];
  /** Packets that a decoder refused: nothing will come of them. */
  #refused = 0;

  /** @param outputs - how many streams are encoded from the track. */
  constructor(outputs: number) {
    this.#given = new Array<number>(outputs).fill(Number.NEGATIVE_INFINITY);
  }

  /** Packets written that the slowest output has not given yet. */
  get underWay(): number {
    const given = Math.min(...this.#given);
    let count = 0;
    for (const { pts } of this.#entries) if (pts > given) count += 1;
    return Math.max(0, count - this.#refused);
  }

  wrote(packet: Packet): void {
    if (this.#entries.length >= maxEntries) this.#entries.shift();
    this.#entries.push({ pts: packet.pts, duration: packet.duration, receivedAt: packet.receivedAt });
  }

  refused(): void {
    this.#refused += 1;
  }

  /** Notes a packet of `output`, and says when its source came in and how long it lasts, in ticks of `timescale`. */
  gave(output: number, packet: Packet, timescale: number): { receivedAt: number | undefined; duration: number } {
    const at = rescale(packet.pts, packet.track.timescale, timescale, "floor");
    if (at > this.#given[output]!) this.#given[output] = at;
    this.#refused = 0;
    let source: Entry | undefined;
    let next: Entry | undefined;
    for (const entry of this.#entries) {
      if (entry.pts <= at && (source === undefined || entry.pts > source.pts)) source = entry;
      if (entry.pts > at && (next === undefined || entry.pts < next.pts)) next = entry;
    }
    return {
      receivedAt: source?.receivedAt,
      duration: next === undefined ? (source?.duration ?? 1) : next.pts - at,
    };
  }
}
