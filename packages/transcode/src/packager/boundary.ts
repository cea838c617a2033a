/** The instants at which every rendition starts a new segment. */

/** Where a segment starts, in all renditions. */
export interface Boundary {
  /** Media sequence number of the segment that starts here. */
  readonly number: number;
  /** Seconds on the timeline of the packets: a presentation time of the reference rendition. */
  readonly time: number;
  /** The timeline, or some rendition's configuration, is new from here. Players reset their decoders. */
  readonly discontinuity: boolean;
  /** Discontinuities up to and including this boundary, since the packager was made. */
  readonly discontinuitySequence: number;
  /** Wall clock at `time`, milliseconds since the Unix epoch. One anchor per discontinuity, advanced by media time. */
  readonly programDateTime: number;
  /** False where a group of pictures was longer than a segment may be and had to be split. */
  readonly keyframe: boolean;
}
