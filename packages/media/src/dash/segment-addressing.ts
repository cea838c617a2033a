/** Where the segments of a representation are (ISO/IEC 23009-1 §5.3.9). Times are ticks of `timescale` unless said otherwise. */

/** A resource or a part of it (§5.3.9.2.2). */
export interface UrlRange {
  /** Absent: the BaseURL itself. */
  readonly sourceUrl?: string;
  /** Bytes, first and last, e.g. `0-799`. */
  readonly range?: string;
}

/** One segment file that indexes itself (§5.3.9.2). */
export interface SegmentBase {
  /** Ticks per second. Default 1. */
  readonly timescale?: number;
  /** Media time at the start of the period. Default 0. */
  readonly presentationTimeOffset?: number;
  readonly presentationDuration?: number;
  /** Seconds. */
  readonly timeShiftBufferDepth?: number;
  /** Bytes of `sidx`, first and last. */
  readonly indexRange?: string;
  readonly indexRangeExact?: boolean;
  /** Seconds that segments are available before they are whole; `Infinity` is `INF`. */
  readonly availabilityTimeOffset?: number;
  /** False: a segment may be requested while it is still being made. */
  readonly availabilityTimeComplete?: boolean;
  readonly initializationSection?: UrlRange;
  readonly representationIndex?: UrlRange;
}

/** A run of segments of equal duration (`S`, §5.3.9.6). */
export interface TimelineEntry {
  /** Media time of the first. Absent: where the entry before ends. */
  readonly t?: number;
  /** Number of the first. */
  readonly n?: number;
  /** Duration of each. */
  readonly d: number;
  /** How many follow the first: default 0, -1 to the next entry or the end of the period. */
  readonly r?: number;
  /** Subsegments (of a sequence) in each. */
  readonly k?: number;
}

interface MultipleSegmentBase extends SegmentBase {
  /** Of every segment; either this or `timeline`. */
  readonly duration?: number;
  /** Default 1. */
  readonly startNumber?: number;
  readonly endNumber?: number;
  readonly timeline?: readonly TimelineEntry[];
  readonly bitstreamSwitchingSection?: UrlRange;
}

/** Addressing by template: `$RepresentationID$`, `$Number%05d$`, `$Time$`, `$Bandwidth$`, `$SubNumber$` (§5.3.9.4). */
export interface SegmentTemplate extends MultipleSegmentBase {
  readonly media?: string;
  readonly index?: string;
  readonly initialization?: string;
  readonly bitstreamSwitching?: string;
}

/** One segment of a list (§5.3.9.3). */
export interface SegmentUrl {
  readonly media?: string;
  readonly mediaRange?: string;
  readonly index?: string;
  readonly indexRange?: string;
}

/** Addressing by enumeration (§5.3.9.3). */
export interface SegmentList extends MultipleSegmentBase {
  readonly segmentUrls: readonly SegmentUrl[];
}
