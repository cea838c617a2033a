/** Interchangeable encodings of one component, and what they have in common (ISO/IEC 23009-1 §5.3.3–5.3.7). */
import type { BaseUrl, Descriptor, Label } from "./mpd.ts";
import type { SegmentBase, SegmentList, SegmentTemplate } from "./segment-addressing.ts";
import type { XmlElement } from "./xml.ts";

/** How media is encrypted (§5.8.4.1, ISO/IEC 23001-7). */
export interface ContentProtection extends Descriptor {
  /** `cenc:default_KID`, a UUID. */
  readonly defaultKid?: string;
  /** `cenc:pssh`, base64 of a whole `pssh` box. */
  readonly pssh?: string;
  readonly robustness?: string;
  readonly ref?: string;
  readonly refId?: string;
  /** Other child elements, e.g. `mspr:pro`, `dashif:Laurl`. */
  readonly elements?: readonly XmlElement[];
}

/** Which wall clock goes with which media time (§5.12). */
export interface ProducerReferenceTime {
  readonly id: number;
  /** Also in the segments, as `prft` boxes. */
  readonly inband?: boolean;
  /** Default `encoder`. */
  readonly type?: "encoder" | "captured" | "application";
  readonly applicationScheme?: string;
  /** Milliseconds since the Unix epoch. */
  readonly wallClockTime: number;
  /** Ticks of the representation's timescale. */
  readonly presentationTime: number;
  /** What `wallClockTime` was read from, which also says that it is a date (§5.12.3). */
  readonly utcTiming?: Descriptor;
}

/** Where in a segment one can begin before it is whole (§5.13). */
export interface Resync {
  /** SAP type; 0 is any. */
  readonly type?: number;
  /** Longest distance, ticks. */
  readonly dT?: number;
  /** Longest distance relative to bandwidth. */
  readonly dImax?: number;
  readonly dImin?: number;
  readonly marker?: boolean;
}

/** Attributes and elements that an adaptation set may give for all its representations (§5.3.7). */
export interface RepresentationBase {
  readonly profiles?: readonly string[];
  readonly width?: number;
  readonly height?: number;
  /** Sample aspect ratio, e.g. `1:1`. */
  readonly sar?: string;
  /** A whole number or a fraction, e.g. `30000/1001`. */
  readonly frameRate?: string;
  /** Hz; two numbers are a range. */
  readonly audioSamplingRate?: string;
  readonly mimeType?: string;
  /** RFC 6381. */
  readonly codecs?: readonly string[];
  /** Seconds. */
  readonly maximumSapPeriod?: number;
  /** SAP type that every segment starts with; 1 or 2 is needed for switching. */
  readonly startWithSap?: number;
  readonly maxPlayoutRate?: number;
  readonly codingDependency?: boolean;
  readonly scanType?: "progressive" | "interlaced" | "unknown";
  readonly selectionPriority?: number;
  readonly framePackings?: readonly Descriptor[];
  readonly audioChannelConfigurations?: readonly Descriptor[];
  readonly contentProtections?: readonly ContentProtection[];
  readonly essentialProperties?: readonly Descriptor[];
  readonly supplementalProperties?: readonly Descriptor[];
  /** Event streams carried in `emsg` boxes; `timescale` is in the box. */
  readonly inbandEventStreams?: readonly Descriptor[];
  readonly labels?: readonly Label[];
  readonly producerReferenceTimes?: readonly ProducerReferenceTime[];
  readonly resyncs?: readonly Resync[];
}

/** One encoding (§5.3.5). */
export interface Representation extends RepresentationBase {
  readonly id: string;
  /** Bits per second that a client with `minBufferTime` of buffer must be able to load. */
  readonly bandwidth: number;
  readonly qualityRanking?: number;
  readonly dependencyId?: readonly string[];
  readonly associationId?: readonly string[];
  readonly associationType?: readonly string[];
  readonly baseUrls?: readonly BaseUrl[];
  readonly segmentBase?: SegmentBase;
  readonly segmentList?: SegmentList;
  readonly segmentTemplate?: SegmentTemplate;
}

/** Interchangeable representations of one component (§5.3.3). */
export interface AdaptationSet extends RepresentationBase {
  readonly id?: number;
  readonly group?: number;
  /** BCP 47. */
  readonly lang?: string;
  readonly contentType?: "video" | "audio" | "text" | "image" | "application" | "font" | (string & {});
  /** Picture aspect ratio, e.g. `16:9`. */
  readonly par?: string;
  readonly minBandwidth?: number;
  readonly maxBandwidth?: number;
  readonly minWidth?: number;
  readonly maxWidth?: number;
  readonly minHeight?: number;
  readonly maxHeight?: number;
  readonly minFrameRate?: string;
  readonly maxFrameRate?: string;
  /** Segments of all representations start at the same times. Default false. */
  readonly segmentAlignment?: boolean;
  readonly bitstreamSwitching?: boolean;
  readonly subsegmentAlignment?: boolean;
  readonly subsegmentStartsWithSap?: number;
  readonly accessibilities?: readonly Descriptor[];
  readonly roles?: readonly Descriptor[];
  readonly ratings?: readonly Descriptor[];
  readonly viewpoints?: readonly Descriptor[];
  readonly baseUrls?: readonly BaseUrl[];
  readonly segmentBase?: SegmentBase;
  readonly segmentList?: SegmentList;
  readonly segmentTemplate?: SegmentTemplate;
  readonly representations: readonly Representation[];
}
