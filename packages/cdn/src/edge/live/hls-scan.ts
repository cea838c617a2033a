/**
 * What an edge wants to know of an HLS playlist (RFC 8216bis): whether it is live, how fast it moves, and what is asked for next.
 *
 * A scanner, not a parser: it takes the few tags it knows wherever they are and passes over everything else, so that no playlist that a
 * player can read makes it fail. No I/O.
 */

/** Of a longer playlist only the beginning and the end are read, unless it is whole: what moves is at its end. */
const SCANNED_WHOLE_BYTES = 64 * 1024;
const HEAD_BYTES = 16 * 1024;
const TAIL_BYTES = 48 * 1024;
/** A playlist that has ended is read whole up to here: it is read once. */
const MAX_ENDED_BYTES = 2 * 1024 * 1024;
/** Characters; longer lines are passed over. */
const MAX_LINE = 4096;
/** Segments, the first ones of a longer playlist that has ended. */
const MAX_SEGMENTS = 4096;
/** Parts, hints and reports each. */
const MAX_LISTED = 256;

/** EXT-X-PRELOAD-HINT (§4.4.5.3). */
interface HlsHint {
  readonly type: "PART" | "MAP";
  readonly uri: string;
}

/** EXT-X-RENDITION-REPORT (§4.4.5.4). */
interface HlsReport {
  readonly uri: string;
  readonly lastMsn: number;
  readonly lastPart?: number;
}

/** What was found. */
export interface HlsFacts {
  readonly kind: "media" | "multivariant";
  /** Nothing will be added: EXT-X-ENDLIST, or EXT-X-PLAYLIST-TYPE VOD. */
  readonly ended: boolean;
  /** Seconds, EXT-X-TARGETDURATION. */
  readonly targetDuration?: number;
  /** Seconds, PART-TARGET of EXT-X-PART-INF. */
  readonly partTarget?: number;
  /** URIs as they are written, without those marked as gaps. The newest ones where the playlist is long and live. */
  readonly segments: readonly string[];
  readonly parts: readonly string[];
  readonly hints: readonly HlsHint[];
  readonly reports: readonly HlsReport[];
}

