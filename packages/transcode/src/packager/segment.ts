/** Segments and parts as they lie in memory. */

import type { Track } from "@ami-streams/media";
import type { Boundary } from "./boundary.ts";
import { GrowingBody } from "./growing-body.ts";

/** An initialisation segment of a rendition. */
export interface InitSegment {
  /** File name within the rendition. */
  readonly name: string;
  readonly track: Track;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** One or more CMAF chunks, addressable on their own in LL-HLS (RFC 8216bis §4.4.4.9). */
export interface Part {
  /** Counts from 0 over all segments of the rendition, so that the name of the next part is known before its segment is. */
  readonly number: number;
  readonly name: string;
  readonly body: GrowingBody;
  /** Seconds, 0 while it is made. Never above the part target. */
  duration: number;
  /** Has a keyframe in it. */
  independent: boolean;
  /** Nothing more will be added. */
  complete: boolean;
  /** Stands for media that there is none of: `GAP=YES`. */
  readonly gap: boolean;
}

/** One media segment of one rendition, whole, growing or missed. */
export class Segment {
  readonly number: number;
  readonly name: string;
  readonly boundary: Boundary;
  readonly init: InitSegment;
  /** Presentation time of the first packet in ticks of the track. */
  readonly startTicks: number;
  /** Wall clock of the first packet, whole milliseconds since the Unix epoch. */
  readonly programDateTime: number;
  readonly parts: Part[] = [];
  readonly body = new GrowingBody();
  /** Starts with a keyframe. */
  independent = false;
  /** Seconds; 0 while it is made. */
  duration = 0;
  /** The same in ticks of the track. */
  ticks = 0;
  complete = false;
  /** Nothing is there, or not all of it: `EXT-X-GAP`. */
  missed = false;

  constructor(values: {
    readonly name: string;
    readonly boundary: Boundary;
    readonly init: InitSegment;
    readonly startTicks: number;
    readonly programDateTime: number;
  }) {
    this.number = values.boundary.number;
    this.name = values.name;
    this.boundary = values.boundary;
    this.init = values.init;
    this.startTicks = values.startTicks;
    this.programDateTime = values.programDateTime;
  }

  get openPart(): Part | undefined {
    const part = this.parts.at(-1);
    return part === undefined || part.complete ? undefined : part;
  }

  /** Parts that are whole. */
  get completeParts(): readonly Part[] {
    return this.openPart === undefined ? this.parts : this.parts.slice(0, -1);
  }

  /** Puts all bytes in one piece, of which the parts become views. */
  finish(ticks: number, duration: number): void {
    this.ticks = ticks;
    this.duration = duration;
    this.complete = true;
    this.body.end();
    const bytes = this.body.bytes!;
    let at = 0;
    for (const part of this.parts) {
      if (part.gap) continue;
      part.body.end(bytes.subarray(at, at + part.body.size));
      at += part.body.size;
    }
  }
}
