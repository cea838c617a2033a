/** Rules over one MPD. */
import type { AdaptationSet, Representation } from "./adaptation-set.ts";
import type { MpdCheck } from "./check-mpd.ts";
import type { Mpd, Period } from "./mpd.ts";
import type { SegmentTemplate } from "./segment-addressing.ts";
import { effectiveTemplate, timelineSegments } from "./timeline.ts";

const ISO = "ISO/IEC 23009-1";
const IOP = "DASH-IF IOP Part 5 (low latency)";
const LIVE = "DASH-IF IOP Part 4 (live services)";

interface PlacedRepresentation {
  readonly period: Period;
  readonly set: AdaptationSet;
  readonly representation: Representation;
  readonly template: SegmentTemplate | undefined;
}

/** See {@link checkMpd}. */
export const mpdRules: readonly MpdCheck<Mpd>[] = [
  {
    id: "profiles-present",
    severity: "must",
    source: `${ISO} §5.3.1.2`,
    check(mpd, report) {
      if (mpd.profiles.length === 0) report("MPD@profiles lists nothing");
    },
  },
  {
    id: "availability-start-time",
    severity: "must",
    source: `${ISO} §5.3.1.2`,
    check(mpd, report) {
      if (isDynamic(mpd) && mpd.availabilityStartTime === undefined)
        report("a dynamic MPD has no @availabilityStartTime");
    },
  },
  {
    id: "publish-time",
    severity: "must",
    source: `${ISO} §5.3.1.2`,
    check(mpd, report) {
      if (isDynamic(mpd) && mpd.publishTime === undefined) report("a dynamic MPD has no @publishTime");
    },
  },
  {
    id: "minimum-update-period",
    severity: "must",
    source: `${LIVE}; ${ISO} §5.3.1.2`,
    check(mpd, report) {
      if (
        isDynamic(mpd) &&
        mpd.minimumUpdatePeriod === undefined &&
        mpd.mediaPresentationDuration === undefined &&
        mpd.periods.at(-1)?.duration === undefined
      ) {
        report("a dynamic MPD of unknown end has no @minimumUpdatePeriod, so clients never load it again");
      }
    },
  },
  {
    id: "time-shift-buffer-depth",
    severity: "should",
    source: LIVE,
    check(mpd, report) {
      if (isDynamic(mpd) && mpd.timeShiftBufferDepth === undefined)
        report("no @timeShiftBufferDepth, so everything since the start is promised for ever");
    },
  },
  {
    id: "time-shift-buffer-long-enough",
    severity: "should",
    source: LIVE,
    check(mpd, report) {
      const delay = mpd.suggestedPresentationDelay ?? 0;
      if (mpd.timeShiftBufferDepth !== undefined && mpd.timeShiftBufferDepth < delay) {
        report(
          `@timeShiftBufferDepth of ${mpd.timeShiftBufferDepth} s is below @suggestedPresentationDelay of ${delay} s`,
        );
      }
    },
  },
  {
    id: "suggested-presentation-delay",
    severity: "should",
    source: LIVE,
    check(mpd, report) {
      if (isDynamic(mpd) && mpd.suggestedPresentationDelay === undefined)
        report("no @suggestedPresentationDelay, so each client chooses its own");
    },
  },
  {
    id: "utc-timing",
    severity: "must",
    source: `${LIVE}; ${IOP}`,
    check(mpd, report) {
      if (isDynamic(mpd) && !mpd.utcTimings?.length)
        report("a dynamic MPD has no UTCTiming, and clients' clocks are wrong");
    },
  },
  {
    id: "period-id",
    severity: "must",
    source: `${ISO} §5.3.2.2`,
    check(mpd, report) {
      if (!isDynamic(mpd)) return;
      const seen = new Set<string>();
      for (const { id } of mpd.periods) {
        if (id === undefined) report("a period of a dynamic MPD has no @id");
        else if (seen.has(id)) report(`two periods have the @id ${JSON.stringify(id)}`);
        if (id !== undefined) seen.add(id);
      }
    },
  },
  {
    id: "period-start",
    severity: "must",
    source: `${ISO} §5.3.2.1`,
    check(mpd, report) {
      let end: number | undefined = 0;
      for (const [index, { start, duration }] of mpd.periods.entries()) {
        if (start === undefined && (index > 0 ? end === undefined : isDynamic(mpd)))
          report(`period ${index} begins at no known time`);
        if (start !== undefined && index > 0 && end !== undefined && start < end - 1e-6)
          report(`period ${index} begins before the one before it ends`);
        const begin: number | undefined = start ?? end;
        end = begin === undefined || duration === undefined ? undefined : begin + duration;
      }
    },
  },
  {
    id: "representation-id-unique",
    severity: "must",
    source: `${ISO} §5.3.5.2`,
    check(mpd, report) {
      for (const period of mpd.periods) {
        const seen = new Set<string>();
        for (const { id } of period.adaptationSets.flatMap((set) => set.representations)) {
          if (seen.has(id)) report(`two representations of a period have the @id ${JSON.stringify(id)}`);
          seen.add(id);
        }
      }
    },
  },
  {
    id: "mime-type-and-codecs",
    severity: "must",
    source: `${ISO} §5.3.7.2`,
    check(mpd, report) {
      for (const { set, representation } of placed(mpd)) {
        if ((representation.mimeType ?? set.mimeType) === undefined) report(`${representation.id} has no @mimeType`);
        if ((representation.codecs ?? set.codecs) === undefined) report(`${representation.id} has no @codecs`);
      }
    },
  },
  {
    id: "timeline-monotonic",
    severity: "must",
    source: `${ISO} §5.3.9.6`,
    check(mpd, report) {
      for (const { template, representation } of placed(mpd)) {
        let end: number | undefined;
        for (const { time, duration } of template === undefined ? [] : timelineSegments(template)) {
          if (duration <= 0) report(`the timeline of ${representation.id} has a segment without duration at ${time}`);
          if (end !== undefined && time < end)
            report(`the timeline of ${representation.id} goes back from ${end} to ${time}`);
          end = time + duration;
        }
      }
    },
  },
  {
    id: "timeline-without-gaps",
    severity: "should",
    source: `${ISO} §5.3.9.6; ${LIVE}`,
    check(mpd, report) {
      for (const { template, representation } of placed(mpd)) {
        let end: number | undefined;
        for (const { time, duration } of template === undefined ? [] : timelineSegments(template)) {
          if (end !== undefined && time > end)
            report(`the timeline of ${representation.id} has a gap from ${end} to ${time}`);
          end = time + duration;
        }
      }
    },
  },
  {
    id: "template-addresses",
    severity: "must",
    source: `${ISO} §5.3.9.4.2`,
    check(mpd, report) {
      for (const { template, representation } of placed(mpd)) {
        if (template === undefined) continue;
        const { media, duration, timeline } = template;
        if (media === undefined || !/\$(?:Number|Time)(?:%0\d+d)?\$/.test(media))
          report(`@media of ${representation.id} has neither $Number$ nor $Time$`);
        else if (media.includes("$Time") && timeline === undefined)
          report(`@media of ${representation.id} has $Time$, and there is no SegmentTimeline`);
        if ((duration === undefined) === (timeline === undefined))
          report(`the template of ${representation.id} needs either @duration or a SegmentTimeline`);
      }
    },
  },
  {
    id: "segments-aligned",
    severity: "must",
    source: `${ISO} §5.3.3.2`,
    check(mpd, report) {
      for (const period of mpd.periods) {
        for (const set of period.adaptationSets.filter((item) => item.segmentAlignment)) {
          const [first, ...others] = set.representations.map((representation) => ({
            id: representation.id,
            times: boundaries(effectiveTemplate(period, set, representation)),
          }));
          for (const { id, times } of others) {
            if (first !== undefined && times !== first.times)
              report(`@segmentAlignment is true, and the segments of ${id} are not those of ${first.id}`);
          }
        }
      }
    },
  },
  {
    id: "switching-offered",
    severity: "should",
    source: `${ISO} §5.3.3.2; ${LIVE}`,
    check(mpd, report) {
      for (const set of mpd.periods.flatMap((period) => period.adaptationSets)) {
        if (set.representations.length < 2) continue;
        if (!set.segmentAlignment && !set.subsegmentAlignment)
          report("an adaptation set of several representations has no @segmentAlignment");
        const sap = set.startWithSap ?? set.subsegmentStartsWithSap ?? set.representations[0]?.startWithSap;
        if (sap !== 1 && sap !== 2)
          report("an adaptation set of several representations does not say @startWithSAP of 1 or 2");
      }
    },
  },
  {
    id: "low-latency-complete",
    severity: "must",
    source: `${IOP}; ${ISO} §5.3.9.2.2`,
    check(mpd, report) {
      for (const { template, representation } of lowLatency(mpd)) {
        if (template.availabilityTimeComplete !== false)
          report(`${representation.id} has @availabilityTimeOffset, and no @availabilityTimeComplete="false"`);
      }
    },
  },
  {
    id: "low-latency-offset",
    severity: "must",
    source: `${IOP}; ${ISO} §5.3.9.5.3`,
    check(mpd, report) {
      for (const { template, representation } of lowLatency(mpd)) {
        const offset = template.availabilityTimeOffset ?? 0;
        const timescale = template.timescale ?? 1;
        let longest = template.duration ?? 0;
        for (const { d } of template.timeline ?? []) longest = Math.max(longest, d);
        longest /= timescale;
        if (Number.isFinite(offset) && longest > 0 && offset >= longest) {
          report(
            `@availabilityTimeOffset of ${representation.id} is ${offset} s, and no segment lasts longer than ${longest} s`,
          );
        }
      }
    },
  },
  {
    id: "low-latency-service-description",
    severity: "must",
    source: IOP,
    check(mpd, report) {
      if (lowLatency(mpd).length === 0) return;
      const services = [
        ...(mpd.serviceDescriptions ?? []),
        ...mpd.periods.flatMap((period) => period.serviceDescriptions ?? []),
      ];
      if (!services.some((service) => service.latency?.target !== undefined))
        report("low latency without a ServiceDescription that says Latency@target");
    },
  },
  {
    id: "low-latency-reference-time",
    severity: "should",
    source: IOP,
    check(mpd, report) {
      for (const { set, representation } of lowLatency(mpd)) {
        if (representation.producerReferenceTimes === undefined && set.producerReferenceTimes === undefined) {
          report(`${representation.id} has no ProducerReferenceTime, so delay cannot be measured`);
        }
      }
    },
  },
  {
    id: "latency-order",
    severity: "must",
    source: `${ISO} §K.3.2`,
    check(mpd, report) {
      for (const { latency, playbackRate } of mpd.serviceDescriptions ?? []) {
        const { min = 0, max = Number.POSITIVE_INFINITY } = latency ?? {};
        const target = latency?.target ?? min;
        if (!(min <= target && target <= max)) report(`Latency@target of ${target} ms is not between @min and @max`);
        if ((playbackRate?.min ?? 1) > 1 || (playbackRate?.max ?? 1) < 1)
          report("PlaybackRate does not allow normal speed");
      }
    },
  },
];

