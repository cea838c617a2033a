/** What can be chosen of a segmenter, and what it counts. */

import { TranscodeError } from "../errors.ts";

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
  /**
   * The wall-clock anchor is taken anew, as a discontinuity, when media time has run this far away from it; not where that would repeat dates, because
   * the source's clock was put back: those go on by media time. Default {@link DEFAULT_MAX_DRIFT}.
   */
  readonly maxDrift?: number;
  /** Bytes of packets of one rendition that may wait for the reference. Default {@link DEFAULT_MAX_PENDING_BYTES}. */
  readonly maxPendingBytes?: number;
}

export const DEFAULT_SEGMENT_DURATION = 2;
/** Gives a part target of 0.21 s and so a hold-back of 0.84 s. */
export const DEFAULT_PART_DURATION = 0.2;
/** The longest first group of pictures that is waited for. */
export const DEFAULT_MAX_SEGMENT_DURATION = 10;
export const DEFAULT_MAX_LAG = 6;
export const DEFAULT_MAX_DRIFT = 1;
export const DEFAULT_MAX_PENDING_BYTES = 8 * 1024 * 1024;
/** A rendition whose keyframe comes this much after the boundary is cut there, so that its segment can be started from. */
export const KEYFRAME_PATIENCE = 0.5;

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

/** Options with defaults. */
export type ResolvedSegmenterOptions = Required<Omit<SegmenterOptions, "targetDuration" | "chunkDuration">> &
  Pick<SegmenterOptions, "targetDuration" | "chunkDuration">;

/** @throws {TranscodeError} `INVALID_OPTION`. */
export function resolveOptions(options: SegmenterOptions): ResolvedSegmenterOptions {
  const { targetDuration, chunkDuration } = options;
  const segmentDuration = positive(options.segmentDuration ?? DEFAULT_SEGMENT_DURATION, "segmentDuration");
  const partDuration = positive(options.partDuration ?? DEFAULT_PART_DURATION, "partDuration");
  if (partDuration * 2 > segmentDuration) throw invalid("partDuration must be at most half of segmentDuration");
  if (targetDuration !== undefined && !(Number.isInteger(targetDuration) && targetDuration >= segmentDuration)) {
    throw invalid("targetDuration must be a whole number of seconds, at least segmentDuration");
  }
  return {
    segmentDuration,
    partDuration,
    maxLag: positive(options.maxLag ?? DEFAULT_MAX_LAG, "maxLag"),
    maxDrift: positive(options.maxDrift ?? DEFAULT_MAX_DRIFT, "maxDrift"),
    maxPendingBytes: positive(options.maxPendingBytes ?? DEFAULT_MAX_PENDING_BYTES, "maxPendingBytes"),
    ...(targetDuration === undefined ? {} : { targetDuration }),
    ...(chunkDuration === undefined ? {} : { chunkDuration: positive(chunkDuration, "chunkDuration") }),
  };
}

function positive(value: number, name: string): number {
  if (value > 0 && Number.isFinite(value)) return value;
  throw invalid(`${name} must be a positive number, not ${value}`);
}

function invalid(message: string): TranscodeError {
  return new TranscodeError("INVALID_OPTION", message);
}
