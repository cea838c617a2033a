/** One rendition's segments in memory, made from what the segmenter decides. */

import { type Packet, type Track, type TrackKind, writeFragment, writeInitSegment } from "@ami-streams/media";
import { GrowingBody } from "./growing-body.ts";
import { type InitSegment, type Part, Segment } from "./segment.ts";
import type { ChunkCut, PartClosed, SegmentClosed, SegmentMissed, SegmentOpened } from "./segmenter-event.ts";

const BRANDS = ["cmfs", "msdh"] as const;
/** The peak bit rate is that of any run of segments between these many target durations (RFC 8216bis §4.4.6.2). */
const SHORTEST_RUN = 0.5;
const LONGEST_RUN = 1.5;

/** Where a rendition stands: the newest part or, where it has none, segment that can be fetched whole. */
export interface LivePosition {
  readonly msn: number;
  /** Index of the last whole part of `msn`; -1 where there is none. */
  readonly part: number;
}

/** One track of the stream, in one quality. */
export class LiveRendition {
  readonly id: string;
  readonly kind: TrackKind;
  /** For people. */
  name: string;
  /** What packets refer to now. */
  track: Track;
  /** Oldest first, numbers without holes. The last one may be open. */
  readonly segments: Segment[] = [];
  /** Taking part in the current publisher session, or in the last one while there is none. */
  active = true;
  /** Something of it could not be written. Nothing is added any more. */
  failed = false;
  /** Starts the names of all its files. */
  readonly prefix: string;
  readonly #inits: InitSegment[] = [];
  #generation = -1;
  #initTrack: Track | undefined;
  readonly #partTarget: number;
  #nextPart = 0;
  #sequenceNumber = 1;
  #peakBitrate = 0;
  #frames = 0;
  #openFrames = 0;
  #frameTicks = 1;
  /** Ticks at which the newest chunk ends. */
  #chunkEnd: number | undefined;
  #frameSeconds = 0;
  #prft: { wallClock: number; mediaTime: number } | undefined;
  /** Bytes of segments and initialisation segments held. */
  heldBytes = 0;
  partsMade = 0;
  segmentsMade = 0;

  constructor(id: string, name: string, track: Track, prefix: string, partTarget: number) {
    this.id = id;
    this.name = name;
    this.kind = track.kind;
    this.track = track;
    this.prefix = prefix;
    this.#partTarget = partTarget;
  }

  get open(): Segment | undefined {
    const last = this.segments.at(-1);
    return last === undefined || last.complete ? undefined : last;
  }

  /** Number of the newest segment that is whole or missed, -1 before the first. */
  get lastComplete(): number {
    const last = this.segments.at(-1);
    if (last === undefined) return -1;
    return this.open === undefined ? last.number : last.number - 1;
  }

  get position(): LivePosition | undefined {
    const { open } = this;
    if (open !== undefined && open.completeParts.length > 0)
      return { msn: open.number, part: open.completeParts.length - 1 };
    const segment = this.segments.at(open === undefined ? -1 : -2);
    return segment === undefined ? undefined : { msn: segment.number, part: segment.parts.length - 1 };
  }

  /** What the next part will be called, whichever segment it falls in. */
  get nextPartName(): string {
    return this.#partName(this.open?.openPart?.number ?? this.#nextPart);
  }

  /** What the initialisation segment after a discontinuity of the whole session will be called. */
  get nextInitName(): string {
    return this.#initName(this.#generation + 1);
  }