function isDynamic(mpd: Mpd): boolean {
  return mpd.type === "dynamic";
}

function placed(mpd: Mpd): readonly PlacedRepresentation[] {
  return mpd.periods.flatMap((period) =>
    period.adaptationSets.flatMap((set) =>
      set.representations.map((representation) => ({
        period,
        set,
        representation,
        template: effectiveTemplate(period, set, representation),
      })),
    ),
  );
}

/** Representations whose segments may be asked for before they are whole. */
function lowLatency(mpd: Mpd): readonly (PlacedRepresentation & { readonly template: SegmentTemplate })[] {
  return placed(mpd).flatMap((item) => {
    const { template } = item;
    return isDynamic(mpd) && template !== undefined && (template.availabilityTimeOffset ?? 0) > 0
      ? [{ ...item, template }]
      : [];
  });
}

/** The boundaries of all segments, in seconds, as one text to compare. */
function boundaries(template: SegmentTemplate | undefined): string {
  if (template === undefined) return "";
  const timescale = template.timescale ?? 1;
  const offset = template.presentationTimeOffset ?? 0;
  if (template.timeline === undefined)
    return `every ${(template.duration ?? 0) / timescale} from ${template.startNumber ?? 1}`;
  return timelineSegments(template)
    .map(({ time, duration }) => `${((time - offset) / timescale).toFixed(4)}+${(duration / timescale).toFixed(4)}`)
    .join();
}
