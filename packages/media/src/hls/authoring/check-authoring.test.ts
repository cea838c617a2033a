import { describe, expect, test } from "vitest";
import { createDelta } from "../delta.ts";
import type { MediaPlaylist, Segment } from "../media-playlist.ts";
import type { MultivariantPlaylist, Rendition, Variant } from "../multivariant-playlist.ts";
import { parsePlaylist } from "../parse-playlist.ts";
import { writeMediaPlaylist } from "../write-media-playlist.ts";
import { authoringRules, checkAuthoring, formatViolations } from "./check-authoring.ts";
import type { AuthoringMedia, AuthoringPresentation } from "./rule.ts";
import {
  audio,
  live,
  map,
  multivariant,
  parts,
  presentation,
  recording,
  segment,
  sizes,
  video,
} from "./sound-presentation.ts";

const sound: MediaPlaylist = live(110, 2);
const [sample] = multivariant.variants as [Variant];
const [english] = multivariant.renditions as [Rendition];

/** The sound playlist with changes. */
const media = (changes: Partial<MediaPlaylist>): MediaPlaylist => ({ ...sound, ...changes });
/** The sound playlist with one segment changed: by default the last, which has parts. */
const mediaWith = (changes: Partial<Segment>, index = 9): MediaPlaylist =>
  media({ segments: sound.segments.map((item, at) => (at === index ? { ...item, ...changes } : item)) });
/** Two loads, the second changed. */
const reload = (after: Partial<MediaPlaylist>, before: Partial<MediaPlaylist> = {}): AuthoringMedia => ({
  earlier: [media(before)],
  playlist: { ...live(110, 3), ...after },
});
const control = (changes: MediaPlaylist["serverControl"]): MediaPlaylist =>
  media({ serverControl: { ...sound.serverControl, ...changes } });
const master = (changes: Partial<MultivariantPlaylist>): AuthoringPresentation => ({
  ...presentation(),
  multivariant: { ...multivariant, ...changes },
});
const variants = (...changes: Partial<Variant>[]): AuthoringPresentation =>
  master({ variants: changes.map((change) => ({ ...sample, ...change })) });
const renditions = (...changes: Partial<Rendition>[]): AuthoringPresentation =>
  master({ renditions: changes.map((change) => ({ ...english, ...change })) });
const without = <T extends object, K extends keyof T>(value: T, ...names: K[]): Omit<T, K> => {
  const copy: Partial<T> = { ...value };
  for (const name of names) delete copy[name];
  return copy as Omit<T, K>;
};
const withMedia = (changes: Partial<AuthoringMedia>): AuthoringPresentation => ({
  multivariant,
  media: [{ ...video(), ...changes }, audio()],
});
const withAudio = (changes: Partial<MediaPlaylist>): AuthoringPresentation => {
  const other = audio();
  return { multivariant, media: [video(), { ...other, playlist: { ...other.playlist, ...changes } }] };
};
const undated = (playlist: MediaPlaylist): Segment[] =>
  playlist.segments.map((item) => without(item, "programDateTime"));
const date = sound.segments[0]!.programDateTime!;

