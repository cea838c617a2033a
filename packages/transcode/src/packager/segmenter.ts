/** Cuts packets into segments, parts and chunks on boundaries that all renditions share. Pure: no clock, no storage. */

import type { Packet } from "@ami-streams/media";
import type { Boundary } from "./boundary.ts";
import { choosePartTarget, frameDuration } from "./part-target.ts";
import { SegmentTimeline } from "./segment-timeline.ts";
import type { SegmenterEvent } from "./segmenter-event.ts";
import {
  KEYFRAME_PATIENCE,
  type ResolvedSegmenterOptions,
  resolveOptions,
  type SegmenterOptions,
  type SegmenterStats,
} from "./segmenter-options.ts";
import { type SegmenterInput, SegmenterRendition } from "./segmenter-rendition.ts";
import { TrackCutter } from "./track-cutter.ts";

/** Seconds that the last packet of a segment may reach over the next boundary. */
const LONGEST_OVERLAP = 0.1;

type Counters = { -readonly [K in keyof SegmenterStats]: SegmenterStats[K] };

/** The state machine. One publisher session after the other: `start`, `push`…, `end`. */
export class Segmenter {
  readonly #options: ResolvedSegmenterOptions;
  readonly #timeline: SegmentTimeline;
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
  #partTarget: number | undefined;

  constructor(options: SegmenterOptions = {}) {
    this.#options = resolveOptions(options);
    this.#timeline = new SegmentTimeline(this.#options);
  }

  /** Seconds, `EXT-X-PART-INF`. Undefined until the first session starts, then fixed. */
  get partTarget(): number | undefined {
    return this.#partTarget;
  }

  /** Whole seconds, `EXT-X-TARGETDURATION`. Undefined until the first segment is whole or given up waiting for, then fixed. */
  get targetDuration(): number | undefined {
    return this.#timeline.targetDuration;
  }

