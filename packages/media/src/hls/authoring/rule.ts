/** What an authoring rule is, and what it looks at. */
import type { MediaPlaylist, Segment } from "../media-playlist.ts";
import type { MultivariantPlaylist, Resolution } from "../multivariant-playlist.ts";

/** How the rules name Apple's document; numbers after it are those of its requirements. */
export const APPLE = "Apple HLS Authoring Specification";

/** `must`: clients may fail. `should`: clients play, less well. */
export type Severity = "must" | "should";

/** One broken rule at one place. */
export interface Violation {
  /** Name of the rule, stable. */
  readonly rule: string;
  readonly severity: Severity;
  /** The specification and section that asks for it. */
  readonly source: string;
  /** Which document: the playlist's URI, or `multivariant`. */
  readonly document: string;
  readonly message: string;
}

/** A rule over subjects of one kind. */
export interface Rule<Subject> {
  readonly id: string;
  readonly severity: Severity;
  readonly source: string;
  /** Calls `report` for each place where the rule is broken. */
  readonly check: (subject: Subject, report: (message: string, document?: string) => void) => void;
}

/** One media playlist with what is known about its media. Give playlists as they were parsed: an absent version counts as 1. */
export interface AuthoringMedia {
  /** As the Multivariant Playlist has it. Default `media`. */
  readonly uri?: string;
  readonly playlist: MediaPlaylist;
  /** What the same URI gave before, oldest first. Delta updates too. */
  readonly earlier?: readonly MediaPlaylist[];
  /** Size of each segment in bytes, by URI (`uri@offset` for byte ranges). Lets BANDWIDTH be measured. */
  readonly segmentBytes?: Readonly<Record<string, number>>;
  /** RFC 6381, of what is in the segments. Lets CODECS be compared. */
  readonly codecs?: readonly string[];
  readonly resolution?: Resolution;
  /** Frames per second. */
  readonly frameRate?: number;
}

/** A whole presentation. */
export interface AuthoringPresentation {
  readonly multivariant: MultivariantPlaylist;
  /** Those that are at hand; rules about the others are passed over. */
  readonly media: readonly AuthoringMedia[];
}

/** Two loads of the same playlist, both whole. */
export interface Reload {
  readonly before: MediaPlaylist;
  readonly after: MediaPlaylist;
}

/** A segment with its numbers. */
export interface PlacedSegment {
  readonly segment: Segment;
  readonly mediaSequence: number;
  readonly discontinuitySequence: number;
  /** Seconds from its end to the end of the playlist. */
  readonly fromEnd: number;
}

/** Durations are written to the microsecond, so sums and multiples are compared with that much room. */
export const EPSILON = 1e-5;

/** The playlist still grows. */
export function isLive(playlist: MediaPlaylist): boolean {
  return !playlist.endList && playlist.playlistType !== "VOD";
}

/** The playlist is one of low latency: it has a part target. */
export function isLowLatency(playlist: MediaPlaylist): boolean {
  return (
    playlist.partTarget !== undefined ||
    playlist.openSegment?.parts[0] !== undefined ||
    playlist.segments.some((item) => item.parts !== undefined)
  );
}

/** Number of the first segment that the text holds: in a delta update, after those skipped. */
export function firstNumber(playlist: MediaPlaylist): number {
  return playlist.mediaSequence + (playlist.skip?.skippedSegments ?? 0);
}

/** Every segment with its numbers. */
export function placeSegments(playlist: MediaPlaylist): readonly PlacedSegment[] {
  const placed: { segment: Segment; mediaSequence: number; discontinuitySequence: number; fromEnd: number }[] = [];
  let discontinuitySequence = playlist.discontinuitySequence ?? 0;
  let mediaSequence = firstNumber(playlist);
  for (const segment of playlist.segments) {
    // The tag of a playlist's first segment counts too: DISCONTINUITY-SEQUENCE counts those that have left (§4.4.3.3).
    if (segment.discontinuity) discontinuitySequence += 1;
    placed.push({ segment, mediaSequence, discontinuitySequence, fromEnd: 0 });
    mediaSequence += 1;
  }
  let fromEnd = 0;
  for (const part of playlist.openSegment?.parts ?? []) fromEnd += part.duration;
  for (const item of placed.reverse()) {
    item.fromEnd = fromEnd;
    fromEnd += item.segment.duration;
  }
  return placed.reverse();
}

/** Seconds of media from the first segment to the end of the last part. */
export function playlistDuration(playlist: MediaPlaylist): number {
  let seconds = 0;
  for (const segment of playlist.segments) seconds += segment.duration;
  for (const part of playlist.openSegment?.parts ?? []) seconds += part.duration;
  return seconds;
}

/** Seconds for people. */
export function s(seconds: number): string {
  return `${Math.round(seconds * 1e6) / 1e6} s`;
}
