/** A Media Playlist as a typed value (RFC 8216bis §4.4.2–4.4.5). An absent field is an absent tag or attribute. */

/** A sub-range of a resource (`EXT-X-BYTERANGE`, §4.4.4.2). */
export interface ByteRange {
  /** Bytes. */
  readonly length: number;
  /**
   * First byte. Absent: follows the previous range of the same resource. The parser resolves it, except right after an `EXT-X-SKIP`,
   * where the previous range is in the playlist that the delta applies to.
   */
  readonly offset?: number;
}

/** How segments are encrypted (`EXT-X-KEY` §4.4.4.4, `EXT-X-SESSION-KEY` §4.4.6.5). No encryption is the absence of keys. */
export interface Key {
  readonly method: "AES-128" | "SAMPLE-AES" | "SAMPLE-AES-CTR" | (string & {});
  readonly uri: string;
  /** 16 bytes. */
  readonly iv?: Uint8Array;
  /** Default `identity`. */
  readonly keyFormat?: string;
  /** e.g. `[1, 2]` for `"1/2"`. Default `[1]`. */
  readonly keyFormatVersions?: readonly number[];
}

/** A Media Initialization Section (`EXT-X-MAP`, §4.4.4.5). */
export interface InitSection {
  readonly uri: string;
  readonly byteRange?: Required<ByteRange>;
  /**
   * Keys in force for the section itself, where they are not those of the segment it is first written with. Set it when a whole-section cipher
   * (AES-128) rotates keys: once the first segment has left the window, the section still needs the key it was encrypted with.
   */
  readonly keys?: readonly Key[];
}

/** One Partial Segment (`EXT-X-PART`, §4.4.4.9). */
export interface Part {
  readonly uri: string;
  /** Seconds. Never above the part target. */
  readonly duration: number;
  /** Contains an independent frame, so that a client may join here. */
  readonly independent?: boolean;
  readonly byteRange?: ByteRange;
  /** Not available; clients must not load it. */
  readonly gap?: boolean;
}

interface SegmentBase {
  /** Its Partial Segments, oldest first. Servers list them for the last three target durations only (§4.4.4.9). */
  readonly parts?: readonly Part[];
  /** The initialization section it needs. Share one object among segments: the tag is written where it changes. */
  readonly map?: InitSection;
  /** What encrypts it: several keys are alternatives in different formats. Share one array among segments. Absent or empty: clear. */
  readonly keys?: readonly Key[];
  /** Discontinuous with what is before it (§4.4.4.3). */
  readonly discontinuity?: boolean;
  /** Wall clock at its first sample, whole milliseconds since the Unix epoch (§4.4.4.6). */
  readonly programDateTime?: number;
}

/** One Media Segment and the tags that apply to it (§4.4.4). Treat as immutable. */
export interface Segment extends SegmentBase {
  readonly uri: string;
  /** Seconds. Rounded, never above the target duration. */
  readonly duration: number;
  /** For people, after the comma of `EXTINF`. */
  readonly title?: string;
  readonly byteRange?: ByteRange;
  /** Not available; clients must not load it (§4.4.4.7). */
  readonly gap?: boolean;
  /** Approximate kb/s from here on (§4.4.4.8). Share the value among segments: the tag is written where it changes. */
  readonly bitrate?: number;
  /** Whole lines of tags that this module does not know, written after `EXTINF`. */
  readonly unknownTags?: readonly string[];
}

/** The Parent Segment still being made: the parts at the live edge that no segment URI follows yet. */
export interface OpenSegment extends SegmentBase {
  readonly parts: readonly Part[];
}

/** `EXT-X-SERVER-CONTROL` (§4.4.3.8). Durations in seconds. */
export interface ServerControl {
  /** The server gives delta updates that skip what is older than this from the end. At least six target durations. */
  readonly canSkipUntil?: number;
  readonly canSkipDateRanges?: boolean;
  /** At least three target durations. */
  readonly holdBack?: number;
  /** At least two part targets, and should be three. */
  readonly partHoldBack?: number;
  readonly canBlockReload?: boolean;
}

