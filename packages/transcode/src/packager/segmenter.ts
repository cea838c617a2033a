/** Cuts packets into segments, parts and chunks on boundaries that all renditions share. Pure: no clock, no storage. */

import type { Packet } from "@ami-streams/media";
import { TranscodeError } from "../errors.ts";
import type { Boundary } from "./boundary.ts";
import { choosePartTarget, frameDuration } from "./part-target.ts";
import type { SegmenterEvent } from "./segmenter-event.ts";
import { type SegmenterInput, SegmenterRendition } from "./segmenter-rendition.ts";
import { TrackCutter } from "./track-cutter.ts";

/** Durations in seconds. */
export interface SegmenterOptions {
  /** A segment ends at the first keyframe of the reference rendition at or after this. Default {@link DEFAULT_SEGMENT_DURATION}. */
  readonly segmentDuration?: number;
  /** Wanted length of a part; the part target is chosen near it so that whole frames fill it. Default {@link DEFAULT_PART_DURATION}. */
  readonly partDuration?: number;
  /** Length of a `moof` + `mdat` within a part. Default half a part. */
  readonly chunkDuration?: number;
  /**
   * `EXT-X-TARGETDURATION`, a whole number. Default: found when the first segment ends, at most {@link DEFAULT_MAX_SEGMENT_DURATION}. It never
   * changes; a later group of pictures that does not fit is split.
   */
  readonly targetDuration?: number;
  /** A rendition this far behind the reference misses segments; a reference this far behind the others is replaced. Default {@link DEFAULT_MAX_LAG}. */
  readonly maxLag?: number;
  /** The wall-clock anchor is taken anew, as a discontinuity, when media time has run this far away from it. Default {@link DEFAULT_MAX_DRIFT}. */
  readonly maxDrift?: number;
  /** Bytes of packets of one rendition that may wait for the reference. Default {@link DEFAULT_MAX_PENDING_BYTES}. */
  readonly maxPendingBytes?: number;
}

export const DEFAULT_SEGMENT_DURATION = 2;
/** Gives a part target of 0.21 s and so a hold-back of 0.63 s. */
export const DEFAULT_PART_DURATION = 0.2;
/** The longest first group of pictures that is waited for. */
export const DEFAULT_MAX_SEGMENT_DURATION = 10;
export const DEFAULT_MAX_LAG = 6;
export const DEFAULT_MAX_DRIFT = 1;
export const DEFAULT_MAX_PENDING_BYTES = 8 * 1024 * 1024;
/** A rendition whose keyframe comes this much after the boundary is cut there, so that its segment can be started from. */
export const KEYFRAME_PATIENCE = 0.5;

/**
 * Seconds that a segment may exceed the target duration: EXTINF counts rounded (RFC 8216bis §4.4.3.1). Not 0.5, because audio segments are up to
 * a frame longer than the reference's.
 */
const ROUNDED_OFF = 0.4;

/** Counters since the start. */
export interface SegmenterStats {
  readonly packets: number;
  /** Packets before the first keyframe, of unknown renditions, or of segments that were given up. */
  readonly dropped: number;
  /** Packets whose timestamps had to be changed. */
  readonly repairedTimestamps: number;
  /** `UNALIGNED_KEYFRAMES`: segments of a rendition that did not start with a keyframe though the reference's did. */
  readonly unalignedKeyframes: number;
  /** Segments that were cut at a keyframe near the boundary instead of on it. */
  readonly movedCuts: number;
  /** Segments that begin inside a group of pictures because it was longer than the target duration. */
  readonly splitGroups: number;
  /** Segments that a rendition has nothing for. */
  readonly missedSegments: number;
  /** Parts longer than the part target because one packet alone is. */
  readonly oversizedParts: number;
  /** Times that another rendition took over as reference. */
  readonly referenceChanges: number;
}

type Counters = { -readonly [K in keyof SegmenterStats]: SegmenterStats[K] };