  get stats(): SegmenterStats {
    let oversized = this.#counters.oversizedParts;
    for (const rendition of this.#order) oversized += rendition.cutter.oversized;
    return { ...this.#counters, oversizedParts: oversized };
  }

  /** Begins a publisher session. The first video rendition is the reference that decides where segments start; without video the first one. */
  start(inputs: readonly SegmenterInput[]): void {
    const frames = inputs.map((input) => frameDuration(input.track)).filter((frame) => frame !== undefined);
    this.#partTarget ??= choosePartTarget(this.#options.partDuration, frames);
    const partTarget = this.#partTarget;
    const chunkDuration = this.#options.chunkDuration ?? partTarget / 2;
    const byKind = [...inputs].sort((a, b) => Number(a.track.kind === "audio") - Number(b.track.kind === "audio"));
    this.#order = byKind.map((input) => {
      const cutter = new TrackCutter({ rendition: input.id, partTarget, chunkDuration });
      return new SegmenterRendition(input, cutter, this.#timeline.nextNumber - 1);
    });
    this.#renditions = new Map(this.#order.map((rendition) => [rendition.id, rendition]));
    this.#reference = this.#order[0];
    this.#returning = undefined;
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
    if (rendition.enqueue(packet, newest, this.#options.maxLag)) this.#counters.repairedTimestamps++;
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
    if (this.#timeline.last !== undefined) {
      for (const rendition of this.#order) this.#miss(rendition, this.#timeline.nextNumber, events, end);
      this.#timeline.end(end);
    }
    this.#order = [];
    this.#renditions.clear();
    this.#reference = undefined;
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
    const boundary = this.#timeline.at(time + rendition.tolerance(packet));
    const keep = boundary !== undefined && this.#place(rendition, packet, time, boundary, events);
    if (keep) rendition.cutter.add(this.#endingAtBoundary(rendition, packet, time), events);
    else this.#counters.dropped++;
    rendition.shift();
    if (leads) this.#giveUpLaggards(events);
    return true;
  }

  /** Decides whether the reference's packet starts a new segment of everyone. */
  #lead(rendition: SegmenterRendition, packet: Packet, time: number, now: number): void {
    let last = this.#timeline.last;
    if (packet.keyframe) {
      if (time > rendition.lastKeyframe) rendition.keyframeInterval = time - rendition.lastKeyframe;
      rendition.lastKeyframe = time;
    }
    if (last === undefined) {
      if (packet.keyframe) this.#timeline.begin(time, packet, now);
      return;
    }
    const tolerance = packet.duration / 2 / packet.track.timescale;
    // Another rendition led before this one: its boundaries come first.
    if (time < last.time - tolerance) return;
    const limit = this.#timeline.longestSegment;
    // It has left something out, longer than a segment may be: the others go on with segments of the usual length.
    while (time - last.time > limit + tolerance) {
      last = this.#timeline.cut(last.time + this.#options.segmentDuration, false, packet, now);
    }
    const elapsed = time - last.time;
    if (packet.keyframe) {
      const renewed = rendition.waiting;
      const lastChance =
        elapsed >= this.#options.segmentDuration / 2 && elapsed + rendition.keyframeInterval > limit + tolerance;
      const early = this.#timeline.targetDuration !== undefined && lastChance;
      if (elapsed >= this.#options.segmentDuration - tolerance || (renewed && elapsed > tolerance) || early) {
        this.#timeline.cut(time, true, packet, now);
        return;
      }
    }
    if (!rendition.waiting && elapsed + packet.duration / packet.track.timescale > limit + tolerance) {
      this.#counters.splitGroups++;
      this.#timeline.cut(time, packet.keyframe, packet, now);
    }
    this.#timeline.noteLateness(time, packet, now);
  }

  /** A picture that stands still over a boundary, because frames after it are missing, ends there. */
  #endingAtBoundary(rendition: SegmenterRendition, packet: Packet, time: number): Packet {
    const next = this.#timeline.find(rendition.cursor + 1);
    const { timescale } = packet.track;
    if (next === undefined || time >= next.time) return packet;
    if (time + packet.duration / timescale < next.time + LONGEST_OVERLAP) return packet;
    return { ...packet, duration: Math.max(1, Math.round((next.time - time) * timescale)) };
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
    const boundary = this.#timeline.at(time + tolerance);
    if (boundary?.discontinuity && boundary.number > rendition.cursor) return;
    this.#timeline.breakNext();
    if (rendition !== this.#reference) rendition.earliest = this.#timeline.nextNumber;
  }

  /** How far the others may go: up to where the reference could still put a boundary. */
  #horizon(): number {
    const reference = this.#reference;
    if (reference === undefined || this.#returning !== undefined) return Number.NEGATIVE_INFINITY;
    if (reference.finished && !reference.hasPending) return Number.POSITIVE_INFINITY;
    const last = this.#timeline.last;
    if (last === undefined) return Number.NEGATIVE_INFINITY;
    return Math.max(reference.end, last.time + this.#options.segmentDuration / 2);
  }

  #forgetBoundaries(): void {
    let oldest = Number.POSITIVE_INFINITY;
    for (const rendition of this.#order) if (rendition.cursor < oldest) oldest = rendition.cursor;
    this.#timeline.forget(oldest);
  }

  #close(rendition: SegmenterRendition, events: SegmenterEvent[]): void {
    if (!rendition.open) return;
    rendition.open = false;
    const next = this.#timeline.find(rendition.cursor + 1);
    this.#counters.dropped += rendition.cutter.close(
      next === undefined ? undefined : next.time - rendition.openedAt,
      events,
    );
  }

  /** Fills in for every segment after the rendition's last one and before `number`. */
  #miss(rendition: SegmenterRendition, number: number, events: SegmenterEvent[], end?: number): void {
    while (rendition.cursor + 1 < number) {
      const boundary = this.#timeline.find(rendition.cursor + 1);
      rendition.cursor++;
      if (boundary === undefined) continue;
      const next = this.#timeline.find(boundary.number + 1);
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
        const end = this.#timeline.find(unfinished + 1);
        if (end === undefined || reference.end - end.time <= this.#options.maxLag) break;
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
      const behind = Number.isFinite(leader.pushedEnd) && leader.pushedEnd > rendition.pushedEnd - this.#options.maxLag;
      const waiting = rendition.pendingDuration > this.#options.maxLag && (this.#returning !== undefined || !behind);
      if (!waiting && rendition.pendingBytes <= this.#options.maxPendingBytes) continue;
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
      (rendition) => !rendition.finished && !rendition.stalled && rendition.pushedEnd > newest - this.#options.maxLag,
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
    let reached = this.#timeline.last?.time ?? Number.NEGATIVE_INFINITY;
    for (const other of this.#order) if (other.open && other.end > reached) reached = other.end;
    if (!packet.keyframe || time < reached) {
      this.#counters.dropped++;
      rendition.shift();
      return true;
    }
    this.#returning = undefined;
    this.#reference = rendition;
    this.#counters.referenceChanges++;
    this.#timeline.breakNext();
    if (this.#timeline.last === undefined) this.#timeline.begin(time, packet, now);
    else this.#timeline.cut(time, true, packet, now);
    return true;
  }
}
