/** Reads the tags of Media Segments (RFC 8216bis §4.4.4): what applies to one, and what applies until told otherwise. */

import { parseDateTime } from "../date-time.ts";
import { documentError } from "../document-error.ts";
import type { Mutable } from "../mutable.ts";
import { AttributeList, readByteRange, readDecimal, readInteger, show } from "./attribute-list.ts";
import type { ByteRange, InitSection, Key, OpenSegment, Part, Segment } from "./media-playlist.ts";
import { readKey } from "./parse-common.ts";
import type { Variables } from "./variables.ts";
import { sameKeys } from "./write-common.ts";

/** Keys in force at once, each of a format of its own. */
const MAX_KEYS = 64;

/** What the tags of segments and parts have said so far. */
export class SegmentReader {
  /** After EXT-X-SKIP: keys are inherited until told otherwise, and byte ranges may follow one that is not here. */
  isDelta = false;
  /** A tag or URI of a segment has been read. */
  begun = false;

  readonly #variables: Variables;
  readonly #segments: Segment[] = [];

  #map: InitSection | undefined;
  #keysOfMap: readonly Key[] | undefined;
  /** No segment has taken the map yet. */
  #isMapNew = false;
  #keys: readonly Key[] | undefined;
  #bitrate: number | undefined;
  /** Where the last byte range of a resource ended, of segments and of parts. */
  #segmentRange: { readonly uri: string; readonly end: number } | undefined;
  #partRange: { readonly uri: string; readonly end: number } | undefined;

  #duration: number | undefined;
  #title: string | undefined;
  #byteRange: ByteRange | undefined;
  #gap = false;
  #discontinuity = false;
  #programDateTime: number | undefined;
  #parts: Part[] = [];
  #tags: string[] = [];

  constructor(variables: Variables) {
    this.#variables = variables;
  }

  /** True when the tag was one of a segment. */
  readTag(name: string, text: string, line: number): boolean {
    switch (name) {
      case "#EXTINF":
        this.#readDuration(text, line);
        break;
      case "#EXT-X-PART":
        this.#parts.push(this.#readPart(new AttributeList("EXT-X-PART", text, 12, line, this.#variables)));
        break;
      case "#EXT-X-PROGRAM-DATE-TIME":
        this.#programDateTime = parseDateTime(text.slice(25), line, "EXT-X-PROGRAM-DATE-TIME");
        break;
      case "#EXT-X-BYTERANGE":
        this.#byteRange = readByteRange(text.slice(17), line, "EXT-X-BYTERANGE");
        break;
      case "#EXT-X-DISCONTINUITY":
        this.#discontinuity = true;
        break;
      case "#EXT-X-GAP":
        this.#gap = true;
        break;
      case "#EXT-X-BITRATE":
        this.#bitrate = readInteger(text.slice(15), line, "EXT-X-BITRATE");
        break;
      case "#EXT-X-KEY":
        this.#readKey(new AttributeList("EXT-X-KEY", text, 11, line, this.#variables));
        break;
      case "#EXT-X-MAP":
        this.#readMap(new AttributeList("EXT-X-MAP", text, 11, line, this.#variables));
        break;
      default:
        return false;
    }
    this.begun = true;
    return true;
  }

  /** A tag that nobody knows, between those of a segment. */
  addUnknownTag(text: string): void {
    this.#tags.push(text);
  }

