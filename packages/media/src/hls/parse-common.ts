/** Reads the tags that both kinds of playlist can have (RFC 8216bis §4.4.2), and keys. */
import { documentError } from "../document-error.ts";
import type { Mutable } from "../mutable.ts";
import { AttributeList, readInteger } from "./attribute-list.ts";
import type { Define, Key, StartPoint } from "./media-playlist.ts";
import type { Variables } from "./variables.ts";

/** The protocol version that this module knows (RFC 8216bis §8). */
const HIGHEST_VERSION = 13;

/** What the tags of §4.4.2 have said so far. */
export class CommonTags {
  version: number | undefined;
  independentSegments: true | undefined;
  start: StartPoint | undefined;
  readonly defines: Define[] = [];
  readonly #seen = new Set<string>();
  readonly #variables: Variables;
  readonly #mayImport: boolean;

  constructor(variables: Variables, mayImport: boolean) {
    this.#variables = variables;
    this.#mayImport = mayImport;
  }

  /** @throws {MediaError} `MALFORMED` when a tag that may stand only once stands twice. */
  once(name: string, line: number): void {
    if (this.#seen.has(name)) throw documentError("MALFORMED", line, `${name.slice(1)} stands twice`);
    this.#seen.add(name);
  }

  /** True when the tag was one of these. */
  read(name: string, text: string, line: number): boolean {
    switch (name) {
      case "#EXT-X-VERSION":
        this.once(name, line);
        this.version = readInteger(text.slice(15), line, "EXT-X-VERSION");
        if (this.version < 1) throw documentError("MALFORMED", line, "EXT-X-VERSION is below 1");
        if (this.version > HIGHEST_VERSION) {
          throw documentError(
            "UNSUPPORTED",
            line,
            `EXT-X-VERSION ${this.version} is above ${HIGHEST_VERSION}, the highest known`,
          );
        }
        return true;
      case "#EXT-X-INDEPENDENT-SEGMENTS":
        this.once(name, line);
        this.independentSegments = true;
        return true;
      case "#EXT-X-START": {
        this.once(name, line);
        const attributes = new AttributeList("EXT-X-START", text, 13, line, this.#variables);
        const precise = attributes.yes("PRECISE");
        const timeOffset = attributes.requiredSignedDecimal("TIME-OFFSET");
        this.start = precise ? { timeOffset, precise } : { timeOffset };
        return true;
      }
      case "#EXT-X-DEFINE":
        this.#readDefine(text, line);
        return true;
      case "#EXTM3U":
        throw documentError("MALFORMED", line, "EXTM3U stands twice");
      default:
        return false;
    }
  }

  #readDefine(text: string, line: number): void {
    const attributes = new AttributeList("EXT-X-DEFINE", text, 14, line, this.#variables);
    const name = attributes.string("NAME");
    const imported = attributes.string("IMPORT");
    const queryParam = attributes.string("QUERYPARAM");
    const given = [name, imported, queryParam].filter((value) => value !== undefined);
    if (given.length !== 1)
      throw documentError("MALFORMED", line, "EXT-X-DEFINE needs one of NAME, IMPORT and QUERYPARAM");
    let define: Define;
    if (name !== undefined) define = { name, value: attributes.requiredString("VALUE") };
    else if (imported !== undefined) define = { import: imported };
    else define = { queryParam: queryParam! };
    if ("import" in define && !this.#mayImport) {
      throw documentError("MALFORMED", line, "a Multivariant Playlist has nothing to IMPORT from");
    }
    this.#variables.define(define, line);
    this.defines.push(define);
  }
}

/** A key, or null for METHOD=NONE. */
export function readKey(attributes: AttributeList): Key | null {
  const method = attributes.requiredEnumerated("METHOD");
  const { line, tag } = attributes;
  if (method === "NONE") {
    if (attributes.names.length > 1)
      throw documentError("MALFORMED", line, `${tag} with METHOD=NONE must have no other attribute`);
    return null;
  }
  const key: Mutable<Key> = { method, uri: attributes.requiredString("URI") };
  const iv = attributes.hexadecimal("IV");
  if (iv !== undefined) {
    if (iv.length > 16) throw documentError("MALFORMED", line, `${tag} IV is longer than 128 bits`);
    key.iv = new Uint8Array(16);
    key.iv.set(iv, 16 - iv.length);
  }
  const keyFormat = attributes.string("KEYFORMAT");
  if (keyFormat !== undefined) key.keyFormat = keyFormat;
  const versions = attributes.strings("KEYFORMATVERSIONS", "/");
  if (versions !== undefined)
    key.keyFormatVersions = versions.map((text) => readInteger(text, line, `${tag} KEYFORMATVERSIONS`));
  return key;
}
