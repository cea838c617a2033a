/** What the segmenter knows about one rendition. */

import type { Packet, Track, TrackKind } from "@ami-streams/media";
import type { TrackCutter } from "./track-cutter.ts";

/** A rendition as the segmenter sees it: one track. */
export interface SegmenterInput {
  /** Unique, stable over publisher sessions. */
  readonly id: string;
  readonly track: Track;
}

/** Seconds. A picture may stand still this long; where a packet claims to last longer, its source has left something out. */
const LONGEST_PACKET = 1;

/** Mutable state of one rendition within a publisher session. Times are seconds of its line: decoding time moved so that keyframes sit at their presentation time. */
export class SegmenterRendition {
  readonly id: string;
  readonly kind: TrackKind;
  readonly cutter: TrackCutter;
  track: Track;
  /** Segment that is open, or was last closed or missed. */
  cursor: number;
  open = false;
  /** Line time of the first packet of the open segment. */
  openedAt = 0;
  /** Had a segment in this session. */
  started = false;
  /** Needs a keyframe at a boundary before it can go on. */
  waiting = true;
  /** May not start before this segment. */
  earliest = 0;
  /** Keyframes that came where no boundary is, while waiting. */
  strayKeyframes = 0;
  /** Line time after the last packet that left `pending`. */
  end = Number.NEGATIVE_INFINITY;
  /** Line time after the newest packet pushed. */
  pushedEnd = Number.NEGATIVE_INFINITY;
  pendingBytes = 0;
  finished = false;
  /** Gave nothing for so long that others went on without it. */
  stalled = false;
  /** Line time of its last keyframe, and the distance to the one before. */
  lastKeyframe = Number.NaN;
  keyframeInterval = 0;
  #pending: Packet[] = [];
  #head = 0;
  /** Ticks from decoding to line time. */
  #shift = 0;
  /** Ticks added to repair a jump of the timestamps. */
  #adjustment = 0;
  #expectedDts = -1;
  #usualDuration: number | undefined;
  #lastDts = -1;

  constructor(input: SegmenterInput, cutter: TrackCutter, cursor: number) {
    this.id = input.id;
    this.kind = input.track.kind;
    this.track = input.track;
    this.cutter = cutter;
    this.cursor = cursor;
  }

  time(packet: Packet): number {
    return (packet.dts + this.#shift) / packet.track.timescale;
  }

  /** The same in ticks. */
  ticks(packet: Packet): number {
    return packet.dts + this.#shift;
  }

  /** How far from a boundary a packet may be and still count as on it. */
  tolerance(packet: Packet): number {
    return this.kind === "video" ? packet.duration / 2 / packet.track.timescale : 1e-6;
  }

  /** From here on, decoding time plus this keyframe's composition offset is line time. */
  alignTo(keyframe: Packet): void {
    this.#shift = keyframe.pts - keyframe.dts;
  }

  get head(): Packet | undefined {
    return this.#pending[this.#head];
  }

  get hasPending(): boolean {
    return this.#head < this.#pending.length;
  }

  /** Seconds between the oldest and the newest packet that wait. */
  get pendingDuration(): number {
    const head = this.head;
    return head === undefined ? 0 : this.pushedEnd - this.time(head);
  }

  shift(): void {
    const packet = this.#pending[this.#head]!;
    this.pendingBytes -= packet.data.length;
    this.end = this.time(packet) + packet.duration / packet.track.timescale;
    this.#head++;
    if (this.#head === this.#pending.length || this.#head > 256) {
      this.#pending = this.#pending.slice(this.#head);
      this.#head = 0;
    }
  }

  /**
   * Queues a packet, repairing its time: a step back is clamped; a jump, which is a time further than `maxJump` from where this rendition was
   * and from all that `newest` others have reached, is taken out.
   *
   * @returns whether a repair was necessary.
   */
  enqueue(packet: Packet, newest: number, maxJump: number): boolean {
    const { timescale } = packet.track;
    let { dts, pts } = packet;
    dts += this.#adjustment;
    pts += this.#adjustment;
    let repaired = false;
    if (this.#lastDts >= 0 && packet.track.timescale === this.track.timescale) {
      const behind = (this.#expectedDts - dts) / timescale;
      const ahead = (dts + this.#shift) / timescale - Math.max(newest, this.pushedEnd);
      if (behind > maxJump || ahead > maxJump) {
        const correction = this.#expectedDts - dts;
        this.#adjustment += correction;
        dts += correction;
        pts += correction;
        repaired = true;
      } else if (dts <= this.#lastDts) {
        dts = this.#lastDts + 1;
        repaired = true;
      }
    }
    if (pts < dts) {
      pts = dts;
      repaired = true;
    }
    let { duration } = packet;
    if (duration > LONGEST_PACKET * timescale) {
      duration = this.#usualDuration ?? LONGEST_PACKET * timescale;
      repaired = true;
    } else this.#usualDuration = duration;
    this.#lastDts = dts;
    this.#expectedDts = dts + duration;
    const same = dts === packet.dts && pts === packet.pts && duration === packet.duration;
    const queued = same ? packet : { ...packet, dts, pts, duration };
    this.#pending.push(queued);
    this.pendingBytes += packet.data.length;
    this.pushedEnd = (dts + duration + this.#shift) / timescale;
    return repaired;
  }
}
