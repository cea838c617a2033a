/** Writes a Media Playlist (RFC 8216bis §4.4.2–4.4.5). */
import { MediaError } from "../errors.ts";
import type { ByteRange, InitSection, Key, MediaPlaylist, OpenSegment, Part, Segment } from "./media-playlist.ts";
import { mediaPlaylistVersion } from "./version.ts";
import { dateTime, decimal, integer, lineText, quoted, quotedList, uriLine } from "./write-attributes.ts";
import { sameKeys, writeHead, writeKeyAttributes, writeUnknownTags } from "./write-common.ts";
import { writeDateRange } from "./write-date-range.ts";

/**
 * Writes a Media Playlist, or a delta update where `skip` is there. Durations go to the microsecond.
 *
 * EXT-X-MAP, EXT-X-KEY and EXT-X-BITRATE are written where a segment's differs from the one before, and at the first segment of a delta
 * update too, so that an update stands on its own.
 *
 * @throws {MediaError} `INVALID_ARGUMENT` when a value cannot be written, e.g. a line break in a URI.
 */
export function writeMediaPlaylist(playlist: MediaPlaylist): string {
  const state = new WriteState(playlist.skip !== undefined);
  let text = writeHead(playlist, playlist.version ?? mediaPlaylistVersion(playlist)) + writeMediaHead(playlist);
  for (const segment of playlist.segments) text += writeSegment(segment, state);
  if (playlist.openSegment !== undefined)
    text += writeChanges(playlist.openSegment, state) + writeParts(playlist.openSegment);
  return text + writeTail(playlist);
}

/** What the tags so far say, since most apply until the next of their kind. */
class WriteState {
  map: InitSection | undefined;
  keys: readonly Key[] | undefined;
  /** After EXT-X-SKIP nobody here knows which keys are in force. */
  keysUnknown: boolean;
  bitrate: number | undefined;

  constructor(isDelta: boolean) {
    this.keysUnknown = isDelta;
  }
}

function writeMediaHead(playlist: MediaPlaylist): string {
  let text = `#EXT-X-TARGETDURATION:${integer(playlist.targetDuration, "targetDuration")}\n`;
  const control = playlist.serverControl;
  if (control !== undefined) {
    let attributes = "";
    if (control.canBlockReload) attributes += ",CAN-BLOCK-RELOAD=YES";
    if (control.canSkipUntil !== undefined)
      attributes += `,CAN-SKIP-UNTIL=${decimal(control.canSkipUntil, "canSkipUntil")}`;
    if (control.canSkipDateRanges) attributes += ",CAN-SKIP-DATERANGES=YES";
    if (control.holdBack !== undefined) attributes += `,HOLD-BACK=${decimal(control.holdBack, "holdBack")}`;
    if (control.partHoldBack !== undefined)
      attributes += `,PART-HOLD-BACK=${decimal(control.partHoldBack, "partHoldBack")}`;
    if (attributes !== "") text += `#EXT-X-SERVER-CONTROL:${attributes.slice(1)}\n`;
  }
  if (playlist.partTarget !== undefined)
    text += `#EXT-X-PART-INF:PART-TARGET=${decimal(playlist.partTarget, "partTarget")}\n`;
  text += `#EXT-X-MEDIA-SEQUENCE:${integer(playlist.mediaSequence, "mediaSequence")}\n`;
  if (playlist.discontinuitySequence !== undefined) {
    text += `#EXT-X-DISCONTINUITY-SEQUENCE:${integer(playlist.discontinuitySequence, "discontinuitySequence")}\n`;
  }
  if (playlist.playlistType !== undefined) text += `#EXT-X-PLAYLIST-TYPE:${playlist.playlistType}\n`;
  if (playlist.iFramesOnly) text += "#EXT-X-I-FRAMES-ONLY\n";
  if (playlist.unknownTags !== undefined) text += writeUnknownTags(playlist.unknownTags);
  const skip = playlist.skip;
  if (skip !== undefined) {
    text += `#EXT-X-SKIP:SKIPPED-SEGMENTS=${integer(skip.skippedSegments, "skippedSegments")}`;
    const removed = skip.recentlyRemovedDateRanges;
    if (removed !== undefined) {
      text += `,RECENTLY-REMOVED-DATERANGES=${removed.length === 0 ? '""' : quotedList(removed, "\t", "recentlyRemovedDateRanges")}`;
    }
    text += "\n";
  }
  if (playlist.dateRanges !== undefined) for (const range of playlist.dateRanges) text += writeDateRange(range);
  return text;
}

/**
 * What segments say of themselves alone. A segment is immutable and stands in many playlists, so its lines are made once: that makes writing an
 * hour's window several times as fast (bench/documents.bench.ts).
 */
const bodies = new WeakMap<Segment, string>();

function writeSegment(segment: Segment, state: WriteState): string {
  let opening = writeChanges(segment, state);
  if (segment.bitrate !== undefined && segment.bitrate !== state.bitrate) {
    state.bitrate = segment.bitrate;
    opening += `#EXT-X-BITRATE:${integer(segment.bitrate, "bitrate")}\n`;
  }
  let body = bodies.get(segment);
  if (body === undefined) {
    body = writeBody(segment);
    bodies.set(segment, body);
  }
  return opening === "" ? body : opening + body;
}