/** What breaks each rule, and nothing else need be wrong. */
const broken: Record<string, Parameters<typeof checkAuthoring>[0]> = {
  "target-duration": mediaWith({ duration: 2.5 }),
  "segment-duration": mediaWith({ duration: 0 }),
  version: media({ version: 5 }),
  "map-present": media({ segments: [...sound.segments.slice(0, 9), without(sound.segments[9]!, "map")] }),
  "independent-segments": without(sound, "independentSegments"),
  "program-date-time": media({ segments: undated(sound) }),
  "program-date-time-continuous": mediaWith({ programDateTime: date + 18_500 }),
  "program-date-time-after-discontinuity": media({
    segments: sound.segments.map((item, index) =>
      index === 9 ? { ...without(item, "programDateTime"), discontinuity: true } : item,
    ),
  }),
  "discontinuity-sequence-present": without(mediaWith({ discontinuity: true }), "discontinuitySequence"),
  "vod-ended": without(recording(), "endList"),
  "date-range": media({ dateRanges: [{ id: "ad", startDate: date, endOnNext: true }] }),
  "date-range-unique": media({
    dateRanges: [
      { id: "ad", startDate: date, duration: 10 },
      { id: "ad", startDate: date, duration: 20 },
    ],
  }),
  "hold-back": control({ holdBack: 5.9 }),
  "can-skip-until": control({ canSkipUntil: 11.9 }),
  "can-skip-dateranges": media({ serverControl: { canBlockReload: true, partHoldBack: 1.5, canSkipDateRanges: true } }),
  "skip-boundary": media({ skip: { skippedSegments: 6 }, segments: sound.segments.slice(6) }),

  "part-target-present": without(sound, "partTarget"),
  "part-duration-max": mediaWith({ parts: [{ ...parts(109, 1)[0]!, duration: 0.501 }, ...parts(109, 4).slice(1)] }),
  "part-duration-min": mediaWith({ parts: [{ ...parts(109, 1)[0]!, duration: 0.424 }, ...parts(109, 4).slice(1)] }),
  "part-sum": mediaWith({ parts: parts(109, 3) }),
  "parts-only-at-live-edge": mediaWith({ parts: parts(102, 4) }, 2),
  "parts-at-live-edge": media({
    segments: sound.segments.map((item, index) => (index === 8 ? without(item, "parts") : item)),
  }),
  "part-unique": mediaWith({ parts: parts(108, 4) }),
  "first-part-independent": mediaWith({
    parts: [without(parts(109, 1)[0]!, "independent"), ...parts(109, 4).slice(1)],
  }),
  "part-hold-back-present": media({ serverControl: { canBlockReload: true } }),
  "part-hold-back": control({ partHoldBack: 0.9 }),
  "part-hold-back-three-targets": control({ partHoldBack: 1.4 }),
  "can-block-reload": media({ serverControl: { partHoldBack: 1.5 } }),
  "preload-hint": without(sound, "preloadHints"),
  "preload-hint-once": media({
    preloadHints: [
      { type: "PART", uri: "a" },
      { type: "PART", uri: "b" },
    ],
  }),
  "preload-hint-is-next": media({ preloadHints: [{ type: "PART", uri: "s110.p1.m4s" }] }),
  "nothing-after-end": media({ endList: true }),
  "rendition-report-complete": media({ renditionReports: [{ uri: "../audio/index.m3u8", lastMsn: 110 }] }),

  "constant-target-duration": reload({ targetDuration: 3 }),
  "constant-part-target": reload({ partTarget: 0.51 }),
  "constant-hold-back": reload({ serverControl: { ...sound.serverControl, holdBack: 6.5 } }),
  "constant-part-hold-back": reload({ serverControl: { ...sound.serverControl, partHoldBack: 1.6 } }),
  "constant-version": reload({ version: 10 }),
  "playlist-type-kept": reload({}, { playlistType: "EVENT" }),
  "event-keeps-all": {
    earlier: [media({ playlistType: "EVENT" })],
    playlist: { ...live(111, 0), playlistType: "EVENT" },
  },
  "ended-is-ended": reload({}, { endList: true }),
  "media-sequence-never-falls": { earlier: [live(111, 0)], playlist: live(110, 2) },
  "live-edge-never-falls": { earlier: [live(110, 3)], playlist: live(110, 2) },
  "segments-never-change": reload({ segments: mediaWith({ uri: "other.m4s" }).segments }),
  "program-date-time-stable": reload({ segments: mediaWith({ programDateTime: date + 18_001 }).segments }),
  "parts-never-change": reload({
    openSegment: { map, parts: [{ ...parts(110, 1)[0]!, duration: 0.45 }, ...parts(110, 3).slice(1)] },
  }),
  "discontinuity-sequence-counts": { earlier: [mediaWith({ discontinuity: true }, 0)], playlist: live(111, 0) },
  "window-long-enough": {
    earlier: [sound],
    playlist: { ...live(111, 0), mediaSequence: 109, segments: live(111, 0).segments.slice(8) },
  },
  "preload-hint-fulfilled": reload({}, { preloadHints: [{ type: "PART", uri: "another.m4s" }] }),
  "delta-applies": { earlier: [sound], playlist: createDelta(live(121, 0)) },

  "multivariant-version": variants({ reqVideoLayout: ["CH-STEREO"] }),
  "has-variants": master({ variants: [] }),
  "codecs-present": master({ variants: [without(sample, "codecs")] }),
  "codecs-right": variants({ codecs: ["avc1.64001f"] }),
  "codecs-superfluous": variants({ codecs: ["avc1.64001f", "mp4a.40.2", "ec-3"] }),
  "bandwidth-peak": variants({ bandwidth: 1_700_000 }),
  "bandwidth-upper-bound": variants({ bandwidth: 2_100_000 }),
  "average-bandwidth-present": master({ variants: [without(sample, "averageBandwidth")] }),
  "average-bandwidth": variants({ averageBandwidth: 1_900_000 }),
  "average-not-above-peak": variants({ averageBandwidth: 2_200_001 }),
  "resolution-present": master({ variants: [without(sample, "resolution")] }),
  "resolution-right": variants({ resolution: { width: 1920, height: 1080 } }),
  "frame-rate-present": master({ variants: [without(sample, "frameRate")] }),
  "frame-rate-right": variants({ frameRate: 25 }),
  "groups-exist": variants({ audio: "surround" }),
  "group-names-unique": renditions({}, { default: false, autoselect: false }),
  "group-default-once": renditions({}, { name: "French", language: "fr" }),
  "group-autoselect-languages": renditions({}, { name: "Commentary", default: false }),
  "groups-same-members": {
    ...presentation(),
    multivariant: {
      ...multivariant,
      variants: [sample, { ...sample, audio: "other" }],
      renditions: [english, { ...english, groupId: "other", name: "French" }],
    },
  },
  "closed-captions-none": variants({ closedCaptions: null }, {}),
  "same-target-duration": withAudio({ targetDuration: 3 }),
  "same-server-control": withAudio({ serverControl: { ...sound.serverControl, canSkipUntil: 14 } }),
  "same-part-target": withAudio({ partTarget: 0.55 }),
  "same-playlist-type": withAudio({ playlistType: "EVENT" }),
  "program-date-time-everywhere": withAudio({ segments: undated(sound) }),
  "aligned-boundaries": withAudio({
    segments: sound.segments.map((item) => ({ ...item, programDateTime: item.programDateTime! + 100 })),
  }),
  "aligned-discontinuities": withAudio({ discontinuitySequence: 1 }),
  "aligned-live-edge": { multivariant, media: [video(112, 0), audio(110, 0)] },
  "independent-segments-everywhere": {
    multivariant: without(multivariant, "independentSegments"),
    media: [video(), audio()].map((item) => ({ ...item, playlist: without(item.playlist, "independentSegments") })),
  },
  "rendition-reports": withAudio({ renditionReports: [{ uri: "../video/other.m3u8", lastMsn: 110, lastPart: 1 }] }),
  "rendition-reports-near": withAudio({
    renditionReports: [{ uri: "../video/index.m3u8", lastMsn: 108, lastPart: 1 }],
  }),
};

