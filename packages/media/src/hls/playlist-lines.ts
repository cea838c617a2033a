/** The lines of a playlist (RFC 8216bis §4.1). */
import { documentError } from "../document-error.ts";

/** Reads the lines one by one: ends are LF or CRLF, blank lines and comments are passed over. */
export class PlaylistLines {
  readonly #text: string;
  #at = 0;
  /** Number of the line read last, from 1. */
  number = 0;

  /** @throws {MediaError} `MALFORMED` when the text does not begin with EXTM3U. */
  constructor(text: string) {
    this.#text = text;
    if (text.charCodeAt(0) === 0xfeff)
      throw documentError("MALFORMED", 1, "a playlist must not begin with a byte order mark");
    if (this.next() !== "#EXTM3U" || this.number !== 1)
      throw documentError("MALFORMED", 1, "a playlist begins with #EXTM3U");
  }

  /** The next tag or URI, or undefined at the end. */
  next(): string | undefined {
    const text = this.#text;
    while (this.#at < text.length) {
      const start = this.#at;
      let end = text.indexOf("\n", start);
      if (end === -1) end = text.length;
      this.#at = end + 1;
      this.number += 1;
      if (end > start && text.charCodeAt(end - 1) === 0x0d) end -= 1;
      if (end === start) continue;
      if (text.charCodeAt(start) !== 0x23 || text.startsWith("#EXT", start)) return text.slice(start, end);
    }
    return undefined;
  }
}

/** The name of a tag: up to its colon. */
export function tagName(line: string): string {
  const colon = line.indexOf(":");
  return colon === -1 ? line : line.slice(0, colon);
}

/** Tags that only one kind of playlist may have (§4.4.1): a playlist with tags of both must be refused. */
export const MULTIVARIANT_TAGS: ReadonlySet<string> = new Set([
  "#EXT-X-MEDIA",
  "#EXT-X-STREAM-INF",
  "#EXT-X-I-FRAME-STREAM-INF",
  "#EXT-X-SESSION-DATA",
  "#EXT-X-SESSION-KEY",
  "#EXT-X-CONTENT-STEERING",
]);

/** See {@link MULTIVARIANT_TAGS}. */
export const MEDIA_TAGS: ReadonlySet<string> = new Set([
  "#EXTINF",
  "#EXT-X-BITRATE",
  "#EXT-X-BYTERANGE",
  "#EXT-X-DATERANGE",
  "#EXT-X-DISCONTINUITY",
  "#EXT-X-DISCONTINUITY-SEQUENCE",
  "#EXT-X-ENDLIST",
  "#EXT-X-GAP",
  "#EXT-X-I-FRAMES-ONLY",
  "#EXT-X-KEY",
  "#EXT-X-MAP",
  "#EXT-X-MEDIA-SEQUENCE",
  "#EXT-X-PART",
  "#EXT-X-PART-INF",
  "#EXT-X-PLAYLIST-TYPE",
  "#EXT-X-PRELOAD-HINT",
  "#EXT-X-PROGRAM-DATE-TIME",
  "#EXT-X-RENDITION-REPORT",
  "#EXT-X-SERVER-CONTROL",
  "#EXT-X-SKIP",
  "#EXT-X-TARGETDURATION",
]);
