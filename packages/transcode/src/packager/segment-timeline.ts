/** The boundaries of a stream: when they are, what number they have, which wall clock belongs to them. */

import type { Packet } from "@ami-streams/media";
import type { Boundary } from "./boundary.ts";
import { DEFAULT_MAX_SEGMENT_DURATION, type ResolvedSegmenterOptions } from "./segmenter-options.ts";

/**
 * Seconds that a segment may exceed the target duration: EXTINF counts rounded (RFC 8216bis §4.4.3.1). Not 0.5, because audio segments are up to
 * a frame longer than the reference's.
 */
const ROUNDED_OFF = 0.4;

/** The part of a segment that its dates keep for themselves when the next one's go back to the wall clock. */
const KEPT_OF_SEGMENT = 0.25;

/** Appends boundaries, one publisher session after the other; keeps those that some rendition has not passed. */
export class SegmentTimeline {
  readonly #segmentDuration: number;
  readonly #maxDrift: number;
  /** Oldest first, numbers without holes. */
  #boundaries: Boundary[] = [];
  #nextNumber = 0;
  #discontinuitySequence = 0;
  #discontinuityDue = false;
  #anchorTime = 0;
  #anchorWall = 0;
  #lastCutWall = 0;
  /** Milliseconds that the source's wall clock is put forward by, because it has stepped back. */
  #skew = 0;
  #lastWall = Number.NEGATIVE_INFINITY;
  #endOfLastSession = Number.NEGATIVE_INFINITY;
  #lateness = Number.POSITIVE_INFINITY;
  #targetDuration: number | undefined;

  constructor(options: ResolvedSegmenterOptions) {
    this.#segmentDuration = options.segmentDuration;
    this.#maxDrift = options.maxDrift;
    this.#targetDuration = options.targetDuration;
  }

  /** Whole seconds. Undefined until the first segment is whole, then fixed. */
  get targetDuration(): number | undefined {
    return this.#targetDuration;
  }

  get longestSegment(): number {
    return this.#targetDuration === undefined ? DEFAULT_MAX_SEGMENT_DURATION : this.#targetDuration + ROUNDED_OFF;
  }

  /** Number that the next boundary will have. */
  get nextNumber(): number {
    return this.#nextNumber;
  }

  /** The newest of this session. */
  get last(): Boundary | undefined {
    return this.#boundaries.at(-1);
  }

  /** The boundary of a number, while it is kept. */
  find(number: number): Boundary | undefined {
    return this.#boundaries[number - (this.#boundaries[0]?.number ?? 0)];
  }

  /** The newest boundary at or before an instant. */
  at(time: number): Boundary | undefined {
    for (let i = this.#boundaries.length - 1; i >= 0; i--) {
      const boundary = this.#boundaries[i]!;
      if (boundary.time <= time) return boundary;
    }
    return undefined;
  }