/** The state machine. One publisher session after the other: `start`, `push`…, `end`. */
export class Segmenter {
  readonly #segmentDuration: number;
  readonly #partDuration: number;
  readonly #chunkDuration: number | undefined;
  readonly #maxLag: number;
  readonly #maxDrift: number;
  readonly #maxPendingBytes: number;
  readonly #counters: Counters = {
    packets: 0,
    dropped: 0,
    repairedTimestamps: 0,
    unalignedKeyframes: 0,
    movedCuts: 0,
    splitGroups: 0,
    missedSegments: 0,
    oversizedParts: 0,
    referenceChanges: 0,
  };
  #renditions = new Map<string, SegmenterRendition>();
  #order: SegmenterRendition[] = [];
  #reference: SegmenterRendition | undefined;
  /** A video rendition that came back and will be the reference from its next keyframe on; the others wait for it. */
  #returning: SegmenterRendition | undefined;
  /** Oldest first; those that every rendition has passed are forgotten. */
  #boundaries: Boundary[] = [];
  #nextNumber = 0;
  #discontinuitySequence = 0;
  #discontinuityDue = false;
  #anchorTime = 0;
  #anchorWall = 0;
  #lastCutWall = 0;
  #endOfLastSession = Number.NEGATIVE_INFINITY;
  #lateness = Number.POSITIVE_INFINITY;
  #partTarget: number | undefined;
  #targetDuration: number | undefined;

  constructor(options: SegmenterOptions = {}) {
    this.#segmentDuration = positive(options.segmentDuration ?? DEFAULT_SEGMENT_DURATION, "segmentDuration");
    this.#partDuration = positive(options.partDuration ?? DEFAULT_PART_DURATION, "partDuration");
    if (this.#partDuration * 2 > this.#segmentDuration) {
      throw new TranscodeError("INVALID_OPTION", "partDuration must be at most half of segmentDuration");
    }
    this.#chunkDuration = options.chunkDuration;
    this.#targetDuration = options.targetDuration;
    const target = options.targetDuration;
    if (target !== undefined && !(Number.isInteger(target) && target >= this.#segmentDuration)) {
      throw new TranscodeError(
        "INVALID_OPTION",
        "targetDuration must be a whole number of seconds, at least segmentDuration",
      );
    }
    this.#maxLag = positive(options.maxLag ?? DEFAULT_MAX_LAG, "maxLag");
    this.#maxDrift = positive(options.maxDrift ?? DEFAULT_MAX_DRIFT, "maxDrift");
    this.#maxPendingBytes = positive(options.maxPendingBytes ?? DEFAULT_MAX_PENDING_BYTES, "maxPendingBytes");
  }

  /** Seconds, `EXT-X-PART-INF`. Undefined until the first session starts, then fixed. */
  get partTarget(): number | undefined {
    return this.#partTarget;
  }

  /** Whole seconds, `EXT-X-TARGETDURATION`. Undefined until the first segment is whole or given up waiting for, then fixed. */
  get targetDuration(): number | undefined {
    return this.#targetDuration;
  }

  /** Number that the next boundary will have. */
  get nextNumber(): number {
    return this.#nextNumber;
  }

  get stats(): SegmenterStats {
    let oversized = this.#counters.oversizedParts;
    for (const rendition of this.#order) oversized += rendition.cutter.oversized;
    return { ...this.#counters, oversizedParts: oversized };
  }

  /** Begins a publisher session. The first video rendition is the reference that decides where segments start; without video the first one. */
  start(inputs: readonly SegmenterInput[]): void {
    const frames = inputs.map((input) => frameDuration(input.track)).filter((frame) => frame !== undefined);
    this.#partTarget ??= choosePartTarget(this.#partDuration, frames);
    const partTarget = this.#partTarget;
    const chunkDuration = this.#chunkDuration ?? partTarget / 2;
    const byKind = [...inputs].sort((a, b) => Number(a.track.kind === "audio") - Number(b.track.kind === "audio"));
    this.#order = byKind.map((input) => {
      const cutter = new TrackCutter({ rendition: input.id, partTarget, chunkDuration });
      return new SegmenterRendition(input, cutter, this.#nextNumber - 1);
    });
    this.#renditions = new Map(this.#order.map((rendition) => [rendition.id, rendition]));
    this.#reference = this.#order[0];
    this.#returning = undefined;
    this.#boundaries = [];
    this.#lateness = Number.POSITIVE_INFINITY;
  }

  /**
   * Takes the next packet of a rendition.
   *
   * @param now - milliseconds since the Unix epoch, for packets without `receivedAt`.
   */
  push(id: string, packet: Packet, now: number): SegmenterEvent[] {
    const events: SegmenterEvent[] = [];
    const rendition = this.#renditions.get(id);
    this.#counters.packets++;
    if (rendition === undefined || rendition.finished) {
      this.#counters.dropped++;
      return events;
    }
    let newest = Number.NEGATIVE_INFINITY;
    for (const other of this.#order) if (other.pushedEnd > newest) newest = other.pushedEnd;
    if (rendition.enqueue(packet, newest, this.#maxLag)) this.#counters.repairedTimestamps++;
    if (rendition.stalled) this.#revive(rendition);
    this.#drain(now, events);
    this.#replaceStalledReference(now, events);
    return events;
  }

  /** A rendition has ended by itself; the session goes on with the others. */
  finish(id: string, now: number): SegmenterEvent[] {
    const events: SegmenterEvent[] = [];
    const rendition = this.#renditions.get(id);
    if (rendition === undefined) return events;
    rendition.finished = true;
    this.#drain(now, events);
    if (this.#order.every((other) => other.finished)) return events;
    if (rendition === this.#returning) this.#returning = undefined;
    if (rendition === this.#reference) this.#elect(now, events);
    return events;
  }

  /** Ends the session: closes what is open, so that all renditions have the same segments. */
  end(now: number): SegmenterEvent[] {
    const events: SegmenterEvent[] = [];
    this.#returning = undefined;
    for (const rendition of this.#order) rendition.finished = true;
    this.#drain(now, events);
    let end = Number.NEGATIVE_INFINITY;
    for (const rendition of this.#order) {
      if (rendition.end > end) end = rendition.end;
      this.#counters.oversizedParts += rendition.cutter.oversized;
      this.#close(rendition, events);
    }
    const last = this.#boundaries.at(-1);
    if (last !== undefined) {
      for (const rendition of this.#order) this.#miss(rendition, this.#nextNumber, events, end);
      this.#targetDuration ??= targetFor(end - last.time, this.#segmentDuration);
      this.#endOfLastSession = this.#wallClock(end);
      this.#discontinuityDue = true;
    }
    this.#order = [];
    this.#renditions.clear();
    this.#reference = undefined;
    this.#boundaries = [];
    return events;
  }

  #drain(now: number, events: SegmenterEvent[]): void {
    for (let moved = true; moved; ) {
      moved = false;
      const reference = this.#reference;
      if (reference !== undefined) while (this.#step(reference, now, events)) moved = true;
      for (const rendition of this.#order) {
        if (rendition !== reference) while (this.#step(rendition, now, events)) moved = true;
      }
    }
  }

  /** Takes one packet of a rendition further, if it can be decided where it belongs. */
  #step(rendition: SegmenterRendition, now: number, events: SegmenterEvent[]): boolean {
    const packet = rendition.head;
    if (packet === undefined) return false;
    const leads = rendition === this.#reference;
    if (packet.track !== rendition.track) this.#reinitialise(rendition, packet);
    if (rendition.waiting && packet.keyframe) rendition.alignTo(packet);
    if (rendition === this.#returning) return this.#takeLead(rendition, packet, now);
    const time = rendition.time(packet);
    if (!leads && time >= this.#horizon()) return false;
    if (leads) this.#lead(rendition, packet, time, now);
    const boundary = this.#boundaryAt(time + rendition.tolerance(packet));
    const keep = boundary !== undefined && this.#place(rendition, packet, time, boundary, events);
    if (keep) rendition.cutter.add(packet, events);
    else this.#counters.dropped++;
    rendition.shift();
    if (leads) this.#giveUpLaggards(events);
    return true;
  }

  /** Decides whether the reference's packet starts a new segment of everyone. */
  #lead(rendition: SegmenterRendition, packet: Packet, time: number, now: number): void {
    const last = this.#boundaries.at(-1);
    if (packet.keyframe) {
      if (time > rendition.lastKeyframe) rendition.keyframeInterval = time - rendition.lastKeyframe;
      rendition.lastKeyframe = time;
    }
    if (last === undefined) {
      if (packet.keyframe) this.#begin(time, packet, now);
      return;
    }
    // Another rendition led before this one: its boundaries come first.
    if (rendition.cursor + 1 < this.#nextNumber) return;
    const tolerance = packet.duration / 2 / packet.track.timescale;
    const elapsed = time - last.time;
    const limit = this.#longestSegment();
    if (packet.keyframe) {
      const renewed = rendition.waiting;
      const lastChance =
        elapsed >= this.#segmentDuration / 2 && elapsed + rendition.keyframeInterval > limit + tolerance;
      const early = this.#targetDuration !== undefined && lastChance;
      if (elapsed >= this.#segmentDuration - tolerance || (renewed && elapsed > 0) || early) {
        this.#cut(time, true, packet, now);
        return;
      }
    }
    if (!rendition.waiting && elapsed + packet.duration / packet.track.timescale > limit + tolerance) {
      this.#counters.splitGroups++;
      this.#cut(time, packet.keyframe, packet, now);
    }
    this.#noteLateness(time, packet, now);
  }

  /** @returns whether the packet goes into the open segment of its rendition. */
  #place(
    rendition: SegmenterRendition,
    packet: Packet,
    time: number,
    boundary: Boundary,
    events: SegmenterEvent[],
  ): boolean {
    if (boundary.number <= rendition.cursor) return !rendition.waiting;
    if (rendition.waiting) {
      if (boundary.number < rendition.earliest || !this.#canStart(rendition, packet, time, boundary)) return false;
    } else if (rendition.kind === "video" && !packet.keyframe && boundary.keyframe) {
      if (boundary.number > rendition.cursor + 1) {
        rendition.waiting = true;
        return false;
      }
      if (time - boundary.time < KEYFRAME_PATIENCE) return true;
      this.#counters.unalignedKeyframes++;
    } else if (
      Math.abs(time - boundary.time) >
      Math.max(rendition.tolerance(packet), (2 * packet.duration) / packet.track.timescale)
    ) {
      this.#counters.movedCuts++;
    }
    this.#close(rendition, events);
    this.#miss(rendition, boundary.number, events);
    rendition.cursor = boundary.number;
    rendition.open = true;
    rendition.openedAt = time;
    rendition.waiting = false;
    rendition.started = true;
    rendition.strayKeyframes = 0;
    rendition.cutter.open(packet);
    events.push({
      type: "segment-opened",
      rendition: rendition.id,
      boundary,
      track: packet.track,
      time,
      startTicks: rendition.ticks(packet),
    });
    this.#forgetBoundaries();
    return true;
  }

  #canStart(rendition: SegmenterRendition, packet: Packet, time: number, boundary: Boundary): boolean {
    if (rendition.kind === "audio") return time - boundary.time < (2 * packet.duration) / packet.track.timescale;
    if (!packet.keyframe) return false;
    if (time - boundary.time <= rendition.tolerance(packet)) return true;
    // Its encoder does not follow the source's keyframes. A late start is better than none.
    rendition.strayKeyframes++;
    if (rendition.strayKeyframes < 3) return false;
    this.#counters.movedCuts++;
    return true;
  }

  /** The source changed a rendition's configuration, or its encoder was restarted. */
  #reinitialise(rendition: SegmenterRendition, packet: Packet): void {
    rendition.track = packet.track;
    if (!rendition.started) return;
    const time = (packet.keyframe ? packet.pts : packet.dts) / packet.track.timescale;
    const tolerance = packet.duration / packet.track.timescale;
    rendition.waiting = true;
    rendition.strayKeyframes = 0;
    const boundary = this.#boundaryAt(time + tolerance);
    if (boundary?.discontinuity && boundary.number > rendition.cursor) return;
    this.#discontinuityDue = true;
    if (rendition !== this.#reference) rendition.earliest = this.#nextNumber;
  }

  /** How far the others may go: up to where the reference could still put a boundary. */
  #horizon(): number {
    const reference = this.#reference;
    if (reference === undefined || this.#returning !== undefined) return Number.NEGATIVE_INFINITY;
    if (reference.finished && !reference.hasPending) return Number.POSITIVE_INFINITY;
    const last = this.#boundaries.at(-1);
    if (last === undefined) return Number.NEGATIVE_INFINITY;
    return Math.max(reference.end, last.time + this.#segmentDuration / 2);
  }

  #longestSegment(): number {
    return this.#targetDuration === undefined ? DEFAULT_MAX_SEGMENT_DURATION : this.#targetDuration + ROUNDED_OFF;
  }

  #begin(time: number, packet: Packet, now: number): void {
    this.#anchorTime = time;
    this.#anchorWall = Math.max(packet.receivedAt ?? now, this.#endOfLastSession);
    this.#lastCutWall = packet.receivedAt ?? now;
    this.#append(time, true);
  }

  #cut(time: number, keyframe: boolean, packet: Packet, now: number): void {
    const last = this.#boundaries.at(-1)!;
    this.#targetDuration ??= targetFor(time - last.time, this.#segmentDuration);
    const wall = packet.receivedAt ?? now;
    if (this.#hasDrifted(wall - this.#lastCutWall, time - last.time)) {
      this.#anchorTime = time;
      this.#anchorWall = Math.max(wall, last.programDateTime);
      this.#discontinuityDue = true;
    }
    this.#lastCutWall = wall;
    this.#lateness = Number.POSITIVE_INFINITY;
    this.#append(time, keyframe);
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

  #append(time: number, keyframe: boolean): void {
    const discontinuity = this.#discontinuityDue && this.#nextNumber > 0;
    this.#discontinuityDue = false;
    if (discontinuity) this.#discontinuitySequence++;
    this.#boundaries.push({
      number: this.#nextNumber++,
      time,
      discontinuity,
      discontinuitySequence: this.#discontinuitySequence,
      programDateTime: this.#wallClock(time),
      keyframe,
    });
  }

  #wallClock(time: number): number {
    return this.#anchorWall + (time - this.#anchorTime) * 1000;
  }

  /** Remembers the punctual packet of this segment: the smallest delay is what the clocks differ by, the rest is jitter. */
  #noteLateness(time: number, packet: Packet, now: number): void {
    const lateness = (packet.receivedAt ?? now) - this.#wallClock(time);
    if (lateness < this.#lateness) this.#lateness = lateness;
  }

  #boundaryAt(time: number): Boundary | undefined {
    for (let i = this.#boundaries.length - 1; i >= 0; i--) {
      const boundary = this.#boundaries[i]!;
      if (boundary.time <= time) return boundary;
    }
    return undefined;
  }

  #forgetBoundaries(): void {
    let oldest = Number.POSITIVE_INFINITY;
    for (const rendition of this.#order) if (rendition.cursor < oldest) oldest = rendition.cursor;
    while (this.#boundaries.length > 1 && this.#boundaries[0]!.number < oldest) this.#boundaries.shift();
  }

  #close(rendition: SegmenterRendition, events: SegmenterEvent[]): void {
    if (!rendition.open) return;
    rendition.open = false;
    const next = this.#boundaries.find((boundary) => boundary.number === rendition.cursor + 1);
    this.#counters.dropped += rendition.cutter.close(
      next === undefined ? undefined : next.time - rendition.openedAt,
      events,
    );
  }

  /** Fills in for every segment after the rendition's last one and before `number`. */
  #miss(rendition: SegmenterRendition, number: number, events: SegmenterEvent[], end?: number): void {
    while (rendition.cursor + 1 < number) {
      const boundary = this.#boundaries.find((candidate) => candidate.number === rendition.cursor + 1);
      rendition.cursor++;
      if (boundary === undefined) continue;
      const next = this.#boundaries.find((candidate) => candidate.number === boundary.number + 1);
      const duration = (next?.time ?? end ?? boundary.time) - boundary.time;
      this.#counters.missedSegments++;
      events.push({ type: "segment-missed", rendition: rendition.id, boundary, duration });
    }
  }

  /** Renditions that are too far behind the reference lose the segments they have not made. */
  #giveUpLaggards(events: SegmenterEvent[]): void {
    const reference = this.#reference!;
    for (const rendition of this.#order) {
      if (rendition === reference) continue;
      for (;;) {
        const unfinished = rendition.open ? rendition.cursor : rendition.cursor + 1;
        const end = this.#boundaries.find((boundary) => boundary.number === unfinished + 1);
        if (end === undefined || reference.end - end.time <= this.#maxLag) break;
        if (rendition.open) {
          this.#close(rendition, events);
          rendition.waiting = true;
        } else this.#miss(rendition, unfinished + 1, events);
        this.#forgetBoundaries();
      }
    }
  }

  #replaceStalledReference(now: number, events: SegmenterEvent[]): void {
    const leader = this.#returning ?? this.#reference;
    if (leader === undefined) return;
    for (const rendition of this.#order) {
      if (rendition === leader || !rendition.hasPending) continue;
      const behind = Number.isFinite(leader.pushedEnd) && leader.pushedEnd > rendition.pushedEnd - this.#maxLag;
      const waiting = rendition.pendingDuration > this.#maxLag && !behind;
      if (!waiting && rendition.pendingBytes <= this.#maxPendingBytes) continue;
      leader.stalled = true;
      if (this.#returning !== undefined) {
        this.#returning = undefined;
        this.#drain(now, events);
      } else this.#elect(now, events);
      return;
    }
  }

  /** Makes another rendition the reference: the first that is alive, video before audio. */
  #elect(now: number, events: SegmenterEvent[]): void {
    let newest = Number.NEGATIVE_INFINITY;
    for (const rendition of this.#order) if (rendition.pushedEnd > newest) newest = rendition.pushedEnd;
    const next = this.#order.find(
      (rendition) => !rendition.finished && !rendition.stalled && rendition.pushedEnd > newest - this.#maxLag,
    );
    if (next !== undefined && next !== this.#reference) {
      this.#counters.referenceChanges++;
      this.#reference = next;
    }
    this.#drain(now, events);
  }

  #revive(rendition: SegmenterRendition): void {
    rendition.stalled = false;
    if (rendition.kind === "video" && this.#reference?.kind === "audio") {
      rendition.waiting = true;
      this.#returning = rendition;
    }
  }

  /** A video rendition that came back starts a segment of everyone at its first keyframe that nobody has passed. */
  #takeLead(rendition: SegmenterRendition, packet: Packet, now: number): boolean {
    const time = rendition.time(packet);
    let reached = this.#boundaries.at(-1)?.time ?? Number.NEGATIVE_INFINITY;
    for (const other of this.#order) if (other.open && other.end > reached) reached = other.end;
    if (!packet.keyframe || time < reached) {
      this.#counters.dropped++;
      rendition.shift();
      return true;
    }
    this.#returning = undefined;
    this.#reference = rendition;
    this.#counters.referenceChanges++;
    this.#discontinuityDue = true;
    if (this.#boundaries.length === 0) this.#begin(time, packet, now);
    else this.#cut(time, true, packet, now);
    return true;
  }
}

/** The whole seconds that allow a first segment of this length, and others like it. */
function targetFor(duration: number, segmentDuration: number): number {
  return Math.max(Math.ceil(segmentDuration), Math.ceil(duration - ROUNDED_OFF - 0.005));
}

function positive(value: number, name: string): number {
  if (value > 0 && Number.isFinite(value)) return value;
  throw new TranscodeError("INVALID_OPTION", `${name} must be a positive number, not ${value}`);
}