/** What a delta update leaves out (`EXT-X-SKIP`, §4.4.5.2). */
export interface Skip {
  readonly skippedSegments: number;
  /** IDs of date ranges no longer in the playlist. */
  readonly recentlyRemovedDateRanges?: readonly string[];
}

/** A resource that the client may ask for before it is announced (`EXT-X-PRELOAD-HINT`, §4.4.5.3). */
export interface PreloadHint {
  readonly type: "PART" | "MAP";
  readonly uri: string;
  /** Default 0. */
  readonly byteRangeStart?: number;
  /** Absent: to the end of the resource. */
  readonly byteRangeLength?: number;
}

/** Where another rendition stands (`EXT-X-RENDITION-REPORT`, §4.4.5.4). */
export interface RenditionReport {
  /** Relative to this playlist. */
  readonly uri: string;
  readonly lastMsn?: number;
  readonly lastPart?: number;
}

/** An attribute value of an extensible tag: a quoted string, a decimal, or a hexadecimal sequence. */
export type AttributeValue = string | number | Uint8Array;

/** A range of time with attributes (`EXT-X-DATERANGE`, §4.4.5.1). Instants are whole milliseconds since the Unix epoch, durations seconds. */
export interface DateRange {
  readonly id: string;
  readonly class?: string;
  /** May be absent only where an earlier tag with the same ID had it. */
  readonly startDate?: number;
  readonly cue?: readonly ("PRE" | "POST" | "ONCE" | (string & {}))[];
  readonly endDate?: number;
  readonly duration?: number;
  readonly plannedDuration?: number;
  readonly scte35Cmd?: Uint8Array;
  readonly scte35Out?: Uint8Array;
  readonly scte35In?: Uint8Array;
  readonly endOnNext?: boolean;
  /** `X-…` attributes, by their whole names, e.g. `X-ASSET-URI` of an interstitial. */
  readonly clientAttributes?: Readonly<Record<string, AttributeValue>>;
}

/** A variable (`EXT-X-DEFINE`, §4.4.2.3). */
export type Define =
  | { readonly name: string; readonly value: string }
  /** Takes the value from the Multivariant Playlist. */
  | { readonly import: string }
  /** Takes the value from the query of the playlist's own URL. */
  | { readonly queryParam: string };

/** Where to start playing (`EXT-X-START`, §4.4.2.2). */
export interface StartPoint {
  /** Seconds from the start; negative from the end. */
  readonly timeOffset: number;
  readonly precise?: boolean;
}

/** What both kinds of playlist can say (§4.4.2). */
export interface PlaylistBase {
  /** `EXT-X-VERSION`. The writer computes the lowest one that allows what is used (§8) when absent; the parser gives what is written. */
  readonly version?: number;
  /** Every segment starts with an independent frame. */
  readonly independentSegments?: boolean;
  readonly start?: StartPoint;
  /** Kept as written. The parser has already put their values in everywhere. */
  readonly defines?: readonly Define[];
  /** Whole lines of tags that this module does not know, in order. */
  readonly unknownTags?: readonly string[];
}

/** A Media Playlist, or a delta update of one when `skip` is there. */
export interface MediaPlaylist extends PlaylistBase {
  readonly type: "media";
  /** Whole seconds (§4.4.3.1). */
  readonly targetDuration: number;
  /** Number of the first segment, skipped ones included. */
  readonly mediaSequence: number;
  /** Number of discontinuities that have left the playlist. Default 0. */
  readonly discontinuitySequence?: number;
  readonly playlistType?: "EVENT" | "VOD";
  readonly iFramesOnly?: boolean;
  /** Seconds (`EXT-X-PART-INF`, §4.4.3.7). Fixed for the life of the stream. */
  readonly partTarget?: number;
  readonly serverControl?: ServerControl;
  readonly skip?: Skip;
  /** Oldest first; with `skip`, the ones after those skipped. */
  readonly segments: readonly Segment[];
  readonly openSegment?: OpenSegment;
  readonly dateRanges?: readonly DateRange[];
  readonly preloadHints?: readonly PreloadHint[];
  readonly renditionReports?: readonly RenditionReport[];
  readonly endList?: boolean;
}