const names = (subject: Parameters<typeof checkAuthoring>[0]): string[] =>
  checkAuthoring(subject).map((item) => item.rule);

describe("nothing is found", () => {
  test("in a sound low-latency presentation", () => {
    expect(checkAuthoring(presentation())).toEqual([]);
  });

  test("in a sound playlist of low latency, as it is written and read", () => {
    expect(checkAuthoring(parsePlaylist(writeMediaPlaylist(sound)))).toEqual([]);
  });

  test("in a sound recording", () => {
    expect(checkAuthoring(recording())).toEqual([]);
  });

  test("over three minutes of reloads, part by part, whole playlists and delta updates in turn", () => {
    const earlier: MediaPlaylist[] = [];
    for (let part = 0; part < 360; part += 1) {
      const load = live(110 + Math.floor(part / 4), part % 4);
      earlier.push(part % 3 === 1 ? createDelta(load) : load);
    }
    expect(checkAuthoring({ playlist: live(200, 0), earlier })).toEqual([]);
  });

  test("when a discontinuity comes, slides through the window and leaves", () => {
    const loads: MediaPlaylist[] = [];
    for (let msn = 110; msn < 130; msn += 1) {
      const load = live(msn, 1);
      const segments = load.segments.map((item, index) =>
        load.mediaSequence + index === 112 ? { ...item, discontinuity: true } : item,
      );
      loads.push({ ...load, segments, discontinuitySequence: load.mediaSequence > 112 ? 1 : 0 });
    }
    expect(checkAuthoring({ playlist: loads.at(-1)!, earlier: loads.slice(0, -1) })).toEqual([]);
  });

  test("in a multivariant playlist alone", () => {
    expect(checkAuthoring(multivariant)).toEqual([]);
  });
});

describe("a broken rule is found by its name", () => {
  test.each(Object.keys(broken))("%s", (rule) => {
    expect(names(broken[rule]!)).toContain(rule);
  });

  test("every rule has its case, and names its source", () => {
    expect(Object.keys(broken).toSorted()).toEqual(authoringRules.map((rule) => rule.id).toSorted());
    for (const rule of authoringRules)
      expect(rule.source).toMatch(/^(?:RFC 8216bis|Apple HLS Authoring Specification)/);
  });
});

