/** Tags that both kinds of playlist can have (RFC 8216bis §4.4.2), and keys. */
import { MediaError } from "../errors.ts";
import type { Define, Key, PlaylistBase } from "./media-playlist.ts";
import { enumerated, hexadecimal, integer, lineText, quoted, signedDecimal } from "./write-attributes.ts";

/** The first lines of a playlist. */
export function writeHead(playlist: PlaylistBase, version: number): string {
  let text = "#EXTM3U\n";
  if (version > 1 || playlist.version !== undefined) text += `#EXT-X-VERSION:${integer(version, "version")}\n`;
  if (playlist.defines !== undefined) for (const define of playlist.defines) text += writeDefine(define);
  if (playlist.independentSegments) text += "#EXT-X-INDEPENDENT-SEGMENTS\n";
  if (playlist.start !== undefined) {
    text += `#EXT-X-START:TIME-OFFSET=${signedDecimal(playlist.start.timeOffset, "start.timeOffset")}`;
    text += playlist.start.precise ? ",PRECISE=YES\n" : "\n";
  }
  return text;
}

/** Tags of others, as they came. */
export function writeUnknownTags(tags: readonly string[]): string {
  let text = "";
  for (const tag of tags) {
    if (!tag.startsWith("#EXT"))
      throw new MediaError("INVALID_ARGUMENT", `a tag starts with #EXT: ${JSON.stringify(tag)}`);
    text += `${lineText(tag, "a tag")}\n`;
  }
  return text;
}

function writeDefine(define: Define): string {
  if ("import" in define) return `#EXT-X-DEFINE:IMPORT=${quoted(define.import, "IMPORT")}\n`;
  if ("queryParam" in define) return `#EXT-X-DEFINE:QUERYPARAM=${quoted(define.queryParam, "QUERYPARAM")}\n`;
  return `#EXT-X-DEFINE:NAME=${quoted(define.name, "NAME")},VALUE=${quoted(define.value, "VALUE")}\n`;
}

/** The attributes of a key. */
export function writeKeyAttributes(key: Key): string {
  let text = `METHOD=${enumerated(key.method, "METHOD")},URI=${quoted(key.uri, "key.uri")}`;
  if (key.iv !== undefined) {
    if (key.iv.length !== 16) throw new MediaError("INVALID_ARGUMENT", `an IV has 16 bytes, not ${key.iv.length}`);
    text += `,IV=${hexadecimal(key.iv)}`;
  }
  if (key.keyFormat !== undefined) text += `,KEYFORMAT=${quoted(key.keyFormat, "KEYFORMAT")}`;
  if (key.keyFormatVersions !== undefined) {
    text += `,KEYFORMATVERSIONS="${key.keyFormatVersions.map((version) => integer(version, "KEYFORMATVERSIONS")).join("/")}"`;
  }
  return text;
}

/** The same keys, by value. */
export function sameKeys(a: readonly Key[] | undefined, b: readonly Key[] | undefined): boolean {
  if (a === b) return true;
  const length = a?.length ?? 0;
  if (length !== (b?.length ?? 0)) return false;
  for (let index = 0; index < length; index += 1) {
    const left = a?.[index];
    const right = b?.[index];
    if (left !== right && writeKeyAttributes(left!) !== writeKeyAttributes(right!)) return false;
  }
  return true;
}
