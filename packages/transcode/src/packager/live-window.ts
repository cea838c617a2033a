/** What a live stream holds in memory: the newest segments of every rendition, bounded in time and in bytes. */

import type { Track } from "@ami-streams/media";
import type { Boundary } from "./boundary.ts";
import { LiveRendition } from "./live-rendition.ts";
import type { Segment } from "./segment.ts";
import type { SegmenterEvent } from "./segmenter-event.ts";

/** A playlist is at least this many target durations long, but where bytes run out. */
const MIN_WINDOW_TARGETS = 3;

/** Options of {@link LiveWindow}. */
export interface LiveWindowOptions {
  /** Seconds of whole segments that playlists list; at least three target durations. */
  readonly window: number;
  /** Bytes of all renditions together. The oldest segments go first, in all renditions at once. */
  readonly maxBytes: number;
  /** First part of every file name: unique per packager, so that names never come back. */
  readonly prefix: string;
}

/** A stretch without discontinuity: a DASH Period. */
export interface Period {
  /** Its `discontinuitySequence`. */
  readonly id: number;
  readonly start: Boundary;
}

/** Segments are appended by segmenter events and leave by age or when bytes run out. */
export class LiveWindow {
  readonly #window: number;
  readonly #maxBytes: number;
  readonly #prefix: string;
  readonly #renditions = new Map<string, LiveRendition>();
  #periods: Period[] = [];
  /** Every segment number that something is held of, oldest first. */
  #timeline: { readonly boundary: Boundary; duration: number }[] = [];
  #listedFrom = 0;
  #targetDuration = 1;
  #sessions = 0;
  /** A publisher session has begun, and nothing of it is here. */
  awaitsSession = false;
  /** Segments that had to leave before their time because bytes ran out. */
  evictedEarly = 0;

  constructor(options: LiveWindowOptions) {
    this.#window = options.window;
    this.#maxBytes = options.maxBytes;
    this.#prefix = options.prefix;
  }

  /** In the order they were added. */
  get renditions(): IterableIterator<LiveRendition> {
    return this.#renditions.values();
  }

  /** Oldest first; the first one has listed segments. */
  get periods(): readonly Period[] {
    return this.#periods;
  }

  /** Media sequence number that all playlists start with. */
  get listedFrom(): number {
    return this.#listedFrom;
  }

