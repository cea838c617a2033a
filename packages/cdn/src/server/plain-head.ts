/**
 * Request heads of the plainest form, read without node:http: a strict subset of RFC 9112, and one pass over its characters.
 *
 * What is unusual or malformed is not judged here but left to node:http. Players send the same fields with each request, so a block of
 * fields that was read before is known by its text.
 */

import type { RawRequest, RawResponse } from "../handler/raw.ts";
import type { ServerLimits } from "./limits.ts";
import { isRewritten, readHead } from "./request.ts";

/** A head as its fields stand there. */
export interface PlainHead {
  readonly method: "GET" | "HEAD";
  readonly target: string;
  /** Name, value, name, value…; names in lower case. `Connection: keep-alive` is left out. */
  readonly fields: string[];
}

/** Fields of a request that stands for all requests with the same. */
export interface KnownFields {
  /** From the end of the request line to the end of the empty line. */
  readonly text: string;
  readonly origin: string;
  readonly headers: RawRequest["headers"];
  /** Bytes of them, as `maxHeaderBytes` counts. */
  readonly bytes: number;
}

/** A request whose head was read. */
export interface PlainRequest {
  readonly method: "GET" | "HEAD";
  readonly target: string;
  readonly fields: KnownFields;
  /** Where in the text the next request begins. */
  readonly end: number;
}

/** Blocks of fields that a server remembers: about as many kinds of players ask at a time. */
const MAX_KNOWN = 512;
/** Longer blocks are not remembered: a connection keeps the one that it had last. */
const MAX_KNOWN_LENGTH = 2048;
/** Spellings of field names that the process remembers, and how long each may be. */
const MAX_NAMES = 1024;
const MAX_NAME_LENGTH = 64;

const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;
const TAB = 0x09;
const COLON = 0x3a;
const SLASH = 0x2f;
const DOT = 0x2e;
const PERCENT = 0x25;
const BACKSLASH = 0x5c;

