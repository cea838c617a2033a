/** What a segmenter says became final. Applied in order, the events of one rendition are its segments, parts and chunks. */

import type { Packet, Track } from "@ami-streams/media";
import type { Boundary } from "./boundary.ts";

/** A segment begins. */
export interface SegmentOpened {
  readonly type: "segment-opened";
  readonly rendition: string;
  readonly boundary: Boundary;
  /** What its packets refer to. Another object than before means another initialisation segment. */
  readonly track: Track;
  /** Presentation time of its first packet, seconds. Near the boundary's time: exact for video, within a frame for audio. */
  readonly time: number;
  /** The same in ticks of the track. */
  readonly startTicks: number;
}

/** Packets for one `moof` + `mdat` of the open part. */
export interface ChunkCut {
  readonly type: "chunk-cut";
  readonly rendition: string;
  readonly packets: readonly Packet[];
}

/** The open part is whole. */
export interface PartClosed {
  readonly type: "part-closed";
  readonly rendition: string;
  /** Seconds. */
  readonly duration: number;
  /** Has a keyframe in it. */
  readonly independent: boolean;
}

/** The open segment is whole. Its last part was closed before. */
export interface SegmentClosed {
  readonly type: "segment-closed";
  readonly rendition: string;
  /** Ticks of the track. */
  readonly ticks: number;
  /** Seconds. */
  readonly duration: number;
  /** Its rendition stopped on the way; duration is that of the others. */
  readonly incomplete: boolean;
}

/** This rendition has nothing for a segment that others have. */
export interface SegmentMissed {
  readonly type: "segment-missed";
  readonly rendition: string;
  readonly boundary: Boundary;
  /** Seconds, as long as the segment of the others. */
  readonly duration: number;
}

/** One step of one rendition. */
export type SegmenterEvent = SegmentOpened | ChunkCut | PartClosed | SegmentClosed | SegmentMissed;
