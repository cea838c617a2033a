/** Reads XML 1.0 with namespaces, strictly and without DTD: what an MPD is written in. */
import { documentError } from "../document-error.ts";
import type { MediaError } from "../errors.ts";
import type { XmlElement } from "./xml.ts";

/** Elements within elements. An MPD needs seven. */
export const MAX_XML_DEPTH = 64;
/** Of one element. */
const MAX_ATTRIBUTES = 256;

const NAME = /[\p{L}_][\p{L}\p{N}\p{M}_.\-·]*(?::[\p{L}_][\p{L}\p{N}\p{M}_.\-·]*)?/uy;
const NOT_XML = /[^\P{Cc}\t\n\r\u007f-\u009f]|[\ufffe\uffff]/u;
const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
const OUTERMOST: Record<string, string> = Object.assign(Object.create(null), {
  xml: "http://www.w3.org/XML/1998/namespace",
  "": "",
});

/** An element as it is read; the reader's caller sees it as {@link XmlElement}, with its line. */
export interface ReadElement extends XmlElement {
  /** From 1. */
  readonly line: number;
  readonly children: ReadElement[];
}

interface OpenElement {
  readonly element: {
    name: string;
    namespace: string;
    attributes: Record<string, string>;
    children: ReadElement[];
    text: string;
    line: number;
  };
  /** As written, for its end tag. */
  readonly qualifiedName: string;
  readonly namespaces: Record<string, string>;
}

/**
 * Reads a document: its root element.
 *
 * @throws {MediaError} `MALFORMED` when it is not well-formed; `UNSUPPORTED` for a document type declaration; `LIMIT_EXCEEDED` when elements nest too deep.
 */
export function readXml(text: string): ReadElement {
  return new XmlReader(text).read();
}

class XmlReader {
  readonly #text: string;
  #at = 0;
  /** The line counted last and where it ends, so that each is counted once. */
  #line = 1;
  #lineStart = 0;
  #lineEnd: number;
  readonly #open: OpenElement[] = [];
  #root: ReadElement | undefined;

  constructor(text: string) {
    this.#text = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
    this.#lineEnd = this.#nextLineEnd(0);
  }

  read(): ReadElement {
    const text = this.#text;
    if (NOT_XML.test(text)) throw this.#fail("MALFORMED", "a character that XML does not allow", text.search(NOT_XML));
    if (text.startsWith("<?xml") && /^[ \t\r\n]/.test(text.slice(5, 6))) this.#skipPast("?>", "the XML declaration");
    while (this.#at < text.length) {
      const start = this.#at;
      let next = text.indexOf("<", start);
      if (next === -1) next = text.length;
      if (next > start) this.#readText(text.slice(start, next), start);
      this.#at = next;
      if (next < text.length) this.#readMarkup();
    }
    const unclosed = this.#open.at(-1);
    if (unclosed !== undefined)
      throw this.#fail("MALFORMED", `<${unclosed.qualifiedName}> of line ${unclosed.element.line} is never closed`);
    if (this.#root === undefined) throw this.#fail("MALFORMED", "there is no root element");
    return this.#root;
  }

  #readMarkup(): void {
    const text = this.#text;
    const at = this.#at;
    if (text.startsWith("<!--", at)) {
      const end = text.indexOf("--", at + 4);
      if (end === -1 || text[end + 2] !== ">") throw this.#fail("MALFORMED", "a comment is never closed, or holds --");
      this.#at = end + 3;
    } else if (text.startsWith("<![CDATA[", at)) {
      if (this.#open.length === 0) throw this.#fail("MALFORMED", "CDATA outside of the root element");
      this.#skipPast("]]>", "CDATA");
      this.#open.at(-1)!.element.text += normalizeLines(text.slice(at + 9, this.#at - 3));
    } else if (text.startsWith("<!", at)) {
      throw this.#fail("UNSUPPORTED", "document type declarations are not read");
    } else if (text.startsWith("<?", at)) {
      if (/^<\?xml[ \t\r\n?]/i.test(text.slice(at, at + 6)))
        throw this.#fail("MALFORMED", "an XML declaration that is not at the start");
      this.#skipPast("?>", "a processing instruction");
    } else if (text.charCodeAt(at + 1) === 0x2f) {
      this.#readEndTag();
    } else {
      this.#readStartTag();
    }
  }

  #skipPast(terminator: string, what: string): void {
    const end = this.#text.indexOf(terminator, this.#at);
    if (end === -1) throw this.#fail("MALFORMED", `${what} is never closed`);
    this.#at = end + terminator.length;
  }

