/** Rules over an MPD and the one it updates. */
import type { MpdCheck } from "./check-mpd.ts";
import type { Mpd, Period } from "./mpd.ts";
import { effectiveTemplate, type TimelineSegment, timelineSegments } from "./timeline.ts";

/** Two loads of the same URL. */
export interface MpdUpdate {
  readonly before: Mpd;
  readonly after: Mpd;
}

/** See {@link checkMpd}. */
export const updateRules: readonly MpdCheck<MpdUpdate>[] = [
  {
    id: "availability-start-time-constant",
    severity: "must",
    source: "ISO/IEC 23009-1 §5.4.1",
    check({ before, after }, report) {
      if (before.availabilityStartTime !== after.availabilityStartTime) report("@availabilityStartTime changed");
    },
  },
  {
    id: "publish-time-grows",
    severity: "must",
    source: "ISO/IEC 23009-1 §5.4.1",
    check({ before, after }, report) {
      if ((after.publishTime ?? 0) < (before.publishTime ?? 0)) report("@publishTime went back");
    },
  },
  {
    id: "id-constant",
    severity: "must",
    source: "ISO/IEC 23009-1 §5.4.1",
    check({ before, after }, report) {
      if (before.id !== after.id) report(`MPD@id changed from ${before.id ?? "none"} to ${after.id ?? "none"}`);
    },
  },
  {
    id: "period-start-constant",
    severity: "must",
    source: "ISO/IEC 23009-1 §5.4.1",
    check(update, report) {
      for (const [old, now] of commonPeriods(update)) {
        if (old.start !== undefined && now.start !== undefined && old.start !== now.start)
          report(`period ${old.id} moved from ${old.start} s to ${now.start} s`);
      }
    },
  },
  {
    id: "segments-constant",
    severity: "must",
    source: "ISO/IEC 23009-1 §5.4.1",
    check(update, report) {
      for (const [id, old, now] of commonTimelines(update)) {
        const byNumber = new Map(now.map((item) => [item.number, item]));
        const changed = old.find((item) => {
          const other = byNumber.get(item.number);
          return other !== undefined && (other.time !== item.time || other.duration !== item.duration);
        });
        if (changed !== undefined) report(`segment ${changed.number} of ${id} changed its time or duration`);
      }
    },
  },
  {
    id: "live-edge-never-falls",
    severity: "must",
    source: "ISO/IEC 23009-1 §5.4.1",
    check(update, report) {
      for (const [id, old, now] of commonTimelines(update)) {
        const end = endOf(old);
        const newEnd = endOf(now);
        if (newEnd < end) report(`the timeline of ${id} ended at ${end}, and now ends at ${newEnd}`);
      }
    },
  },
];

function endOf(segments: readonly TimelineSegment[]): number {
  const last = segments.at(-1);
  return last === undefined ? 0 : last.time + last.duration;
}

function commonPeriods({ before, after }: MpdUpdate): readonly [Period, Period][] {
  return before.periods.flatMap((old): [Period, Period][] => {
    const now = old.id === undefined ? undefined : after.periods.find((item) => item.id === old.id);
    return now === undefined ? [] : [[old, now]];
  });
}

function commonTimelines(
  update: MpdUpdate,
): readonly [id: string, old: readonly TimelineSegment[], now: readonly TimelineSegment[]][] {
  return commonPeriods(update).flatMap(([old, now]) => {
    const later = timelines(now);
    return [...timelines(old)].flatMap(
      ([id, segments]): [string, readonly TimelineSegment[], readonly TimelineSegment[]][] => {
        const others = later.get(id);
        return others === undefined ? [] : [[id, segments, others]];
      },
    );
  });
}

function timelines(period: Period): ReadonlyMap<string, readonly TimelineSegment[]> {
  const found = new Map<string, readonly TimelineSegment[]>();
  for (const set of period.adaptationSets) {
    for (const representation of set.representations) {
      const template = effectiveTemplate(period, set, representation);
      if (template?.timeline !== undefined) found.set(representation.id, timelineSegments(template));
    }
  }
  return found;
}