  /** Highest bits per second of a whole segment so far, or what the track says if that is more. Never falls once a segment is whole. */
  get bandwidth(): number {
    if (this.#peakBitrate === 0 && this.track.bitrate === undefined) return this.#firstBitrate();
    return Math.ceil(Math.max(this.#peakBitrate, this.track.bitrate ?? 0));
  }

  /** As the track says, else as counted. */
  get frameRate(): number | undefined {
    if (this.track.kind !== "video") return undefined;
    if (this.track.frameRate !== undefined) return this.track.frameRate;
    return this.#frameSeconds === 0 ? undefined : Math.round((this.#frames / this.#frameSeconds) * 1000) / 1000;
  }

  /** A new publisher session: the next segment has an initialisation segment of its own even where nothing differs. */
  renew(track: Track): void {
    this.track = track;
    this.#initTrack = undefined;
    this.active = true;
  }

  /**
   * Ticks at which the first packet after an instant will be: audio frames are where they are.
   *
   * @param start - ticks of a packet before it.
   * @param time - seconds.
   */
  ticksFrom(start: number, time: number): number {
    const ticks = time * this.track.timescale;
    if (this.kind === "video") return Math.round(ticks);
    return start + Math.ceil((ticks - start) / this.#frameTicks - 1e-6) * this.#frameTicks;
  }

  openSegment(event: SegmentOpened): void {
    if (this.#initTrack !== event.track) this.#initialise(event.track);
    const { boundary, time, startTicks } = event;
    const wallClock = boundary.programDateTime + (time - boundary.time) * 1000;
    this.#prft = { wallClock, mediaTime: startTicks };
    this.#openFrames = 0;
    if (boundary.discontinuity) this.#chunkEnd = undefined;
    this.segments.push(
      new Segment({
        name: this.#segmentName(boundary.number),
        boundary,
        init: this.#inits.at(-1)!,
        startTicks,
        programDateTime: Math.round(wallClock),
      }),
    );
  }

  appendChunk({ packets }: ChunkCut): void {
    const segment = this.open!;
    const first = segment.parts.length === 0;
    const samples = joined(packets, this.#chunkEnd, first);
    const bytes = writeFragment({
      track: packets[0]!.track,
      packets: samples,
      sequenceNumber: this.#sequenceNumber++,
      ...(first ? { styp: BRANDS } : {}),
      ...(first && this.#prft !== undefined ? { prft: this.#prft } : {}),
    });
    const last = samples.at(-1)!;
    this.#chunkEnd = last.dts + last.duration;
    if (first) segment.independent = packets[0]!.keyframe;
    const part = segment.openPart ?? this.#openPart(segment);
    part.body.append(bytes);
    segment.body.append(bytes);
    this.heldBytes += bytes.length;
    this.#openFrames += packets.length;
    this.#frameTicks = packets[0]!.duration;
  }

  closePart({ duration, independent }: PartClosed): void {
    const part = this.open!.openPart!;
    part.duration = duration;
    part.independent = independent;
    part.complete = true;
    part.body.end();
    this.partsMade++;
  }

  closeSegment({ ticks, duration, incomplete }: SegmentClosed, targetDuration: number): void {
    const segment = this.open!;
    if (incomplete) this.#dropOpenPart(segment);
    segment.finish(ticks, duration);
    if (incomplete) {
      this.#fillWithGaps(segment);
      return;
    }
    this.#frames += this.#openFrames;
    this.#frameSeconds += duration;
    this.segmentsMade++;
    this.#measure(targetDuration);
  }

  missSegment({ boundary, duration }: SegmentMissed): void {
    if (this.#initTrack === undefined) this.#initialise(this.track);
    const segment = new Segment({
      name: this.#segmentName(boundary.number),
      boundary,
      init: this.#inits.at(-1)!,
      startTicks: Math.round(boundary.time * this.track.timescale),
      programDateTime: Math.round(boundary.programDateTime),
    });
    this.segments.push(segment);
    segment.finish(Math.round(duration * this.track.timescale), duration);
    this.#fillWithGaps(segment);
  }

  /** Takes no more and gives up what is open. What is whole can still be fetched. */
  fail(): void {
    this.failed = true;
    const { open } = this;
    if (open === undefined) return;
    this.segments.pop();
    this.heldBytes -= open.body.size;
    open.body.evict();
    for (const part of open.parts) part.body.evict();
  }

  /** Frees the oldest segment. */
  evictOldest(): void {
    const segment = this.segments.shift();
    if (segment === undefined) return;
    this.heldBytes -= segment.body.size;
    segment.body.evict();
    for (const part of segment.parts) part.body.evict();
    const oldest = this.segments[0]?.init;
    while (oldest !== undefined && this.#inits[0] !== oldest && this.#inits.length > 1) {
      this.heldBytes -= this.#inits.shift()!.bytes.length;
    }
  }

  init(name: string): InitSegment | undefined {
    return this.#inits.find((init) => init.name === name);
  }

  segment(number: number): Segment | undefined {
    const first = this.segments[0];
    return first === undefined ? undefined : this.segments[number - first.number];
  }

  part(number: number): Part | undefined {
    for (let i = this.segments.length - 1; i >= 0; i--) {
      const parts = this.segments[i]!.parts;
      const first = parts[0];
      if (first !== undefined && first.number <= number) return parts[number - first.number];
    }
    return undefined;
  }

  /** Number of the next part to begin. */
  get nextPart(): number {
    return this.#nextPart;
  }

  /** Raises the peak to that of the runs that end with the newest segment. */
  #measure(targetDuration: number): void {
    let bits = 0;
    let seconds = 0;
    for (let i = this.segments.length - 1; i >= 0; i--) {
      const segment = this.segments[i]!;
      bits += segment.body.size * 8;
      seconds += segment.duration;
      if (seconds > LONGEST_RUN * targetDuration) break;
      if (seconds >= SHORTEST_RUN * targetDuration) this.#peakBitrate = Math.max(this.#peakBitrate, bits / seconds);
    }
    if (this.#peakBitrate === 0 && seconds > 0) this.#peakBitrate = bits / seconds;
  }

  /** Before anything is whole: what the parts so far amount to. */
  #firstBitrate(): number {
    let bytes = 0;
    let seconds = 0;
    for (const part of this.open?.completeParts ?? []) {
      bytes += part.body.size;
      seconds += part.duration;
    }
    return seconds === 0 ? 1 : Math.ceil((bytes * 8) / seconds);
  }

  #openPart(segment: Segment): Part {
    const part = this.#newPart(false);
    segment.parts.push(part);
    return part;
  }

  /** Low-latency clients count parts, so what is not there is listed as parts too. */
  #fillWithGaps(segment: Segment): void {
    segment.missed = true;
    let missing = segment.duration;
    for (const part of segment.parts) missing -= part.duration;
    for (; missing > 1e-6; missing -= this.#partTarget) {
      const part = this.#newPart(true);
      part.duration = Math.min(missing, this.#partTarget);
      part.complete = true;
      segment.parts.push(part);
    }
  }

  /** What takes its place has its name, since that is what the last playlist hinted at. */
  #dropOpenPart(segment: Segment): void {
    const part = segment.openPart;
    if (part === undefined) return;
    segment.parts.pop();
    part.body.evict();
    this.#nextPart = part.number;
  }

  #newPart(gap: boolean): Part {
    const number = this.#nextPart++;
    const name = this.#partName(number);
    return { number, name, body: new GrowingBody(), duration: 0, independent: false, complete: false, gap };
  }

  #initialise(track: Track): void {
    this.track = track;
    this.#initTrack = track;
    this.#generation++;
    const bytes = writeInitSegment({ tracks: [track] });
    this.#inits.push({ name: this.#initName(this.#generation), track, bytes });
    this.heldBytes += bytes.length;
  }

  #initName(generation: number): string {
    return `${this.prefix}-init${generation}.mp4`;
  }

  #segmentName(number: number): string {
    return `${this.prefix}-${number}.m4s`;
  }

  #partName(number: number): string {
    return `${this.prefix}-p${number}.m4s`;
  }
}

/**
 * The packets of a chunk, so that it follows the chunk before in decoding time.
 *
 * Where frames are missing between them, the next one is decoded early and shown at its time: browsers drop everything up to the next keyframe
 * after a jump of more than two frames (Media Source Extensions, coded frame processing). Only a segment may start after a hole. Where the duration
 * that was sent turns out too long, because a late source caught up, the next frames are decoded late: fragments never overlap.
 */
function joined(packets: readonly Packet[], end: number | undefined, startsSegment: boolean): readonly Packet[] {
  const first = packets[0]!;
  if (end === undefined || first.track.kind !== "video" || first.dts === end) return packets;
  if (first.dts > end) {
    if (startsSegment) return packets;
    return [{ ...first, dts: end, duration: first.duration + first.dts - end }, ...packets.slice(1)];
  }
  let at = end;
  return packets.map((packet) => {
    if (packet.dts >= at) return packet;
    const late = {
      ...packet,
      dts: at,
      pts: Math.max(packet.pts, at),
      duration: Math.max(1, packet.dts + packet.duration - at),
    };
    at += late.duration;
    return late;
  });
}
