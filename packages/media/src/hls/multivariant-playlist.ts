/** A Multivariant Playlist as a typed value (RFC 8216bis §4.4.6). An absent field is an absent tag or attribute. */
import type { Key, PlaylistBase } from "./media-playlist.ts";

/** Pixels. */
export interface Resolution {
  readonly width: number;
  readonly height: number;
}

/** What `EXT-X-STREAM-INF` and `EXT-X-I-FRAME-STREAM-INF` have in common (§4.4.6.2). */
export interface VariantBase {
  readonly uri: string;
  /** Peak bits per second, of all renditions it plays together. */
  readonly bandwidth: number;
  /** Average bits per second. */
  readonly averageBandwidth?: number;
  /** Preference of the author; higher is better. */
  readonly score?: number;
  /** RFC 6381, of all renditions it plays together, e.g. `["avc1.64001f", "mp4a.40.2"]`. */
  readonly codecs?: readonly string[];
  /** e.g. `["dvh1.08.07/db4h"]`. */
  readonly supplementalCodecs?: readonly string[];
  readonly resolution?: Resolution;
  readonly hdcpLevel?: "TYPE-0" | "TYPE-1" | "NONE" | (string & {});
  /** e.g. `["com.example.drm1:SMART-TV/PC"]`. */
  readonly allowedCpc?: readonly string[];
  readonly videoRange?: "SDR" | "HLG" | "PQ" | (string & {});
  /** e.g. `["CH-STEREO"]`. */
  readonly reqVideoLayout?: readonly string[];
  readonly stableVariantId?: string;
  /** GROUP-ID of video renditions. */
  readonly video?: string;
  /** Default `.`. */
  readonly pathwayId?: string;
}

/** One variant stream (`EXT-X-STREAM-INF`, §4.4.6.2). */
export interface Variant extends VariantBase {
  /** Highest frame rate, rounded to three decimals. */
  readonly frameRate?: number;
  /** GROUP-ID of audio renditions. */
  readonly audio?: string;
  /** GROUP-ID of subtitle renditions. */
  readonly subtitles?: string;
  /** GROUP-ID of closed captions; `null` is `NONE`: there are none in any variant. */
  readonly closedCaptions?: string | null;
  /** For people. Not in the RFC, yet written by many packagers. */
  readonly name?: string;
}

/** One I-frame-only variant (`EXT-X-I-FRAME-STREAM-INF`, §4.4.6.3). */
export interface IFrameVariant extends VariantBase {}

/** One rendition of a group (`EXT-X-MEDIA`, §4.4.6.1). */
export interface Rendition {
  readonly type: "AUDIO" | "VIDEO" | "SUBTITLES" | "CLOSED-CAPTIONS";
  readonly groupId: string;
  readonly name: string;
  /** Absent: the media is in the variant's own segments, or is closed captions. */
  readonly uri?: string;
  /** BCP 47. */
  readonly language?: string;
  /** BCP 47. */
  readonly assocLanguage?: string;
  readonly stableRenditionId?: string;
  readonly default?: boolean;
  readonly autoselect?: boolean;
  readonly forced?: boolean;
  /** e.g. `CC1`, `SERVICE3`. */
  readonly instreamId?: string;
  /** Bits per audio sample. */
  readonly bitDepth?: number;
  /** Hz. */
  readonly sampleRate?: number;
  /** Uniform Type Identifiers and such, e.g. `["public.accessibility.describes-video"]`. */
  readonly characteristics?: readonly string[];
  /** e.g. `2`, `6`, `16/JOC`. */
  readonly channels?: string;
}

/** Data for the whole session (`EXT-X-SESSION-DATA`, §4.4.6.4). Either `value` or `uri`. */
export interface SessionData {
  readonly dataId: string;
  readonly value?: string;
  readonly uri?: string;
  /** Default `JSON`. */
  readonly format?: "JSON" | "RAW";
  /** BCP 47. */
  readonly language?: string;
}

/** Where to ask which pathway to prefer (`EXT-X-CONTENT-STEERING`, §4.4.6.6). */
export interface ContentSteering {
  readonly serverUri: string;
  /** Pathway until the first answer. */
  readonly pathwayId?: string;
}

/** A Multivariant Playlist: what variants and renditions there are. */
export interface MultivariantPlaylist extends PlaylistBase {
  readonly type: "multivariant";
  readonly variants: readonly Variant[];
  readonly iFrameVariants?: readonly IFrameVariant[];
  readonly renditions?: readonly Rendition[];
  readonly sessionData?: readonly SessionData[];
  readonly sessionKeys?: readonly Key[];
  readonly contentSteering?: ContentSteering;
}
