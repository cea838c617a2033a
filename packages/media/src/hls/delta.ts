/** Playlist Delta Updates (RFC 8216bis §6.2.5.1, §6.3.7). */
import { MediaError } from "../errors.ts";
import type { DateRange, MediaPlaylist, Segment } from "./media-playlist.ts";

/**
 * The delta update of a playlist: without the segments that lie wholly before its skip boundary, `serverControl.canSkipUntil` from the end.
 * Date ranges all stay.
 *
 * @returns the playlist itself where nothing can be skipped.
 */
export function createDelta(playlist: MediaPlaylist): MediaPlaylist {
  const skipUntil = playlist.serverControl?.canSkipUntil;
  if (skipUntil === undefined || playlist.skip !== undefined) return playlist;
  let fromEnd = 0;
  for (const part of playlist.openSegment?.parts ?? []) fromEnd += part.duration;
  let skippedSegments = playlist.segments.length;
  while (skippedSegments > 0 && fromEnd < skipUntil) {
    skippedSegments -= 1;
    fromEnd += playlist.segments[skippedSegments]!.duration;
  }
  if (skippedSegments === 0) return playlist;
  return { ...playlist, skip: { skippedSegments }, segments: playlist.segments.slice(skippedSegments) };
}

/**
 * The whole playlist that a delta update stands for.
 *
 * Parts of segments that the delta skips are left out, as they would be in the whole playlist.
 *
 * @param previous - a whole playlist of the same stream, loaded before.
 * @param delta - what came; when it skips nothing it is given back as it is.
 * @throws {MediaError} `INVALID_ARGUMENT` when `previous` does not hold all that was skipped: load the whole playlist.
 */
export function applyDelta(previous: MediaPlaylist, delta: MediaPlaylist): MediaPlaylist {
  const skip = delta.skip;
  if (skip === undefined) return delta;
  if (previous.skip !== undefined)
    throw new MediaError(
      "INVALID_ARGUMENT",
      "a delta update applies to a whole playlist, and previous is an update itself",
    );
  const first = delta.mediaSequence - previous.mediaSequence;
  const end = first + skip.skippedSegments;
  if (first < 0 || end > previous.segments.length) {
    const last = delta.mediaSequence + skip.skippedSegments - 1;
    throw new MediaError(
      "INVALID_ARGUMENT",
      `the delta update skips segments ${delta.mediaSequence} to ${last}, which the previous playlist does not all hold: load the whole one`,
    );
  }
  const segments: Segment[] = previous.segments.slice(first, end).map(withoutParts);
  for (const segment of delta.segments) segments.push(inherit(segment, segments.at(-1)));
  const { skip: _, dateRanges: __, openSegment, ...rest } = delta;
  const dateRanges = mergeDateRanges(previous, delta);
  return {
    ...rest,
    segments,
    ...(openSegment === undefined ? undefined : { openSegment: inheritOpening(openSegment, segments.at(-1)) }),
    ...(dateRanges === undefined || dateRanges.length === 0 ? undefined : { dateRanges }),
  };
}

function withoutParts(segment: Segment): Segment {
  if (segment.parts === undefined) return segment;
  const { parts: _, ...rest } = segment;
  return rest;
}

/** The tags that a delta need not repeat go on from what it skipped. */
function inherit(segment: Segment, before: Segment | undefined): Segment {
  const opening = inheritOpening(segment, before);
  const bitrate = segment.byteRange === undefined ? (segment.bitrate ?? before?.bitrate) : undefined;
  const range = segment.byteRange;
  const needsOffset = range !== undefined && range.offset === undefined;
  if (opening === segment && bitrate === segment.bitrate && !needsOffset) return segment;
  const byteRange = needsOffset ? { length: range.length, offset: followingOffset(segment, before) } : range;
  return {
    ...opening,
    ...(bitrate === undefined ? undefined : { bitrate }),
    ...(byteRange === undefined ? undefined : { byteRange }),
  };
}

function inheritOpening<T extends Pick<Segment, "map" | "keys">>(segment: T, before: Segment | undefined): T {
  const map = segment.map ?? before?.map;
  const inherited = segment.keys ?? before?.keys;
  const keys = inherited?.length === 0 ? undefined : inherited;
  if (map === segment.map && keys === segment.keys) return segment;
  const { keys: _, ...rest } = segment;
  return { ...rest, ...(map === undefined ? undefined : { map }), ...(keys === undefined ? undefined : { keys }) } as T;
}

function followingOffset(segment: Segment, before: Segment | undefined): number {
  const range = before?.byteRange;
  if (range?.offset === undefined || before?.uri !== segment.uri) {
    throw new MediaError("INVALID_ARGUMENT", `the byte range of ${segment.uri} follows none of the previous playlist`);
  }
  return range.offset + range.length;
}

function mergeDateRanges(previous: MediaPlaylist, delta: MediaPlaylist): readonly DateRange[] | undefined {
  const removed = delta.skip?.recentlyRemovedDateRanges;
  if (removed === undefined) return delta.dateRanges;
  const replaced = new Set([...removed, ...(delta.dateRanges ?? []).map((range) => range.id)]);
  return [...(previous.dateRanges ?? []).filter((range) => !replaced.has(range.id)), ...(delta.dateRanges ?? [])];
}