function writeBody(segment: Segment): string {
  let text = writeParts(segment);
  if (segment.gap) text += "#EXT-X-GAP\n";
  text += `#EXTINF:${decimal(segment.duration, "segment.duration")},`;
  text += segment.title === undefined ? "\n" : `${lineText(segment.title, "segment.title")}\n`;
  if (segment.unknownTags !== undefined) text += writeUnknownTags(segment.unknownTags);
  if (segment.byteRange !== undefined) text += `#EXT-X-BYTERANGE:${writeByteRange(segment.byteRange)}\n`;
  return `${text}${uriLine(segment.uri)}\n`;
}

/** Tags that hang on what came before. */
function writeChanges(segment: Segment | OpenSegment, state: WriteState): string {
  let text = segment.discontinuity ? "#EXT-X-DISCONTINUITY\n" : "";
  if (segment.map !== state.map) text += writeMap(segment.map, state, segment.keys);
  if (segment.keys !== state.keys || state.keysUnknown) text += writeKeys(segment.keys, state);
  return text;
}

function writeParts(segment: Segment | OpenSegment): string {
  let text = "";
  if (segment.programDateTime !== undefined) {
    text = `#EXT-X-PROGRAM-DATE-TIME:${dateTime(segment.programDateTime, "programDateTime")}\n`;
  }
  if (segment.parts !== undefined) for (const part of segment.parts) text += writePart(part);
  return text;
}

function writePart(part: Part): string {
  let text = `#EXT-X-PART:DURATION=${decimal(part.duration, "part.duration")},URI=${quoted(part.uri, "part.uri")}`;
  if (part.byteRange !== undefined) text += `,BYTERANGE="${writeByteRange(part.byteRange)}"`;
  if (part.independent) text += ",INDEPENDENT=YES";
  if (part.gap) text += ",GAP=YES";
  return `${text}\n`;
}

function writeMap(map: InitSection | undefined, state: WriteState, segmentKeys: readonly Key[] | undefined): string {
  if (map === undefined) {
    throw new MediaError(
      "INVALID_ARGUMENT",
      "a segment without map cannot follow one with it: EXT-X-MAP applies to the end of the playlist",
    );
  }
  const before = state.map;
  state.map = map;
  const sameRange =
    before?.byteRange?.length === map.byteRange?.length && before?.byteRange?.offset === map.byteRange?.offset;
  if (before?.uri === map.uri && sameRange && sameKeys(before.keys, map.keys)) return "";
  let text = writeKeys(map.keys ?? segmentKeys, state);
  text += `#EXT-X-MAP:URI=${quoted(map.uri, "map.uri")}`;
  if (map.byteRange !== undefined) text += `,BYTERANGE="${writeByteRange(map.byteRange)}"`;
  return `${text}\n`;
}

function writeKeys(keys: readonly Key[] | undefined, state: WriteState): string {
  const before = state.keys;
  const unknown = state.keysUnknown;
  if (unknown && keys === undefined) return "";
  state.keys = keys;
  state.keysUnknown = false;
  if (!unknown && sameKeys(before, keys)) return "";
  if (keys === undefined || keys.length === 0) return "#EXT-X-KEY:METHOD=NONE\n";
  let text = "";
  // A key replaces the one before of its own format; one of a format no longer used has to be ended first.
  const ended = before?.some(
    (old) => !keys.some((key) => (key.keyFormat ?? "identity") === (old.keyFormat ?? "identity")),
  );
  if (ended || unknown) text += "#EXT-X-KEY:METHOD=NONE\n";
  for (const key of keys) text += `#EXT-X-KEY:${writeKeyAttributes(key)}\n`;
  return text;
}

function writeByteRange(range: ByteRange): string {
  const length = integer(range.length, "byteRange.length");
  return range.offset === undefined ? String(length) : `${length}@${integer(range.offset, "byteRange.offset")}`;
}

function writeTail(playlist: MediaPlaylist): string {
  let text = "";
  if (playlist.preloadHints !== undefined) {
    for (const hint of playlist.preloadHints) {
      text += `#EXT-X-PRELOAD-HINT:TYPE=${hint.type},URI=${quoted(hint.uri, "hint.uri")}`;
      if (hint.byteRangeStart !== undefined)
        text += `,BYTERANGE-START=${integer(hint.byteRangeStart, "byteRangeStart")}`;
      if (hint.byteRangeLength !== undefined)
        text += `,BYTERANGE-LENGTH=${integer(hint.byteRangeLength, "byteRangeLength")}`;
      text += "\n";
    }
  }
  if (playlist.renditionReports !== undefined) {
    for (const report of playlist.renditionReports) {
      text += `#EXT-X-RENDITION-REPORT:URI=${quoted(report.uri, "report.uri")}`;
      if (report.lastMsn !== undefined) text += `,LAST-MSN=${integer(report.lastMsn, "lastMsn")}`;
      if (report.lastPart !== undefined) text += `,LAST-PART=${integer(report.lastPart, "lastPart")}`;
      text += "\n";
    }
  }
  return playlist.endList ? `${text}#EXT-X-ENDLIST\n` : text;
}