  /** Lets go of boundaries before `number`. */
  forget(number: number): void {
    while (this.#boundaries.length > 1 && this.#boundaries[0]!.number < number) this.#boundaries.shift();
  }

  /** Makes the next boundary a discontinuity. */
  breakNext(): void {
    this.#discontinuityDue = true;
  }

  /** Starts a session, and takes its anchor. */
  begin(time: number, packet: Packet, now: number): void {
    const received = packet.receivedAt ?? now;
    this.#anchorTime = time;
    this.#anchorWall = Math.max(received, this.#endOfLastSession);
    const ahead = this.#anchorWall - received;
    this.#skew = ahead > this.#maxDrift * 1000 ? ahead : 0;
    this.#lastWall = received + this.#skew;
    this.#lastCutWall = this.#lastWall;
    this.#lateness = Number.POSITIVE_INFINITY;
    this.#append(time, true);
  }

  /** Ends a segment and starts the next. */
  cut(time: number, keyframe: boolean, packet: Packet, now: number): Boundary {
    const last = this.#boundaries.at(-1)!;
    this.#targetDuration ??= targetFor(time - last.time, this.#segmentDuration);
    const wall = this.#received(time, packet, now);
    if (this.#hasDrifted(wall - this.#lastCutWall, time - last.time)) this.#correct(time, wall, last);
    this.#lastCutWall = this.#lastWall;
    this.#lateness = Number.POSITIVE_INFINITY;
    return this.#append(time, keyframe);
  }

  /** Ends a session. What comes next is a discontinuity. */
  end(time: number): void {
    const last = this.#boundaries.at(-1);
    if (last === undefined) return;
    this.#targetDuration ??= targetFor(time - last.time, this.#segmentDuration);
    this.#endOfLastSession = this.#wallClock(time);
    this.#discontinuityDue = true;
    this.#boundaries = [];
  }

  /** Remembers the punctual packet of this segment: the smallest delay is what the clocks differ by, the rest is jitter. */
  noteLateness(time: number, packet: Packet, now: number): void {
    const lateness = this.#received(time, packet, now) - this.#wallClock(time);
    if (lateness < this.#lateness) this.#lateness = lateness;
  }

  /**
   * Whether the wall clock has left media time behind, or the other way round. The latter only counts where media comes about as fast as it plays:
   * a backlog, or a file, comes faster without any clock being wrong.
   */
  #hasDrifted(wallElapsed: number, mediaElapsed: number): boolean {
    const limit = this.#maxDrift * 1000;
    if (!Number.isFinite(this.#lateness)) return false;
    return this.#lateness > limit || (this.#lateness < -limit && wallElapsed > mediaElapsed * 500);
  }

  /** Takes a new anchor, as a discontinuity. Where that would repeat dates of whole segments, the source's clock is put forward instead. */
  #correct(time: number, wall: number, last: Boundary): void {
    // A clock that was put back and is right again takes back what it was put forward by.
    const takenBack = Math.max(0, Math.min(this.#skew, this.#lateness));
    this.#putForward(-takenBack);
    if (takenBack > 0 && this.#lateness - takenBack <= this.#maxDrift * 1000) return;
    const expected = this.#wallClock(time);
    const earliest = last.programDateTime + (expected - last.programDateTime) * KEPT_OF_SEGMENT;
    if (earliest - (expected + this.#lateness) > this.#maxDrift * 1000) {
      this.#putForward(-this.#lateness);
      return;
    }
    this.#anchorTime = time;
    this.#anchorWall = Math.max(wall - takenBack, earliest);
    this.#discontinuityDue = true;
  }

  #putForward(milliseconds: number): void {
    this.#skew += milliseconds;
    this.#lastWall += milliseconds;
  }

  /** When a packet came, by a clock that does not step back: where the source's does, dates go on by media time. */
  #received(time: number, packet: Packet, now: number): number {
    const limit = this.#maxDrift * 1000;
    let wall = (packet.receivedAt ?? now) + this.#skew;
    const early = this.#wallClock(time) - wall;
    if (early > limit && this.#lastWall - wall > limit) {
      this.#skew += early;
      wall += early;
    }
    this.#lastWall = wall;
    return wall;
  }

  #append(time: number, keyframe: boolean): Boundary {
    const discontinuity = this.#discontinuityDue && this.#nextNumber > 0;
    this.#discontinuityDue = false;
    if (discontinuity) this.#discontinuitySequence++;
    const boundary: Boundary = {
      number: this.#nextNumber++,
      time,
      discontinuity,
      discontinuitySequence: this.#discontinuitySequence,
      programDateTime: this.#wallClock(time),
      keyframe,
    };
    this.#boundaries.push(boundary);
    return boundary;
  }

  #wallClock(time: number): number {
    return this.#anchorWall + (time - this.#anchorTime) * 1000;
  }
}

/** The whole seconds that allow a first segment of this length, and others like it. */
function targetFor(duration: number, segmentDuration: number): number {
  return Math.max(Math.ceil(segmentDuration), Math.ceil(duration - ROUNDED_OFF - 0.005));
}
