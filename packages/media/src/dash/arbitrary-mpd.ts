/** Arbitrary MPDs for property tests: every one in the form in which the parser gives it back. */
import fc from "fast-check";
import type { AdaptationSet, Representation } from "./adaptation-set.ts";
import type { Mpd, Period } from "./mpd.ts";
import type { SegmentBase, SegmentList, SegmentTemplate } from "./segment-addressing.ts";
import type { XmlElement } from "./xml.ts";

const characters = fc.string({ unit: "grapheme", maxLength: 10 });
/** Anything an attribute can hold. */
const text = fc.oneof(
  characters.map((value) => value.replace(/[^\P{Cc}\t\n\r\u007f-\u009f]|[\ufffe\uffff]/gu, "")),
  fc.stringMatching(/^[&<>"'\t\n\r ]{1,5}$/),
);
/** Element content: outer white space does not count. */
const content = text.map((value) => value.trim()).filter((value) => value !== "");
const word = fc.stringMatching(/^[A-Za-z0-9._:-]{1,10}$/);
const words = fc.array(word, { minLength: 1, maxLength: 3 });
const uint = fc.oneof(fc.nat(100_000), fc.maxSafeNat());
const flag = fc.boolean();
const seconds = fc.oneof(
  fc.nat(100_000_000).map((micros) => micros / 1e6),
  fc.nat(200_000),
);
const double = fc.oneof(
  fc.constant(Number.POSITIVE_INFINITY),
  fc.integer().map((value) => value / 1000),
);
const instant = fc.integer({ min: Date.UTC(1000, 0), max: Date.UTC(9999, 0) });
const several = <T>(item: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(item, { minLength: 1, maxLength: 2 });

const descriptor = fc.record({ schemeIdUri: text, value: text, id: text }, { requiredKeys: ["schemeIdUri"] });
const baseUrl = fc.record(
  {
    url: content,
    serviceLocation: text,
    byteRange: word,
    availabilityTimeOffset: double,
    availabilityTimeComplete: flag,
    timeShiftBufferDepth: seconds,
  },
  { requiredKeys: ["url"] },
);
const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_.-]{0,6}$/);
const namespace = fc.constantFrom("urn:microsoft:playready", "http://www.scte.org/schemas/35/2016", "", "a&b");
const attributeName = fc.oneof(
  name.filter((value) => value !== "xmlns" && value !== "__proto__"),
  name.map((value) => `urn:some:namespace#${value}`),
);
const attributes = fc.dictionary(attributeName, text, { maxKeys: 3, noNullPrototype: true });
const elementText = fc.oneof(fc.constant(""), content);
const leaf: fc.Arbitrary<XmlElement> = fc.record({
  name,
  namespace,
  attributes,
  children: fc.constant([]),
  text: elementText,
});
const element: fc.Arbitrary<XmlElement> = fc.record({
  name,
  namespace,
  attributes,
  children: fc.array(leaf, { maxLength: 2 }),
  text: elementText,
});
const elements = several(element);

const steering = fc.record(
  { serverUrl: content, defaultServiceLocation: text, queryBeforeStart: flag, clientRequirement: flag },
  { requiredKeys: ["serverUrl"] },
);
const serviceDescription = fc.record(
  {
    id: uint,
    scopes: several(descriptor),
    latency: fc.record({ target: uint, min: uint, max: uint, referenceId: uint }, { requiredKeys: [] }),
    playbackRate: fc.record({ min: double, max: double }, { requiredKeys: [] }),
    contentSteering: steering,
  },
  { requiredKeys: [] },
);

const url = fc.record({ sourceUrl: text, range: word }, { requiredKeys: [] });
const segmentBaseFields = {
  timescale: uint,
  presentationTimeOffset: uint,
  presentationDuration: uint,
  timeShiftBufferDepth: seconds,
  indexRange: word,
  indexRangeExact: flag,
  availabilityTimeOffset: double,
  availabilityTimeComplete: flag,
  initializationSection: url,
  representationIndex: url,
};
const timeline = fc.array(
  fc.record({ t: uint, n: uint, d: uint, r: fc.integer({ min: -1 }), k: uint }, { requiredKeys: ["d"] }),
  { maxLength: 4 },
);
const multipleFields = {
  ...segmentBaseFields,
  duration: uint,
  startNumber: uint,
  endNumber: uint,
  timeline,
  bitstreamSwitchingSection: url,
};
const segmentBase: fc.Arbitrary<SegmentBase> = fc.record(segmentBaseFields, { requiredKeys: [] });
const segmentTemplate: fc.Arbitrary<SegmentTemplate> = fc.record(
  { ...multipleFields, media: text, index: text, initialization: text, bitstreamSwitching: text },
  { requiredKeys: [] },
);
const segmentUrl = fc.record({ media: text, mediaRange: word, index: text, indexRange: word }, { requiredKeys: [] });
const segmentList: fc.Arbitrary<SegmentList> = fc.record(
  { ...multipleFields, segmentUrls: fc.array(segmentUrl, { maxLength: 3 }) },
  { requiredKeys: ["segmentUrls"] },
);
const addressing = { segmentBase, segmentList, segmentTemplate };

const contentProtection = fc.record(
  {
    schemeIdUri: text,
    value: text,
    id: text,
    defaultKid: word,
    pssh: word,
    robustness: text,
    ref: text,
    refId: text,
    elements,
  },
  { requiredKeys: ["schemeIdUri"] },
);
const label = fc.record({ text: content, id: uint, lang: word }, { requiredKeys: ["text"] });
const producerReferenceTime = fc.record(
  {
    id: uint,
    inband: flag,
    type: fc.constantFrom("encoder" as const, "captured" as const, "application" as const),
    applicationScheme: text,
    wallClockTime: instant,
    presentationTime: uint,
    utcTiming: descriptor,
  },
  { requiredKeys: ["id", "wallClockTime", "presentationTime"] },
);
const common = {
  profiles: words,
  width: uint,
  height: uint,
  sar: word,
  frameRate: word,
  audioSamplingRate: word,
  mimeType: word,
  codecs: words,
  maximumSapPeriod: double,
  startWithSap: uint,
  maxPlayoutRate: double,
  codingDependency: flag,
  scanType: fc.constantFrom("progressive" as const, "interlaced" as const, "unknown" as const),
  selectionPriority: uint,
  framePackings: several(descriptor),
  audioChannelConfigurations: several(descriptor),
  contentProtections: several(contentProtection),
  essentialProperties: several(descriptor),
  supplementalProperties: several(descriptor),
  inbandEventStreams: several(descriptor),
  labels: several(label),
  producerReferenceTimes: several(producerReferenceTime),
  resyncs: several(
    fc.record({ type: uint, dT: uint, dImax: double, dImin: double, marker: flag }, { requiredKeys: [] }),
  ),
};
const representation: fc.Arbitrary<Representation> = fc.record(
  {
    ...common,
    ...addressing,
    id: word,
    bandwidth: uint,
    qualityRanking: uint,
    dependencyId: words,
    associationId: words,
    associationType: words,
    baseUrls: several(baseUrl),
  },
  { requiredKeys: ["id", "bandwidth"] },
);
const adaptationSet: fc.Arbitrary<AdaptationSet> = fc.record(
  {
    ...common,
    ...addressing,
    id: uint,
    group: uint,
    lang: word,
    contentType: fc.constantFrom("video", "audio", "text"),
    par: word,
    minBandwidth: uint,
    maxBandwidth: uint,
    minWidth: uint,
    maxWidth: uint,
    minHeight: uint,
    maxHeight: uint,
    minFrameRate: word,
    maxFrameRate: word,
    segmentAlignment: flag,
    bitstreamSwitching: flag,
    subsegmentAlignment: flag,
    subsegmentStartsWithSap: uint,
    accessibilities: several(descriptor),
    roles: several(descriptor),
    ratings: several(descriptor),
    viewpoints: several(descriptor),
    baseUrls: several(baseUrl),
    representations: fc.array(representation, { maxLength: 2 }),
  },
  { requiredKeys: ["representations"] },
);
const event = fc.record(
  {
    presentationTime: uint,
    duration: uint,
    id: uint,
    contentEncoding: fc.constant("base64" as const),
    messageData: text,
    text: content,
    elements,
  },
  { requiredKeys: [] },
);
const eventStream = fc.record(
  {
    schemeIdUri: text,
    value: text,
    id: text,
    timescale: uint,
    presentationTimeOffset: uint,
    events: fc.array(event, { maxLength: 2 }),
  },
  { requiredKeys: ["schemeIdUri", "events"] },
);
const period: fc.Arbitrary<Period> = fc.record(
  {
    ...addressing,
    id: text,
    start: seconds,
    duration: seconds,
    bitstreamSwitching: flag,
    baseUrls: several(baseUrl),
    assetIdentifier: descriptor,
    eventStreams: several(eventStream),
    serviceDescriptions: several(serviceDescription),
    adaptationSets: fc.array(adaptationSet, { maxLength: 2 }),
    supplementalProperties: several(descriptor),
  },
  { requiredKeys: ["adaptationSets"] },
);

/** MPDs. */
export const mpd: fc.Arbitrary<Mpd> = fc.record(
  {
    id: text,
    profiles: words,
    type: fc.constantFrom("static" as const, "dynamic" as const),
    availabilityStartTime: instant,
    availabilityEndTime: instant,
    publishTime: instant,
    mediaPresentationDuration: seconds,
    minimumUpdatePeriod: seconds,
    minBufferTime: seconds,
    timeShiftBufferDepth: seconds,
    suggestedPresentationDelay: seconds,
    maxSegmentDuration: seconds,
    maxSubsegmentDuration: seconds,
    programInformation: fc.record(
      { title: content, source: content, copyright: content, lang: word, moreInformationUrl: text },
      { requiredKeys: [] },
    ),
    baseUrls: several(baseUrl),
    locations: several(fc.record({ url: content, serviceLocation: text }, { requiredKeys: ["url"] })),
    patchLocations: several(fc.record({ url: content, serviceLocation: text, ttl: double }, { requiredKeys: ["url"] })),
    contentSteering: steering,
    serviceDescriptions: several(serviceDescription),
    periods: fc.array(period, { maxLength: 2 }),
    essentialProperties: several(descriptor),
    supplementalProperties: several(descriptor),
    utcTimings: several(descriptor),
  },
  { requiredKeys: ["profiles", "minBufferTime", "periods"] },
);