  #readText(raw: string, start: number): void {
    const open = this.#open.at(-1);
    if (open === undefined) {
      if (/[^ \t\r\n]/.test(raw)) throw this.#fail("MALFORMED", "text outside of the root element", start);
      return;
    }
    if (raw.includes("]]>")) throw this.#fail("MALFORMED", "]]> in text", start);
    open.element.text += this.#resolve(normalizeLines(raw), start);
  }

  #readEndTag(): void {
    const start = this.#at;
    this.#at += 2;
    const name = this.#readName();
    this.#skipSpace();
    if (this.#text.charCodeAt(this.#at) !== 0x3e)
      throw this.#fail("MALFORMED", `the end tag of ${name} is never closed`, start);
    this.#at += 1;
    const open = this.#open.pop();
    if (open?.qualifiedName !== name) {
      throw this.#fail(
        "MALFORMED",
        open === undefined ? `</${name}> ends nothing` : `</${name}> where </${open.qualifiedName}> was due`,
        start,
      );
    }
    this.#close(open.element);
  }

  #close(element: OpenElement["element"]): void {
    element.text = trimSpace(element.text);
    const parent = this.#open.at(-1);
    if (parent === undefined) this.#root = element;
    else parent.element.children.push(element);
  }

  #readStartTag(): void {
    const start = this.#at;
    if (this.#root !== undefined) throw this.#fail("MALFORMED", "a second root element", start);
    if (this.#open.length === MAX_XML_DEPTH)
      throw this.#fail("LIMIT_EXCEEDED", `elements nest deeper than ${MAX_XML_DEPTH}`, start);
    this.#at += 1;
    const qualifiedName = this.#readName();
    const attributes: [name: string, value: string][] = [];
    const text = this.#text;
    for (;;) {
      const spaced = this.#skipSpace();
      const code = text.charCodeAt(this.#at);
      if (code === 0x3e || code === 0x2f) break;
      if (!spaced)
        throw this.#fail(
          "MALFORMED",
          `the tag of ${qualifiedName} is never closed, or white space lacks between attributes`,
          start,
        );
      if (attributes.length === MAX_ATTRIBUTES)
        throw this.#fail("LIMIT_EXCEEDED", `more than ${MAX_ATTRIBUTES} attributes`, start);
      attributes.push(this.#readAttribute());
    }
    const isEmpty = text.charCodeAt(this.#at) === 0x2f;
    if (isEmpty && text.charCodeAt(this.#at + 1) !== 0x3e)
      throw this.#fail("MALFORMED", `expected > after / in the tag of ${qualifiedName}`);
    this.#at += isEmpty ? 2 : 1;
    const open = this.#resolveNames(qualifiedName, attributes, start);
    if (isEmpty) this.#close(open.element);
    else this.#open.push(open);
  }

  #readAttribute(): [string, string] {
    const name = this.#readName();
    this.#skipSpace();
    if (this.#text.charCodeAt(this.#at) !== 0x3d) throw this.#fail("MALFORMED", `the attribute ${name} has no value`);
    this.#at += 1;
    this.#skipSpace();
    const quote = this.#text.charAt(this.#at);
    const end = quote === '"' || quote === "'" ? this.#text.indexOf(quote, this.#at + 1) : -1;
    if (end === -1) throw this.#fail("MALFORMED", `the value of ${name} is not quoted, or never closed`);
    const raw = this.#text.slice(this.#at + 1, end);
    if (raw.includes("<")) throw this.#fail("MALFORMED", `< in the value of ${name}`);
    const value = this.#resolve(/[\t\r\n]/.test(raw) ? raw.replace(/\r\n|[\t\r\n]/g, " ") : raw, this.#at);
    this.#at = end + 1;
    return [name, value];
  }

  #resolveNames(qualifiedName: string, attributes: readonly [string, string][], start: number): OpenElement {
    const inherited = this.#open.at(-1)?.namespaces ?? OUTERMOST;
    let namespaces: Record<string, string> = inherited;
    for (const [name, value] of attributes) {
      const prefix = name === "xmlns" ? "" : name.startsWith("xmlns:") ? name.slice(6) : undefined;
      if (prefix === undefined) continue;
      // A link in a chain of prototypes that ends in null: no copying, however many are declared.
      if (namespaces === inherited) namespaces = Object.create(inherited) as Record<string, string>;
      namespaces[prefix] = value;
    }
    const [namespace, localName] = this.#expand(qualifiedName, namespaces, start);
    const resolved: Record<string, string> = {};
    for (const [name, value] of attributes) {
      if (name === "xmlns" || name.startsWith("xmlns:")) continue;
      const key = name.includes(":") ? this.#expand(name, namespaces, start).join("#") : name;
      if (Object.hasOwn(resolved, key)) throw this.#fail("MALFORMED", `the attribute ${name} stands twice`, start);
      // A plain assignment of __proto__ would not make a property.
      if (key === "__proto__")
        Object.defineProperty(resolved, key, { value, enumerable: true, configurable: true, writable: true });
      else resolved[key] = value;
    }
    const element = {
      name: localName,
      namespace,
      attributes: resolved,
      children: [],
      text: "",
      line: this.#lineOf(start),
    };
    return { element, qualifiedName, namespaces };
  }

  #expand(
    name: string,
    namespaces: Readonly<Record<string, string>>,
    start: number,
  ): [namespace: string, localName: string] {
    const colon = name.indexOf(":");
    const prefix = colon === -1 ? "" : name.slice(0, colon);
    const namespace = namespaces[prefix];
    if (namespace === undefined) throw this.#fail("MALFORMED", `the namespace prefix ${prefix} is not declared`, start);
    return [namespace, name.slice(colon + 1)];
  }

  #readName(): string {
    const start = this.#at;
    let at = start;
    while (isPlainNameCharacter(this.#text.charCodeAt(at))) at += 1;
    // Nearly all names are ASCII letters; the whole grammar is for the others.
    const after = this.#text.charCodeAt(at);
    if (at === start || !(after === 0x3d || after === 0x20 || after === 0x3e || after === 0x2f || after === 0x0a)) {
      NAME.lastIndex = start;
      const name = NAME.exec(this.#text)?.[0];
      if (name === undefined) throw this.#fail("MALFORMED", "expected a name");
      at = start + name.length;
    }
    this.#at = at;
    return this.#text.slice(start, at);
  }

  #skipSpace(): boolean {
    const start = this.#at;
    let at = start;
    while (isSpace(this.#text.charCodeAt(at))) at += 1;
    this.#at = at;
    return at > start;
  }

  #resolve(raw: string, start: number): string {
    if (!raw.includes("&")) return raw;
    return raw.replace(/&([^;&]{0,32})(;?)/g, (whole, name: string, semicolon: string) => {
      const value = semicolon === "" ? undefined : entity(name);
      if (value === undefined)
        throw this.#fail("MALFORMED", `not an entity that XML predefines: ${JSON.stringify(whole)}`, start);
      return value;
    });
  }

  /** Positions are asked for in rising order, except in errors. */
  #lineOf(position: number): number {
    if (position < this.#lineStart) {
      this.#line = 1;
      this.#lineStart = 0;
      this.#lineEnd = this.#nextLineEnd(0);
    }
    while (this.#lineEnd < position) {
      this.#line += 1;
      this.#lineStart = this.#lineEnd + 1;
      this.#lineEnd = this.#nextLineEnd(this.#lineStart);
    }
    return this.#line;
  }

  #nextLineEnd(from: number): number {
    const end = this.#text.indexOf("\n", from);
    return end === -1 ? this.#text.length : end;
  }

  #fail(
    code: "MALFORMED" | "UNSUPPORTED" | "LIMIT_EXCEEDED",
    message: string,
    position: number = this.#at,
  ): MediaError {
    return documentError(code, this.#lineOf(position), message);
  }
}

/** Without outer white space of XML, which is four characters: `trim` knows many more. */
function trimSpace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text.charCodeAt(start))) start += 1;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x09 || code === 0x0d;
}

function isPlainNameCharacter(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a);
}

function entity(name: string): string | undefined {
  if (Object.hasOwn(ENTITIES, name)) return ENTITIES[name];
  const match = /^#(?:x([0-9A-Fa-f]{1,6})|([0-9]{1,7}))$/.exec(name);
  if (match === null) return undefined;
  const code = match[1] === undefined ? Number(match[2]) : Number.parseInt(match[1], 16);
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) || code === 0) return undefined;
  const character = String.fromCodePoint(code);
  return NOT_XML.test(character) ? undefined : character;
}

function normalizeLines(text: string): string {
  return text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text;
}
