/** What a live stream holds in memory: the newest segments of every rendition, bounded in time and in bytes. */

import type { Track } from "@ami-streams/media";
import type { Boundary } from "./boundary.ts";
import { LiveRendition } from "./live-rendition.ts";
import type { Segment } from "./segment.ts";
import type { SegmenterEvent } from "./segmenter-event.ts";

/** Options of {@link LiveWindow}. */
export interface LiveWindowOptions {
  /** Seconds of whole segments that playlists list. */
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
  #boundaries: Boundary[] = [];
  #listedFrom = 0;
  #targetDuration = 1;
  #sessions = 0;
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
  start(inputs: readonly { readonly id: string; readonly name: string; readonly track: Track }[]): void {
    for (const rendition of this.#renditions.values()) rendition.active = false;
    for (const { id, name, track } of inputs) {
      const before = this.#renditions.get(id);
      if (before !== undefined && before.kind === track.kind) {
        before.name = name;
        before.renew(track);
      } else {
        // A name that comes back after it was forgotten must not give its files the names they had.
        const prefix = `${this.#prefix}${this.#sessions.toString(36)}`;
        this.#renditions.set(id, new LiveRendition(id, name, track, prefix));
      }
    }
    this.#sessions++;
  }

  /** @param targetDuration - seconds, as soon as it is known. */
  apply(event: SegmenterEvent, targetDuration: number | undefined): void {
    const rendition = this.#renditions.get(event.rendition);
    if (rendition === undefined) return;
    if (targetDuration !== undefined) this.#targetDuration = targetDuration;
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
        rendition.closeSegment(event, this.#targetDuration);
        this.#age();
        break;
      case "segment-missed":
        this.#noteBoundary(event.boundary);
        rendition.missSegment(event);
        this.#age();
        break;
    }
  }

  /** Segments of a rendition that its playlist lists, whole or missed, oldest first. */
  listed(rendition: LiveRendition): readonly Segment[] {
    const { segments } = rendition;
    const end = rendition.open === undefined ? segments.length : segments.length - 1;
    const first = segments[0]?.number ?? 0;
    return segments.slice(Math.max(0, this.#listedFrom - first), end);
  }

  #noteBoundary(boundary: Boundary): void {
    const last = this.#boundaries.at(-1);
    if (last !== undefined && last.number >= boundary.number) return;
    this.#boundaries.push(boundary);
    if (last === undefined || boundary.discontinuity) {
      this.#periods.push({ id: boundary.discontinuitySequence, start: boundary });
    }
  }

  /**
   * Takes old segments off the playlists and, once clients that saw them there had the time to load them, out of memory
   * (RFC 8216bis §6.2.2: the length of the playlist and of the segment).
   */
  #age(): void {
    const leader = this.#leader();
    if (leader === undefined) return;
    let seconds = 0;
    let index = leader.segments.length - (leader.open === undefined ? 1 : 2);
    while (index >= 0 && seconds < this.#window) seconds += leader.segments[index--]!.duration;
    const listed = leader.segments[index + 1]?.number ?? 0;
    this.#listFrom(listed);
    const grace = this.#window + this.#targetDuration;
    for (seconds = 0; index >= 0 && seconds < grace; index--) seconds += leader.segments[index]!.duration;
    const kept = leader.segments[index + 1]?.number ?? 0;
    for (const rendition of this.#renditions.values()) {
      while ((rendition.segments[0]?.number ?? kept) < kept) rendition.evictOldest();
      if (!rendition.active && rendition.segments.length === 0) this.#renditions.delete(rendition.id);
    }
  }

  /** Drops the oldest segment of everyone until the bytes fit; the newest one stays, whatever it takes. */
  #makeRoom(): void {
    const leader = this.#leader();
    const newest = leader?.segments.at(-1)?.number ?? 0;
    while (this.heldBytes > this.#maxBytes) {
      let oldest = Number.POSITIVE_INFINITY;
      for (const rendition of this.#renditions.values()) {
        oldest = Math.min(oldest, rendition.segments[0]?.number ?? Number.POSITIVE_INFINITY);
      }
      if (oldest >= newest) return;
      for (const rendition of this.#renditions.values()) {
        if (rendition.segments[0]?.number === oldest) rendition.evictOldest();
      }
      if (oldest >= this.#listedFrom) {
        this.evictedEarly++;
        this.#listFrom(oldest + 1);
      }
    }
  }

  #listFrom(number: number): void {
    if (number <= this.#listedFrom) return;
    this.#listedFrom = number;
    while (this.#boundaries.length > 1 && this.#boundaries[0]!.number < number) this.#boundaries.shift();
    const current = this.#boundaries[0]?.discontinuitySequence ?? 0;
    this.#periods = this.#periods.filter((period) => period.id >= current);
  }

  /** The rendition that is furthest. */
  #leader(): LiveRendition | undefined {
    let leader: LiveRendition | undefined;
    for (const rendition of this.#renditions.values()) {
      if (leader === undefined || rendition.lastComplete > leader.lastComplete) leader = rendition;
    }
    return leader;
  }
}