  /** The URI that ends a segment. */
  readUri(text: string, line: number): void {
    if (this.#duration === undefined)
      throw documentError("MALFORMED", line, `a URI without EXTINF before it: ${show(text)}`);
    const segment: Mutable<Segment> = { uri: this.#variables.substitute(text, line), duration: this.#duration };
    if (this.#title !== undefined) segment.title = this.#title;
    if (this.#byteRange !== undefined) {
      segment.byteRange = this.#resolve(
        this.#byteRange,
        segment.uri,
        this.#segmentRange,
        this.#segments.length === 0,
        line,
      );
      this.#segmentRange = rangeEnd(segment.uri, segment.byteRange);
    } else {
      this.#segmentRange = undefined;
      if (this.#bitrate !== undefined) segment.bitrate = this.#bitrate;
    }
    if (this.#gap) segment.gap = true;
    if (this.#parts.length > 0) segment.parts = this.#parts;
    this.#applyTo(segment);
    if (this.#tags.length > 0) segment.unknownTags = this.#tags;
    this.#segments.push(segment);
    this.begun = true;
    this.#duration = undefined;
    this.#title = undefined;
    this.#byteRange = undefined;
    this.#gap = false;
    this.#discontinuity = false;
    this.#programDateTime = undefined;
    if (this.#parts.length > 0) this.#parts = [];
    if (this.#tags.length > 0) this.#tags = [];
  }

  /** All segments, and the one still being made. */
  finish(line: number): {
    segments: readonly Segment[];
    openSegment: OpenSegment | undefined;
    trailingTags: readonly string[];
  } {
    if (this.#duration !== undefined) throw documentError("MALFORMED", line, "the last EXTINF has no URI");
    if (this.#byteRange !== undefined) throw documentError("MALFORMED", line, "the last EXT-X-BYTERANGE has no URI");
    const segments = this.#segments;
    const trailingTags = this.#tags;
    const isOpen =
      this.#parts.length > 0 || this.#discontinuity || this.#programDateTime !== undefined || this.#isMapNew;
    if (!isOpen) return { segments, openSegment: undefined, trailingTags };
    const open: Mutable<OpenSegment> = { parts: this.#parts };
    this.#applyTo(open);
    return { segments, openSegment: open, trailingTags };
  }

  #applyTo(segment: Mutable<Segment> | Mutable<OpenSegment>): void {
    if (this.#isMapNew && this.#map !== undefined) {
      if (!sameKeys(this.#keysOfMap, this.#keys)) this.#map = { ...this.#map, keys: this.#keysOfMap ?? [] };
      this.#isMapNew = false;
    }
    if (this.#map !== undefined) segment.map = this.#map;
    if (this.#keys !== undefined) segment.keys = this.#keys;
    if (this.#discontinuity) segment.discontinuity = true;
    if (this.#programDateTime !== undefined) segment.programDateTime = this.#programDateTime;
  }

  #readDuration(text: string, line: number): void {
    if (this.#duration !== undefined)
      throw documentError("MALFORMED", line, "a second EXTINF without a URI in between");
    if (text.charCodeAt(7) !== 0x3a) throw documentError("MALFORMED", line, "EXTINF needs a duration");
    const comma = text.indexOf(",", 8);
    this.#duration = readDecimal(comma === -1 ? text.slice(8) : text.slice(8, comma), line, "the duration of EXTINF");
    if (comma !== -1 && comma + 1 < text.length) this.#title = text.slice(comma + 1);
  }

  #readPart(attributes: AttributeList): Part {
    const part: Mutable<Part> = {
      uri: attributes.requiredString("URI"),
      duration: attributes.requiredDecimal("DURATION"),
    };
    if (attributes.yes("INDEPENDENT")) part.independent = true;
    const range = attributes.byteRange("BYTERANGE");
    if (range !== undefined) {
      part.byteRange = this.#resolve(range, part.uri, this.#partRange, this.#segments.length === 0, attributes.line);
      this.#partRange = rangeEnd(part.uri, part.byteRange);
    } else {
      this.#partRange = undefined;
    }
    if (attributes.yes("GAP")) part.gap = true;
    return part;
  }

  #readMap(attributes: AttributeList): void {
    const uri = attributes.requiredString("URI");
    const range = attributes.byteRange("BYTERANGE");
    // There is no range before it that a missing offset could follow: it is the start of the resource.
    this.#map = range === undefined ? { uri } : { uri, byteRange: { length: range.length, offset: range.offset ?? 0 } };
    this.#keysOfMap = this.#keys;
    this.#isMapNew = true;
  }

  #readKey(attributes: AttributeList): void {
    const key = readKey(attributes);
    if (key === null) {
      this.#keys = this.isDelta ? [] : undefined;
      return;
    }
    const format = key.keyFormat ?? "identity";
    const others = this.#keys?.filter((other) => (other.keyFormat ?? "identity") !== format) ?? [];
    if (others.length === MAX_KEYS) {
      throw documentError("LIMIT_EXCEEDED", attributes.line, `more than ${MAX_KEYS} keys are in force at once`);
    }
    this.#keys = [...others, key];
  }

  #resolve(
    range: ByteRange,
    uri: string,
    before: { readonly uri: string; readonly end: number } | undefined,
    isFirst: boolean,
    line: number,
  ): ByteRange {
    if (range.offset !== undefined) return range;
    if (before?.uri === uri) return { length: range.length, offset: before.end };
    if (this.isDelta && isFirst) return range;
    throw documentError("MALFORMED", line, "a byte range without offset must follow a range of the same resource");
  }
}

function rangeEnd(uri: string, range: ByteRange): { uri: string; end: number } | undefined {
  return range.offset === undefined ? undefined : { uri, end: range.offset + range.length };
}
