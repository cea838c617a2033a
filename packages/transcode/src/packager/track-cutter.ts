/** Groups the packets of one rendition into chunks and parts of its open segment. */

import type { Packet } from "@ami-streams/media";
import { MIN_PART_FILL } from "./part-target.ts";
import type { SegmenterEvent } from "./segmenter-event.ts";

/** Seconds that may lack at the end of a segment: more than a few frames. */
const INCOMPLETE = 0.25;

/** Durations in seconds. */
export interface TrackCutterOptions {
  readonly rendition: string;
  /** No part is longer, unless one packet alone is. */
  readonly partTarget: number;
  /** A chunk is cut when it is about this long. */
  readonly chunkDuration: number;
}

/**
 * Closes a part before the packet that would exceed the target, and as soon as no further packet can fit: one frame earlier than waiting for it.
 */
export class TrackCutter {
  readonly #rendition: string;
  readonly #partTarget: number;
  readonly #chunkDuration: number;
  #chunk: Packet[] = [];
  #start = 0;
  #partStart = 0;
  #end = 0;
  #shortest = 0;
  #timescale = 1;
  #partOpen = false;
  #independent = false;
  /** Parts that exceed the target because one packet alone does. */
  oversized = 0;

  constructor(options: TrackCutterOptions) {
    this.#rendition = options.rendition;
    this.#partTarget = options.partTarget;
    this.#chunkDuration = options.chunkDuration;
  }

  /** Starts a segment with the packet that comes next. */
  open(first: Packet): void {
    this.#start = first.dts;
    this.#end = first.dts;
    this.#timescale = first.track.timescale;
  }

  add(packet: Packet, events: SegmenterEvent[]): void {
    const { timescale } = packet.track;
    const target = this.#partTarget * timescale + 1e-6 * timescale;
    const end = packet.dts + packet.duration;
    if (this.#partOpen && end - this.#partStart > target) this.#closePart(timescale, events);
    if (!this.#partOpen) {
      this.#partOpen = true;
      this.#partStart = packet.dts;
      this.#independent = false;
      this.#shortest = packet.duration;
      if (packet.duration > target) this.oversized++;
    }
    this.#chunk.push(packet);
    this.#end = end;
    if (packet.duration < this.#shortest) this.#shortest = packet.duration;
    if (packet.keyframe) this.#independent = true;
    const length = end - this.#partStart;
    if (length + this.#shortest > target && length >= target * MIN_PART_FILL) this.#closePart(timescale, events);
    else if (end - this.#chunk[0]!.dts + packet.duration / 2 >= this.#chunkDuration * timescale) this.#cutChunk(events);
  }

  /**
   * Ends the segment.
   *
   * @param expected - seconds that it lasts in the rendition that decides, where that is known: with much less here, it is incomplete, and so is
   * its last part, which is given up.
   * @returns how many packets were given up before they were in a chunk.
   */
  close(expected: number | undefined, events: SegmenterEvent[]): number {
    const length = (this.#end - this.#start) / this.#timescale;
    const incomplete = expected !== undefined && length < expected - INCOMPLETE;
    const dropped = incomplete ? this.#chunk.length : 0;
    if (incomplete) {
      this.#chunk = [];
      this.#partOpen = false;
    } else if (this.#partOpen) this.#closePart(this.#timescale, events);
    const ticks = incomplete ? Math.round(expected * this.#timescale) : this.#end - this.#start;
    const duration = incomplete ? expected : length;
    events.push({ type: "segment-closed", rendition: this.#rendition, ticks, duration, incomplete });
    return dropped;
  }

  #closePart(timescale: number, events: SegmenterEvent[]): void {
    this.#cutChunk(events);
    const duration = (this.#end - this.#partStart) / timescale;
    events.push({ type: "part-closed", rendition: this.#rendition, duration, independent: this.#independent });
    this.#partOpen = false;
  }

  #cutChunk(events: SegmenterEvent[]): void {
    if (this.#chunk.length === 0) return;
    events.push({ type: "chunk-cut", rendition: this.#rendition, packets: this.#chunk });
    this.#chunk = [];
  }
}