/** @returns undefined for bytes that are no playlist. */
export function scanHls(body: Uint8Array): HlsFacts | undefined {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (!/^\ufeff?#EXTM3U(?:\s|$)/.test(bytes.toString("utf8", 0, 16))) return undefined;
  const scan = new Scan();
  for (const text of textsOf(bytes)) scan.read(text);
  return scan.facts;
}

function textsOf(bytes: Buffer): string[] {
  const { length } = bytes;
  if (length <= SCANNED_WHOLE_BYTES) return [bytes.toString()];
  const tail = bytes.toString("utf8", length - TAIL_BYTES);
  if (length <= MAX_ENDED_BYTES && /^#EXT-X-ENDLIST\s*$/m.test(tail)) return [bytes.toString()];
  // Neither the head's last line nor the tail's first one is whole.
  const head = bytes.toString("utf8", 0, HEAD_BYTES);
  return [head.slice(0, head.lastIndexOf("\n") + 1), tail.slice(tail.indexOf("\n") + 1)];
}

class Scan {
  #kind: HlsFacts["kind"] = "media";
  #ended = false;
  #targetDuration: number | undefined;
  #partTarget: number | undefined;
  #isGap = false;
  readonly #segments: string[] = [];
  readonly #parts: string[] = [];
  readonly #hints: HlsHint[] = [];
  readonly #reports: HlsReport[] = [];

  get facts(): HlsFacts {
    return {
      kind: this.#kind,
      ended: this.#ended,
      ...(this.#targetDuration !== undefined && { targetDuration: this.#targetDuration }),
      ...(this.#partTarget !== undefined && { partTarget: this.#partTarget }),
      segments: this.#segments,
      parts: this.#parts,
      hints: this.#hints,
      reports: this.#reports,
    };
  }

  read(text: string): void {
    // A gap that the head ended with is not the tail's.
    this.#isGap = false;
    for (let start = 0; start < text.length; ) {
      const newline = text.indexOf("\n", start);
      const end = newline === -1 ? text.length : newline;
      if (end - start <= MAX_LINE) this.#line(text.slice(start, end).trim());
      start = end + 1;
    }
  }

  #line(line: string): void {
    if (line === "") return;
    if (line.startsWith("#EXT")) this.#tag(line);
    else if (!line.startsWith("#")) this.#uri(line);
  }

  #uri(uri: string): void {
    const isGap = this.#isGap;
    this.#isGap = false;
    if (this.#kind === "media" && !isGap && this.#segments.length < MAX_SEGMENTS) this.#segments.push(uri);
  }

  #tag(line: string): void {
    const colon = line.indexOf(":");
    const value = colon === -1 ? "" : line.slice(colon + 1);
    switch (colon === -1 ? line : line.slice(0, colon)) {
      case "#EXT-X-STREAM-INF":
      case "#EXT-X-MEDIA":
      case "#EXT-X-I-FRAME-STREAM-INF":
        this.#kind = "multivariant";
        break;
      case "#EXT-X-TARGETDURATION":
        this.#targetDuration ??= positive(value);
        break;
      case "#EXT-X-PART-INF":
        this.#partTarget ??= positive(attributesOf(value).get("PART-TARGET"));
        break;
      case "#EXT-X-ENDLIST":
        this.#ended = true;
        break;
      case "#EXT-X-PLAYLIST-TYPE":
        if (value.trim() === "VOD") this.#ended = true;
        break;
      case "#EXT-X-GAP":
        this.#isGap = true;
        break;
      case "#EXT-X-PART":
        this.#part(attributesOf(value));
        break;
      case "#EXT-X-PRELOAD-HINT":
        this.#hint(attributesOf(value));
        break;
      case "#EXT-X-RENDITION-REPORT":
        this.#report(attributesOf(value));
        break;
    }
  }

  #part(attributes: Attributes): void {
    const uri = attributes.get("URI");
    if (uri === undefined || attributes.get("GAP") === "YES") return;
    if (this.#parts.push(uri) > MAX_LISTED) this.#parts.shift();
  }

  #hint(attributes: Attributes): void {
    const type = attributes.get("TYPE");
    const uri = attributes.get("URI");
    if (uri === undefined || (type !== "PART" && type !== "MAP") || this.#hints.length >= MAX_LISTED) return;
    this.#hints.push({ type, uri });
  }

  #report(attributes: Attributes): void {
    const uri = attributes.get("URI");
    const lastMsn = count(attributes.get("LAST-MSN"));
    const lastPart = count(attributes.get("LAST-PART"));
    if (uri === undefined || lastMsn === undefined || this.#reports.length >= MAX_LISTED) return;
    this.#reports.push({ uri, lastMsn, ...(lastPart !== undefined && { lastPart }) });
  }
}

type Attributes = ReadonlyMap<string, string>;

/** An attribute list (§4.2), without its quotes. */
function attributesOf(list: string): Attributes {
  const attributes = new Map<string, string>();
  for (let at = 0; at < list.length; ) {
    const equals = list.indexOf("=", at);
    if (equals === -1) break;
    const name = list.slice(at, equals).trim();
    const isQuoted = list[equals + 1] === '"';
    const start = isQuoted ? equals + 2 : equals + 1;
    const found = list.indexOf(isQuoted ? '"' : ",", start);
    const end = found === -1 ? list.length : found;
    attributes.set(name, isQuoted ? list.slice(start, end) : list.slice(start, end).trim());
    const comma = list.indexOf(",", end);
    if (comma === -1) break;
    at = comma + 1;
  }
  return attributes;
}

function positive(text: string | undefined): number | undefined {
  const value = Number.parseFloat(text ?? "");
  return value > 0 && value < 86_400 ? value : undefined;
}

function count(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