/** What each character may stand in. */
const IN_TARGET = 1;
const IN_NAME = 2;
const IN_VALUE = 4;
const kinds = new Uint8Array(256);
for (let code = 0; code < 256; code += 1) {
  const character = String.fromCharCode(code);
  if (/[\x21\x22\x24-\x7e]/.test(character)) kinds[code]! |= IN_TARGET;
  if (/[\w!#$%&'*+.^`|~-]/.test(character)) kinds[code]! |= IN_NAME;
  if (/[\t\x20-\x7e\x80-\xff]/.test(character)) kinds[code]! |= IN_VALUE;
}

/** Fields that say something about the connection or a body: for node:http. */
const UNUSUAL =
  /^(?:connection|content-length|expect|http2-settings|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade)$/;

interface FieldName {
  readonly lower: string;
  readonly isUnusual: boolean;
}

const names = new Map<string, FieldName>();

function nameOf(spelling: string): FieldName {
  const known = names.get(spelling);
  if (known !== undefined) return known;
  const lower = spelling.toLowerCase();
  const name: FieldName = { lower, isUnusual: UNUSUAL.test(lower) };
  if (names.size < MAX_NAMES && spelling.length <= MAX_NAME_LENGTH) names.set(ownText(spelling), name);
  return name;
}

/** A head of the plainest form, from its request line to the end of its last field; undefined where node:http should look at it. */
export function readPlainHead(text: string): PlainHead | undefined {
  const line = readLine(text, 0);
  if (line === undefined) return undefined;
  const fields = readPlainFields(text, line.end, text.length);
  return fields && { method: line.method, target: line.target, fields };
}

interface RequestLine {
  readonly method: "GET" | "HEAD";
  readonly target: string;
  /** Where the line's CRLF is. */
  readonly end: number;
}

function readLine(text: string, from: number): RequestLine | undefined {
  const method = text.startsWith("GET /", from) ? "GET" : text.startsWith("HEAD /", from) ? "HEAD" : undefined;
  if (method === undefined) return undefined;
  const start = from + method.length + 1;
  let at = start + 1;
  while (kinds[text.charCodeAt(at)]! & IN_TARGET) at += 1;
  if (!text.startsWith(" HTTP/1.1\r\n", at)) return undefined;
  return { method, target: text.slice(start, at), end: at + 9 };
}

/** @param from - where the request line's CRLF is. @param to - the end of the last field's CRLF. */
function readPlainFields(text: string, from: number, to: number): string[] | undefined {
  const fields: string[] = [];
  let hosts = 0;
  for (let at = from + 2; at < to; ) {
    const nameStart = at;
    let code = text.charCodeAt(at);
    while (kinds[code]! & IN_NAME) code = text.charCodeAt(++at);
    if (code !== COLON || at === nameStart) return undefined;
    const name = nameOf(text.slice(nameStart, at));
    code = text.charCodeAt(++at);
    while (code === SPACE || code === TAB) code = text.charCodeAt(++at);
    const valueStart = at;
    let valueEnd = at;
    while (kinds[code]! & IN_VALUE) {
      at += 1;
      if (code !== SPACE && code !== TAB) valueEnd = at;
      code = text.charCodeAt(at);
    }
    if (code !== CR || text.charCodeAt(at + 1) !== LF || at + 2 > to) return undefined;
    at += 2;
    const value = text.slice(valueStart, valueEnd);
    if (name.isUnusual) {
      if (name.lower !== "connection" || value.toLowerCase() !== "keep-alive") return undefined;
      continue;
    }
    fields.push(name.lower, value);
    if (name.lower === "host") hosts += 1;
  }
  return hosts === 1 ? fields : undefined;
}

/** Reads the plain heads of one server. */
export class PlainHeadReader {
  readonly #scheme: "http" | "https";
  readonly #limits: ServerLimits;
  readonly #known = new Map<string, KnownFields>();

  constructor(scheme: "http" | "https", limits: ServerLimits) {
    this.#scheme = scheme;
    this.#limits = limits;
  }

  /**
   * Reads a request at the beginning of what a client sent, or in the middle where several came together.
   *
   * @param before - what the connection's last request had.
   * @returns a request, a refusal, or undefined where node:http should look at it: it is unusual, malformed, or not all here.
   */
  read(text: string, from: number, before: KnownFields | undefined): PlainRequest | RawResponse | undefined {
    const line = readLine(text, from);
    if (line === undefined) return undefined;
    const { method, target, end } = line;
    if (before !== undefined && text.startsWith(before.text, end) && this.#allows(target, before)) {
      return { method, target, fields: before, end: end + before.text.length };
    }
    const last = text.indexOf("\r\n\r\n", end);
    if (last === -1) return undefined;
    const block = text.slice(end, last + 4);
    const known = this.#known.get(block);
    if (known !== undefined && this.#allows(target, known)) {
      return { method, target, fields: known, end: last + 4 };
    }
    const fields = readPlainFields(text, end, last + 2);
    if (fields === undefined) return undefined;
    const head = readHead(target, undefined, this.#scheme, fields, this.#limits);
    if ("status" in head) return head;
    const read = {
      text: ownText(block),
      origin: head.origin,
      headers: head.headers,
      bytes: head.bytes - target.length,
    };
    this.#remember(read);
    return { method, target, fields: read, end: last + 4 };
  }

  /** Forgets what was fine by other limits. */
  forget(): void {
    this.#known.clear();
  }

  /** Whether a target goes with fields that were fine with another; anything unusual is looked at whole. */
  #allows(target: string, { bytes }: KnownFields): boolean {
    const { maxUrlBytes, maxHeaderBytes } = this.#limits;
    if (target.length > maxUrlBytes || target.length + bytes > maxHeaderBytes) return false;
    return !mayBeRewritten(target) || !isRewritten(target);
  }

  #remember(fields: KnownFields): void {
    if (fields.text.length > MAX_KNOWN_LENGTH) return;
    this.#known.set(fields.text, fields);
    if (this.#known.size <= MAX_KNOWN) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      return;
    }
  }
}

/** Whether a connection may keep fields for as long as it rests. */
export function isWorthKeeping({ text }: KnownFields): boolean {
  return text.length <= MAX_KNOWN_LENGTH;
}

/** Cheap, and true too often: whether a segment begins with a dot, plain or encoded, or there is a backslash. */
function mayBeRewritten(target: string): boolean {
  for (let at = 0, before = 0; at < target.length; at += 1) {
    const code = target.charCodeAt(at);
    if (code === BACKSLASH || (before === SLASH && (code === DOT || code === PERCENT))) return true;
    before = code;
  }
  return false;
}

/** A copy: a part of a string keeps alive the whole that it was cut from, here all that a client sent. */
function ownText(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}
