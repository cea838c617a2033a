/** A Media Presentation Description as a typed value (ISO/IEC 23009-1). An absent field is an absent attribute or element. */
import type { AdaptationSet } from "./adaptation-set.ts";
import type { SegmentBase, SegmentList, SegmentTemplate } from "./segment-addressing.ts";
import type { XmlElement } from "./xml.ts";

/** Scheme, value and id: how DASH is extended (§5.8.2). */
export interface Descriptor {
  readonly schemeIdUri: string;
  readonly value?: string;
  readonly id?: string;
}

/** Where media is (§5.6). */
export interface BaseUrl {
  readonly url: string;
  /** Names the CDN, for content steering. */
  readonly serviceLocation?: string;
  readonly byteRange?: string;
  /** Seconds that segments are available before they are whole; `Infinity` is `INF`. */
  readonly availabilityTimeOffset?: number;
  readonly availabilityTimeComplete?: boolean;
  /** Seconds. */
  readonly timeShiftBufferDepth?: number;
}

/** A URL of the document itself, or of a patch of it. */
export interface MpdLocation {
  readonly url: string;
  readonly serviceLocation?: string;
}

/** Where updates as patches are (§5.15). */
export interface PatchLocation extends MpdLocation {
  /** Seconds after `publishTime` that the patch URL is good for. */
  readonly ttl?: number;
}

/** A text for people (§5.3.10). */
export interface Label {
  readonly text: string;
  readonly id?: number;
  /** BCP 47. */
  readonly lang?: string;
}

/** What the content is called and whose it is (§5.7). */
export interface ProgramInformation {
  readonly title?: string;
  readonly source?: string;
  readonly copyright?: string;
  /** BCP 47. */
  readonly lang?: string;
  readonly moreInformationUrl?: string;
}

/** Where to ask which service location to prefer (ETSI TS 103 998). */
export interface DashContentSteering {
  readonly serverUrl: string;
  readonly defaultServiceLocation?: string;
  readonly queryBeforeStart?: boolean;
  readonly clientRequirement?: boolean;
}

/** Target delay, milliseconds (Annex K.3.2). */
export interface ServiceLatency {
  readonly target?: number;
  readonly min?: number;
  readonly max?: number;
  /** `id` of the ProducerReferenceTime that delay is measured against. */
  readonly referenceId?: number;
}

/** How the service is meant to be played (Annex K). */
export interface ServiceDescription {
  readonly id?: number;
  readonly scopes?: readonly Descriptor[];
  readonly latency?: ServiceLatency;
  /** 1 is normal speed. */
  readonly playbackRate?: { readonly min?: number; readonly max?: number };
  readonly contentSteering?: DashContentSteering;
}

/** One event (§5.10.2.3). Times are ticks of its stream's timescale. */
export interface MpdEvent {
  /** Default 0. */
  readonly presentationTime?: number;
  readonly duration?: number;
  readonly id?: number;
  readonly contentEncoding?: "base64";
  readonly messageData?: string;
  /** Text content. */
  readonly text?: string;
  /** Child elements, e.g. an SCTE 35 `Signal`. */
  readonly elements?: readonly XmlElement[];
}

/** Timed events in the document (§5.10.2). */
export interface EventStream extends Descriptor {
  /** Ticks per second. Default 1. */
  readonly timescale?: number;
  /** Ticks. */
  readonly presentationTimeOffset?: number;
  readonly events: readonly MpdEvent[];
}

/** A stretch of time with one set of adaptation sets; a discontinuity is a new period (§5.3.2). */
export interface Period {
  readonly id?: string;
  /** Seconds from the start of the presentation. */
  readonly start?: number;
  /** Seconds. */
  readonly duration?: number;
  readonly bitstreamSwitching?: boolean;
  readonly baseUrls?: readonly BaseUrl[];
  readonly segmentBase?: SegmentBase;
  readonly segmentList?: SegmentList;
  readonly segmentTemplate?: SegmentTemplate;
  readonly assetIdentifier?: Descriptor;
  readonly eventStreams?: readonly EventStream[];
  readonly serviceDescriptions?: readonly ServiceDescription[];
  readonly adaptationSets: readonly AdaptationSet[];
  readonly supplementalProperties?: readonly Descriptor[];
}

/** The whole document (§5.3.1). Instants are whole milliseconds since the Unix epoch, durations seconds. */
export interface Mpd {
  readonly id?: string;
  /** e.g. `["urn:mpeg:dash:profile:isoff-live:2011"]`. */
  readonly profiles: readonly string[];
  /** Default `static`. */
  readonly type?: "static" | "dynamic";
  /** What segment availability is counted from. Never changes. */
  readonly availabilityStartTime?: number;
  readonly availabilityEndTime?: number;
  /** Version of this document. */
  readonly publishTime?: number;
  readonly mediaPresentationDuration?: number;
  /** Absent: the document will not change. */
  readonly minimumUpdatePeriod?: number;
  readonly minBufferTime: number;
  readonly timeShiftBufferDepth?: number;
  readonly suggestedPresentationDelay?: number;
  readonly maxSegmentDuration?: number;
  readonly maxSubsegmentDuration?: number;
  readonly programInformation?: ProgramInformation;
  readonly baseUrls?: readonly BaseUrl[];
  readonly locations?: readonly MpdLocation[];
  readonly patchLocations?: readonly PatchLocation[];
  readonly contentSteering?: DashContentSteering;
  readonly serviceDescriptions?: readonly ServiceDescription[];
  /** At least one, except in a document of a service that has not begun. */
  readonly periods: readonly Period[];
  readonly essentialProperties?: readonly Descriptor[];
  readonly supplementalProperties?: readonly Descriptor[];
  /** How to synchronise clocks with the server, preferred first (§5.8.4.11). */
  readonly utcTimings?: readonly Descriptor[];
}
