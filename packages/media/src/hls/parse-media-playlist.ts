/** Reads a Media Playlist (RFC 8216bis §4.4.2–4.4.5). */
import { documentError } from "../document-error.ts";
import type { Mutable } from "../mutable.ts";
import { AttributeList, readInteger } from "./attribute-list.ts";
import type { DateRange, MediaPlaylist, PreloadHint, RenditionReport, ServerControl, Skip } from "./media-playlist.ts";
import { CommonTags } from "./parse-common.ts";
import { readDateRange } from "./parse-date-range.ts";
import { MULTIVARIANT_TAGS, PlaylistLines, tagName } from "./playlist-lines.ts";
import { SegmentReader } from "./segment-reader.ts";
import { type ParsePlaylistOptions, Variables } from "./variables.ts";

/**
 * Reads a Media Playlist, or a delta update of one.
 *
 * Tags that apply to what follows (EXT-X-MAP, EXT-X-KEY, EXT-X-BITRATE) end up in every segment they apply to, as one shared object. Unknown tags are
 * kept, unknown attributes passed over.
 *
 * @throws {MediaError} `MALFORMED` when the text breaks the grammar or a rule on which the meaning hangs; `UNSUPPORTED` for a version above 13;
 * `LIMIT_EXCEEDED` for a number above 2^53 - 1 or variables that unfold without measure.
 */
export function parseMediaPlaylist(text: string, options: ParsePlaylistOptions = {}): MediaPlaylist {
  return new MediaPlaylistReader(text, options).read();
}

class MediaPlaylistReader {
  readonly #lines: PlaylistLines;
  readonly #variables: Variables;
  readonly #common: CommonTags;
  readonly #segments: SegmentReader;
  readonly #playlist: Mutable<Partial<MediaPlaylist>> = {};
  readonly #dateRanges: DateRange[] = [];
  readonly #preloadHints: PreloadHint[] = [];
  readonly #renditionReports: RenditionReport[] = [];
  readonly #unknownTags: string[] = [];

  constructor(text: string, options: ParsePlaylistOptions) {
    this.#lines = new PlaylistLines(text);
    this.#variables = new Variables(options);
    this.#common = new CommonTags(this.#variables, true);
    this.#segments = new SegmentReader(this.#variables);
  }

  read(): MediaPlaylist {
    for (let line = this.#lines.next(); line !== undefined; line = this.#lines.next()) {
      const number = this.#lines.number;
      if (line.charCodeAt(0) !== 0x23) {
        this.#segments.readUri(line, number);
        continue;
      }
      const name = tagName(line);
      if (
        !this.#segments.readTag(name, line, number) &&
        !this.#readTag(name, line, number) &&
        !this.#common.read(name, line, number)
      ) {
        this.#readUnknown(name, line, number);
      }
    }
    return this.#finish();
  }

