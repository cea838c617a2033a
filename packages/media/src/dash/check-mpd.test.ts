import { describe, expect, test } from "vitest";
import type { AdaptationSet } from "./adaptation-set.ts";
import { checkMpd, mpdRuleList } from "./check-mpd.ts";
import type { Mpd } from "./mpd.ts";
import { parseMpd } from "./parse-mpd.ts";
import type { SegmentTemplate } from "./segment-addressing.ts";
import { soundMpd } from "./sound-mpd.ts";
import { writeMpd } from "./write-mpd.ts";

const [period] = soundMpd.periods as [Mpd["periods"][number]];
const [video, audio] = period.adaptationSets as [AdaptationSet, AdaptationSet];

const mpd = (changes: Partial<Mpd>): Mpd => ({ ...soundMpd, ...changes });
const lacking = (...names: (keyof Mpd)[]): Mpd => {
  const copy: Partial<Mpd> = { ...soundMpd };
  for (const name of names) delete copy[name];
  return copy as Mpd;
};
const withVideo = (changes: Partial<AdaptationSet>): Mpd =>
  mpd({ periods: [{ ...period, adaptationSets: [{ ...video, ...changes }, audio] }] });
const withTemplate = (changes: Partial<SegmentTemplate>): Mpd =>
  withVideo({ segmentTemplate: { ...video.segmentTemplate, ...changes } });

const { producerReferenceTimes: _, ...unreferenced } = video;

type Case = readonly [mpd: Mpd, earlier?: readonly Mpd[]];

const broken: Record<string, Case> = {
  "profiles-present": [mpd({ profiles: [] })],
  "availability-start-time": [lacking("availabilityStartTime")],
  "publish-time": [lacking("publishTime")],
  "minimum-update-period": [lacking("minimumUpdatePeriod")],
  "time-shift-buffer-depth": [lacking("timeShiftBufferDepth")],
  "time-shift-buffer-long-enough": [mpd({ timeShiftBufferDepth: 1 })],
  "suggested-presentation-delay": [lacking("suggestedPresentationDelay")],
  "utc-timing": [mpd({ utcTimings: [] })],
  "period-id": [mpd({ periods: [{ start: 0, adaptationSets: [] }] })],
  "period-start": [
    mpd({
      periods: [
        { id: "0", start: 0, duration: 10, adaptationSets: [] },
        { id: "1", start: 9, adaptationSets: [] },
      ],
    }),
  ],
  "representation-id-unique": [withVideo({ representations: [video.representations[0]!, video.representations[0]!] })],
  "mime-type-and-codecs": [withVideo({ representations: [{ id: "a", bandwidth: 1 }] })],
  "timeline-monotonic": [
    withTemplate({
      timeline: [
        { t: 0, d: 180_000, r: 1 },
        { t: 359_999, d: 180_000 },
      ],
    }),
  ],
  "timeline-without-gaps": [
    withTemplate({
      timeline: [
        { t: 0, d: 180_000, r: 1 },
        { t: 360_001, d: 180_000 },
      ],
    }),
  ],
  "template-addresses": [withTemplate({ media: "$RepresentationID$.mp4" })],
  "segments-aligned": [
    withVideo({
      representations: [
        video.representations[0]!,
        { ...video.representations[1]!, segmentTemplate: { timeline: [{ t: 18_000_000, d: 90_000, r: 19 }] } },
      ],
    }),
  ],
  "switching-offered": [withVideo({ segmentAlignment: false })],
  "low-latency-complete": [withTemplate({ availabilityTimeComplete: true })],
  "low-latency-offset": [withTemplate({ availabilityTimeOffset: 2 })],
  "low-latency-service-description": [lacking("serviceDescriptions")],
  "low-latency-reference-time": [mpd({ periods: [{ ...period, adaptationSets: [unreferenced, audio] }] })],
  "latency-order": [mpd({ serviceDescriptions: [{ latency: { target: 5000, max: 4000 } }] })],
  "availability-start-time-constant": [mpd({ availabilityStartTime: 1 }), [soundMpd]],
  "publish-time-grows": [mpd({ publishTime: 1 }), [soundMpd]],
  "id-constant": [mpd({ id: "other" }), [soundMpd]],
  "period-start-constant": [mpd({ periods: [{ ...period, start: 1 }] }), [soundMpd]],
  "segments-constant": [withTemplate({ timeline: [{ t: 18_000_000, d: 180_001, r: 9 }] }), [soundMpd]],
  "live-edge-never-falls": [withTemplate({ timeline: [{ t: 18_000_000, d: 180_000, r: 8 }] }), [soundMpd]],
};

describe("nothing is found", () => {
  test("in a sound low-latency MPD, as it is written and read", () => {
    expect(checkMpd(parseMpd(writeMpd(soundMpd)))).toEqual([]);
  });

  test("in an update that slides the window on", () => {
    const later = withTemplate({ startNumber: 101, timeline: [{ t: 18_180_000, d: 180_000, r: 9 }] });
    expect(checkMpd({ ...later, publishTime: soundMpd.publishTime! + 2000 }, [soundMpd])).toEqual([]);
  });

  test("in a recording", () => {
    const { id, profiles, minBufferTime } = soundMpd;
    const template: SegmentTemplate = { media: "$Number$.m4s", initialization: "init.mp4", duration: 2 };
    const recording: Mpd = {
      ...{ id: id!, profiles, minBufferTime, type: "static", mediaPresentationDuration: 20 },
      periods: [{ adaptationSets: [{ ...video, segmentTemplate: template }] }],
    };
    expect(checkMpd(recording)).toEqual([]);
  });
});

describe("a broken rule is found by its name", () => {
  test.each(Object.keys(broken))("%s", (rule) => {
    const [subject, earlier] = broken[rule]!;
    expect(checkMpd(subject, earlier).map((item) => item.rule)).toContain(rule);
  });

  test("every rule has its case, and names its source", () => {
    expect(Object.keys(broken).toSorted()).toEqual(mpdRuleList.map((rule) => rule.id).toSorted());
    for (const rule of mpdRuleList) expect(rule.source).toMatch(/^(?:ISO\/IEC 23009-1|DASH-IF)/);
  });
});

test("a timeline of billions is not unfolded", () => {
  expect(checkMpd(withTemplate({ timeline: [{ t: 0, d: 1, r: 2_000_000_000 }] })).length).toBeGreaterThan(0);
});

test("a timeline of hundreds of thousands of entries is judged", () => {
  const timeline = Array.from({ length: 300_000 }, () => ({ d: 180_000 }));
  expect(() => checkMpd(withTemplate({ timeline }))).not.toThrow();
});
