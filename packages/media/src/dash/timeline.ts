/** Segments that a SegmentTimeline lists. */
import type { AdaptationSet, Representation } from "./adaptation-set.ts";
import type { Period } from "./mpd.ts";
import type { SegmentTemplate } from "./segment-addressing.ts";

/** Segments of one SegmentTimeline that are unfolded at most; a bound against `@r` of billions. */
export const MAX_TIMELINE_SEGMENTS = 100_000;

/** One segment of a timeline, in ticks. */
export interface TimelineSegment {
  readonly number: number;
  readonly time: number;
  readonly duration: number;
}

/** The template of a representation: its own attributes over those of its adaptation set, over those of the period (§5.3.9.1). */
export function effectiveTemplate(
  period: Period,
  set: AdaptationSet,
  representation: Representation,
): SegmentTemplate | undefined {
  if (
    period.segmentTemplate === undefined &&
    set.segmentTemplate === undefined &&
    representation.segmentTemplate === undefined
  )
    return undefined;
  return { ...period.segmentTemplate, ...set.segmentTemplate, ...representation.segmentTemplate };
}

/**
 * The segments of a template's timeline. An open end (`@r` of -1 on the last entry) gives the one segment that is sure.
 *
 * Stops after {@link MAX_TIMELINE_SEGMENTS}.
 */
export function timelineSegments(template: SegmentTemplate): readonly TimelineSegment[] {
  const segments: TimelineSegment[] = [];
  const timeline = template.timeline ?? [];
  let number = template.startNumber ?? 1;
  let time = 0;
  for (const [index, entry] of timeline.entries()) {
    time = entry.t ?? time;
    number = entry.n ?? number;
    const next = timeline[index + 1]?.t;
    let repeat = entry.r ?? 0;
    if (repeat < 0) repeat = next === undefined || entry.d === 0 ? 0 : Math.ceil((next - time) / entry.d) - 1;
    for (; repeat >= 0; repeat -= 1) {
      if (segments.length === MAX_TIMELINE_SEGMENTS) return segments;
      segments.push({ number, time, duration: entry.d });
      number += 1;
      time += entry.d;
    }
  }
  return segments;
}