  #finish(): MediaPlaylist {
    const playlist = this.#playlist;
    const common = this.#common;
    const end = this.#lines.number;
    const { segments, openSegment, trailingTags } = this.#segments.finish(end);
    if (playlist.targetDuration === undefined)
      throw documentError("MALFORMED", end, "a Media Playlist needs EXT-X-TARGETDURATION");
    if (common.version !== undefined) playlist.version = common.version;
    if (common.independentSegments) playlist.independentSegments = true;
    if (common.start !== undefined) playlist.start = common.start;
    if (common.defines.length > 0) playlist.defines = common.defines;
    const unknownTags = trailingTags.length === 0 ? this.#unknownTags : [...this.#unknownTags, ...trailingTags];
    if (unknownTags.length > 0) playlist.unknownTags = unknownTags;
    if (openSegment !== undefined) playlist.openSegment = openSegment;
    if (this.#dateRanges.length > 0) playlist.dateRanges = this.#dateRanges;
    if (this.#preloadHints.length > 0) playlist.preloadHints = this.#preloadHints;
    if (this.#renditionReports.length > 0) playlist.renditionReports = this.#renditionReports;
    return {
      ...playlist,
      type: "media",
      targetDuration: playlist.targetDuration,
      mediaSequence: playlist.mediaSequence ?? 0,
      segments,
    };
  }

  #readUnknown(name: string, line: string, number: number): void {
    if (MULTIVARIANT_TAGS.has(name)) {
      throw documentError(
        "MALFORMED",
        number,
        `${name.slice(1)} belongs to a Multivariant Playlist, and this is a Media Playlist`,
      );
    }
    if (this.#segments.begun) this.#segments.addUnknownTag(line);
    else this.#unknownTags.push(line);
  }

  #readTag(name: string, line: string, number: number): boolean {
    const playlist = this.#playlist;
    const value = line.slice(name.length + 1);
    switch (name) {
      case "#EXT-X-TARGETDURATION":
        this.#common.once(name, number);
        playlist.targetDuration = readInteger(value, number, "EXT-X-TARGETDURATION");
        return true;
      case "#EXT-X-MEDIA-SEQUENCE":
        this.#common.once(name, number);
        this.#beforeSegments(name, number);
        playlist.mediaSequence = readInteger(value, number, "EXT-X-MEDIA-SEQUENCE");
        return true;
      case "#EXT-X-DISCONTINUITY-SEQUENCE":
        this.#common.once(name, number);
        this.#beforeSegments(name, number);
        playlist.discontinuitySequence = readInteger(value, number, "EXT-X-DISCONTINUITY-SEQUENCE");
        return true;
      case "#EXT-X-PLAYLIST-TYPE":
        this.#common.once(name, number);
        if (value !== "EVENT" && value !== "VOD")
          throw documentError("MALFORMED", number, "EXT-X-PLAYLIST-TYPE is EVENT or VOD");
        playlist.playlistType = value;
        return true;
      case "#EXT-X-I-FRAMES-ONLY":
        this.#common.once(name, number);
        playlist.iFramesOnly = true;
        return true;
      case "#EXT-X-ENDLIST":
        this.#common.once(name, number);
        playlist.endList = true;
        return true;
      case "#EXT-X-PART-INF":
        this.#common.once(name, number);
        playlist.partTarget = this.#attributes(name, line, number).requiredDecimal("PART-TARGET");
        return true;
      case "#EXT-X-SERVER-CONTROL":
        this.#common.once(name, number);
        playlist.serverControl = readServerControl(this.#attributes(name, line, number));
        return true;
      case "#EXT-X-SKIP":
        this.#common.once(name, number);
        this.#beforeSegments(name, number);
        playlist.skip = readSkip(this.#attributes(name, line, number));
        this.#segments.isDelta = true;
        return true;
      case "#EXT-X-DATERANGE":
        this.#dateRanges.push(readDateRange(this.#attributes(name, line, number)));
        return true;
      case "#EXT-X-PRELOAD-HINT": {
        const hint = readPreloadHint(this.#attributes(name, line, number));
        if (hint !== undefined) this.#preloadHints.push(hint);
        return true;
      }
      case "#EXT-X-RENDITION-REPORT":
        this.#renditionReports.push(readRenditionReport(this.#attributes(name, line, number)));
        return true;
      default:
        return false;
    }
  }

  #attributes(name: string, line: string, number: number): AttributeList {
    return new AttributeList(name.slice(1), line, name.length + 1, number, this.#variables);
  }

  #beforeSegments(name: string, number: number): void {
    if (this.#segments.begun)
      throw documentError("MALFORMED", number, `${name.slice(1)} must come before the first Media Segment`);
  }
}

function readServerControl(attributes: AttributeList): ServerControl {
  const control: Mutable<ServerControl> = {};
  if (attributes.yes("CAN-BLOCK-RELOAD")) control.canBlockReload = true;
  const canSkipUntil = attributes.decimal("CAN-SKIP-UNTIL");
  if (canSkipUntil !== undefined) control.canSkipUntil = canSkipUntil;
  if (attributes.yes("CAN-SKIP-DATERANGES")) control.canSkipDateRanges = true;
  const holdBack = attributes.decimal("HOLD-BACK");
  if (holdBack !== undefined) control.holdBack = holdBack;
  const partHoldBack = attributes.decimal("PART-HOLD-BACK");
  if (partHoldBack !== undefined) control.partHoldBack = partHoldBack;
  return control;
}

function readSkip(attributes: AttributeList): Skip {
  const skippedSegments = attributes.requiredInteger("SKIPPED-SEGMENTS");
  const removed = attributes.strings("RECENTLY-REMOVED-DATERANGES", "\t");
  return removed === undefined ? { skippedSegments } : { skippedSegments, recentlyRemovedDateRanges: removed };
}

/** Undefined for a type yet to be invented, which clients pass over (§4.4.5.3). */
function readPreloadHint(attributes: AttributeList): PreloadHint | undefined {
  const type = attributes.requiredEnumerated("TYPE");
  if (type !== "PART" && type !== "MAP") return undefined;
  const hint: Mutable<PreloadHint> = { type, uri: attributes.requiredString("URI") };
  const start = attributes.integer("BYTERANGE-START");
  if (start !== undefined) hint.byteRangeStart = start;
  const length = attributes.integer("BYTERANGE-LENGTH");
  if (length !== undefined) hint.byteRangeLength = length;
  return hint;
}

function readRenditionReport(attributes: AttributeList): RenditionReport {
  const report: Mutable<RenditionReport> = { uri: attributes.requiredString("URI") };
  const lastMsn = attributes.integer("LAST-MSN");
  if (lastMsn !== undefined) report.lastMsn = lastMsn;
  const lastPart = attributes.integer("LAST-PART");
  if (lastPart !== undefined) report.lastPart = lastPart;
  return report;
}
