/** DASH: the Media Presentation Description as a typed value, written, read and judged. */

export type {
  AdaptationSet,
  ContentProtection as DashContentProtection,
  ProducerReferenceTime,
  Representation,
  RepresentationBase,
  Resync as DashResync,
} from "./adaptation-set.ts";
export { checkMpd, type MpdRule, type MpdViolation, mpdRuleList as mpdRules } from "./check-mpd.ts";
export type {
  BaseUrl as DashBaseUrl,
  DashContentSteering,
  Descriptor,
  EventStream as DashEventStream,
  Label as DashLabel,
  Mpd,
  MpdEvent,
  MpdLocation,
  PatchLocation,
  Period,
  ProgramInformation,
  ServiceDescription,
  ServiceLatency,
} from "./mpd.ts";
export { parseMpd } from "./parse-mpd.ts";
export { MAX_XML_DEPTH } from "./read-xml.ts";
export type {
  SegmentBase,
  SegmentList,
  SegmentTemplate,
  SegmentUrl,
  TimelineEntry,
  UrlRange as DashUrlRange,
} from "./segment-addressing.ts";
export { effectiveTemplate, MAX_TIMELINE_SEGMENTS, type TimelineSegment, timelineSegments } from "./timeline.ts";
export { writeMpd } from "./write-mpd.ts";
export type { XmlElement } from "./xml.ts";