describe("what sounds wrong and is not", () => {
  test("the last part of a segment may be short", () => {
    const short = { ...parts(109, 4)[3]!, duration: 0.1 };
    expect(names(mediaWith({ duration: 1.6, parts: [...parts(109, 3), short] }))).not.toContain("part-duration-min");
  });

  test("a part may be as long as the target to the microsecond", () => {
    expect(
      names(media({ partTarget: 0.333333, segments: [], openSegment: { parts: [{ uri: "a", duration: 1 / 3 }] } })),
    ).not.toContain("part-duration-max");
  });

  test("a peak is measured over half to one and a half target durations, not over a sliver", () => {
    const playlist: MediaPlaylist = {
      ...recording(),
      segments: [...recording().segments, { ...segment(5, false), duration: 0.2 }],
    };
    const one: Variant = { uri: "v", bandwidth: 2_900_000, averageBandwidth: 2_000_000 };
    const subject = {
      multivariant: { ...multivariant, variants: [one] },
      media: [{ uri: "v", playlist, segmentBytes: { ...sizes(playlist, 500_000), "s5.m4s": 250_000 } }],
    };
    // 6 Mb in 2.2 s and not 2 Mb in 0.2 s.
    expect(checkAuthoring(subject).filter((item) => item.rule === "bandwidth-peak")).toEqual([]);
  });

  test("subtitles and I-frames of a recording may have another target duration, live ones may not", () => {
    const subject = (type: Partial<MediaPlaylist>): AuthoringPresentation => ({
      multivariant: { ...multivariant, renditions: [{ type: "SUBTITLES", groupId: "s", name: "English", uri: "s" }] },
      media: [
        { uri: "v", playlist: media(type) },
        { uri: "s", playlist: media({ ...type, targetDuration: 30 }) },
        { uri: "i", playlist: media({ ...type, targetDuration: 10, iFramesOnly: true }) },
      ],
    });
    const found = (type: Partial<MediaPlaylist>) =>
      checkAuthoring(subject(type))
        .filter(({ rule }) => rule === "same-target-duration")
        .map(({ document }) => document);
    expect(found({ playlistType: "VOD" })).toEqual([]);
    expect(found({})).toEqual(["s", "i"]);
  });

  test("another rendition that is one segment ahead", () => {
    expect(names({ multivariant, media: [video(111, 0), audio(110, 3)] })).toEqual([]);
  });
});

test("loads after one that cannot be known are judged all the same", () => {
  const back: AuthoringMedia = { earlier: [createDelta(live(110, 0)), live(112, 0)], playlist: live(111, 0) };
  expect(names(back)).toContain("media-sequence-never-falls");
  const lost: AuthoringMedia = { earlier: [live(110, 0), createDelta(live(130, 0))], playlist: live(109, 0) };
  expect(names(lost)).toEqual(expect.arrayContaining(["delta-applies", "media-sequence-never-falls"]));
});

test("variants of I-frames need CODECS and RESOLUTION too", () => {
  const iFrames = master({ iFrameVariants: [{ uri: "i", bandwidth: 100_000 }] });
  expect(names(iFrames)).toEqual(["codecs-present", "resolution-present"]);
});

test("facts of one rendition alone are compared with what is known", () => {
  expect(names(withMedia({ codecs: ["hvc1.1.6.L93.B0"] }))).toEqual(["codecs-right", "codecs-superfluous"]);
});

test("a report is for people: what must be mended first, with rule and source", () => {
  const violations = checkAuthoring(
    without(
      media({ preloadHints: [], serverControl: { canBlockReload: true, partHoldBack: 1.4 } }),
      "independentSegments",
    ),
  );
  expect(formatViolations(violations)).toBe(`2 must, 1 should
MUST   media: PART-HOLD-BACK is 1.4 s, below 3 part targets of 0.5 s
       part-hold-back-three-targets, Apple HLS Authoring Specification 14.3; RFC 8216bis §4.4.3.8
MUST   media: the next part is not hinted
       preload-hint, RFC 8216bis §4.4.5.3, Appendix B.1
SHOULD media: EXT-X-INDEPENDENT-SEGMENTS lacks, so clients cannot switch anywhere
       independent-segments, RFC 8216bis §4.4.2.1; Apple HLS Authoring Specification 9.11, 9.12
`);
  expect(formatViolations([])).toBe("no violations\n");
});