  get heldBytes(): number {
    let bytes = 0;
    for (const rendition of this.#renditions.values()) bytes += rendition.heldBytes;
    return bytes;
  }

  rendition(id: string): LiveRendition | undefined {
    return this.#renditions.get(id);
  }

  /** A publisher session begins with these renditions; others keep what they have until it has left the window. */
  start(
    inputs: readonly { readonly id: string; readonly name: string; readonly track: Track }[],
    partTarget: number,
  ): void {
    const current = new Set([...this.#renditions.values()].filter(({ active, failed }) => active && !failed));
    for (const rendition of this.#renditions.values()) rendition.active = false;
    for (const { id, name, track } of inputs) {
      const before = this.#renditions.get(id);
      // One that failed, or was not there the last time, has a hole: it begins anew.
      if (before !== undefined && current.has(before) && before.kind === track.kind) {
        before.name = name;
        before.renew(track);
      } else {
        // A name that comes back after it was forgotten must not give its files the names they had.
        const prefix = `${this.#prefix}${this.#sessions.toString(36)}`;
        this.#renditions.set(id, new LiveRendition(id, name, track, prefix, partTarget));
      }
    }
    this.#sessions++;
    this.awaitsSession = true;
  }

  /**
   * @param targetDuration - seconds, as soon as it is known.
   * @returns false where nothing came of it: the rendition has failed.
   * @throws what kept media from being written, once; its rendition has failed then.
   */
  apply(event: SegmenterEvent, targetDuration: number | undefined): boolean {
    const rendition = this.#renditions.get(event.rendition);
    if (rendition === undefined || rendition.failed) return false;
    if (targetDuration !== undefined) this.#targetDuration = targetDuration;
    try {
      this.#apply(rendition, event);
    } catch (error) {
      rendition.fail();
      // The last one stays, so that the stream has something to show while its publisher is away.
      rendition.active = false;
      rendition.active = [...this.#renditions.values()].every((other) => !other.active);
      throw error;
    }
    return true;
  }

  #apply(rendition: LiveRendition, event: SegmenterEvent): void {
    switch (event.type) {
      case "segment-opened":
        this.#noteBoundary(event.boundary);
        rendition.openSegment(event);
        break;
      case "chunk-cut":
        rendition.appendChunk(event);
        if (this.heldBytes > this.#maxBytes) this.#makeRoom();
        break;
      case "part-closed":
        rendition.closePart(event);
        break;
      case "segment-closed":
        this.#noteDuration(rendition.open!.number, event.duration);
        rendition.closeSegment(event, this.#targetDuration);
        this.#age();
        break;
      case "segment-missed":
        this.#noteBoundary(event.boundary);
        this.#noteDuration(event.boundary.number, event.duration);
        rendition.missSegment(event);
        this.#age();
        break;
    }
  }

  /**
   * When a segment starts: known, or expected by the length of the newest one.
   *
   * @param usual - seconds of a segment where there is none to go by.
   */
  startOf(number: number, usual: number): number {
    const known = this.#timeline[number - (this.#timeline[0]?.boundary.number ?? 0)];
    if (known !== undefined) return known.boundary.time;
    const last = this.#timeline.at(-1)?.boundary;
    if (last === undefined) return 0;
    const before = this.#timeline.at(-2)?.boundary;
    const step = before === undefined || last.discontinuity ? usual : last.time - before.time;
    return last.time + (number - last.number) * step;
  }

  /** Bits per second over the whole segments that a rendition's playlist lists; before there are any, the peak. */
  averageBandwidth(rendition: LiveRendition): number {
    let bytes = 0;
    let seconds = 0;
    for (const segment of this.listed(rendition)) {
      if (segment.missed) continue;
      bytes += segment.body.size;
      seconds += segment.duration;
    }
    return seconds === 0 ? rendition.bandwidth : Math.min(rendition.bandwidth, Math.ceil((bytes * 8) / seconds));
  }

  /** Segments of a rendition that its playlist lists, whole or missed, oldest first. */
  listed(rendition: LiveRendition): readonly Segment[] {
    const { segments } = rendition;
    const end = rendition.open === undefined ? segments.length : segments.length - 1;
    const first = segments[0]?.number ?? 0;
    return segments.slice(Math.max(0, this.#listedFrom - first), end);
  }

  #noteBoundary(boundary: Boundary): void {
    const last = this.#timeline.at(-1)?.boundary;
    if (last !== undefined && last.number >= boundary.number) return;
    this.awaitsSession = false;
    this.#timeline.push({ boundary, duration: 0 });
    if (last === undefined || boundary.discontinuity) {
      this.#periods.push({ id: boundary.discontinuitySequence, start: boundary });
    }
  }

  #noteDuration(number: number, duration: number): void {
    const entry = this.#timeline[number - (this.#timeline[0]?.boundary.number ?? 0)];
    if (entry !== undefined && duration > entry.duration) entry.duration = duration;
  }

  /**
   * Takes old segments off the playlists and, once clients that saw them there had the time to load them, out of memory
   * (RFC 8216bis §6.2.2: the length of the playlist and of the segment).
   */
  #age(): void {
    let index = this.#timeline.length - 1;
    const newest = this.#newestComplete();
    while (index >= 0 && this.#timeline[index]!.boundary.number > newest) index--;
    // RFC 8216bis §6.2.2: never less than three target durations.
    const window = Math.max(this.#window, MIN_WINDOW_TARGETS * this.#targetDuration);
    let seconds = 0;
    while (index >= 0 && seconds < window) seconds += this.#timeline[index--]!.duration;
    this.#listFrom(this.#timeline[index + 1]?.boundary.number ?? 0);
    const grace = window + this.#targetDuration;
    for (seconds = 0; index >= 0 && seconds < grace; index--) seconds += this.#timeline[index]!.duration;
    this.#forget(this.#timeline[index + 1]?.boundary.number ?? 0);
  }

  /** Frees all segments before `number`. */
  #forget(number: number): void {
    for (const rendition of this.#renditions.values()) {
      while ((rendition.segments[0]?.number ?? number) < number) rendition.evictOldest();
      if (!rendition.active && rendition.segments.length === 0) this.#renditions.delete(rendition.id);
    }
    while (this.#timeline.length > 1 && this.#timeline[0]!.boundary.number < number) this.#timeline.shift();
  }

  /** Drops the oldest segment of everyone until the bytes fit; the newest one stays, whatever it takes. */
  #makeRoom(): void {
    const newest = this.#timeline.at(-1)?.boundary.number ?? 0;
    while (this.heldBytes > this.#maxBytes) {
      const oldest = this.#timeline[0]?.boundary.number ?? newest;
      if (oldest >= newest) return;
      if (oldest >= this.#listedFrom) {
        this.evictedEarly++;
        this.#listFrom(oldest + 1);
      }
      this.#forget(oldest + 1);
    }
  }

  #listFrom(number: number): void {
    if (number <= this.#listedFrom) return;
    this.#listedFrom = number;
    const first = this.#timeline.find((entry) => entry.boundary.number >= number);
    const current = first?.boundary.discontinuitySequence ?? 0;
    this.#periods = this.#periods.filter((period) => period.id >= current);
  }

  #newestComplete(): number {
    let newest = -1;
    for (const rendition of this.#renditions.values()) newest = Math.max(newest, rendition.lastComplete);
    return newest;
  }
}
