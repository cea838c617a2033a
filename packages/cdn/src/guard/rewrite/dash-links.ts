/** Links of a DASH MPD: text of `BaseURL` and its like, and attributes of segment lists and templates (ISO/IEC 23009-1 §5.3.9, §5.6). */

import { type LinkRules, LinkTemplate } from "./link-template.ts";

/** Elements whose text is a link. */
const LINK_ELEMENTS = new Set(["BaseURL", "Location", "PatchLocation", "ContentSteering"]);
/** Attributes that are links. */
const LINK_ATTRIBUTE =
  /(\s(?:media|initialization|index|bitstreamSwitching|sourceURL|xlink:href)\s*=\s*)("[^"]*"|'[^']*')/g;
const XLINK = "urn:mpeg:dash:resolve-to-zero:2013";

/** An element that is open. */
interface Open {
  readonly name: string;
  /** What links in it are relative to; null where a `BaseURL` leads to another host, which is not told our tokens. */
  base: string | null;
  /** A `BaseURL` was seen in it. */
  based: boolean;
}

/** The MPD in pieces between tokens. */
export function cutDash(text: string, rules: LinkRules): readonly string[] {
  const template = new LinkTemplate(rules);
  const open: Open[] = [{ name: "", base: rules.base, based: false }];
  let at = 0;
  while (at < text.length) {
    const tag = text.indexOf("<", at);
    cutText(text.slice(at, tag === -1 ? text.length : tag), open, template);
    if (tag === -1) break;
    at = tagEnd(text, tag);
    cutTag(text.slice(tag, at), open, template);
  }
  return template.pieces;
}

function cutText(text: string, open: Open[], template: LinkTemplate): void {
  const { name } = open.at(-1)!;
  const parent = open.at(-2);
  const uri = text.trim();
  if (uri === "" || parent === undefined || !LINK_ELEMENTS.has(name)) {
    template.keep(text);
    return;
  }
  const start = text.indexOf(uri);
  // A BaseURL is relative to that of the elements around its parent; siblings are alternatives, each of them.
  const around = name === "BaseURL" ? open.at(-3)?.base : parent.base;
  const base = around === undefined ? parent.base : around;
  template.keep(text.slice(0, start));
  template.link(uri, base, "&amp;");
  template.keep(text.slice(start + uri.length));
  if (name === "BaseURL") noteBase(parent, base, uri.replaceAll("&amp;", "&"), template);
}

function noteBase(parent: Open, base: string | null, uri: string, template: LinkTemplate): void {
  const url = base !== null && URL.canParse(uri, base) ? new URL(uri, base).href : null;
  const own = url !== null && template.isOwn(url) ? url : null;
  if (!parent.based) parent.base = own;
  else if (own === null) parent.base = null;
  parent.based = true;
}

function cutTag(tag: string, open: Open[], template: LinkTemplate): void {
  if (tag.startsWith("</")) {
    if (open.length > 1) open.pop();
    template.keep(tag);
    return;
  }
  const name = /^<(?:[\w.-]+:)?([\w.-]+)/.exec(tag)?.[1];
  if (name === undefined) {
    template.keep(tag);
    return;
  }
  const { base } = open.at(-1)!;
  let at = 0;
  for (const match of tag.matchAll(LINK_ATTRIBUTE)) {
    const [, before = "", quoted = ""] = match;
    const uri = quoted.slice(1, -1);
    template.keep(tag.slice(at, match.index + before.length + 1));
    if (uri === XLINK) template.keep(uri);
    else template.link(uri, base, "&amp;");
    at = match.index + before.length + 1 + uri.length;
  }
  template.keep(tag.slice(at));
  if (!tag.endsWith("/>")) open.push({ name, base, based: false });
}

/** Where what begins with a `<` ends. A `>` within quotes is not its end; what never ends goes to the end of the text. */
function tagEnd(text: string, start: number): number {
  if (text.startsWith("<!--", start)) return after(text, "-->", start);
  if (text.startsWith("<![CDATA[", start)) return after(text, "]]>", start);
  if (text.startsWith("<?", start)) return after(text, "?>", start);
  for (let at = start + 1; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0x3e) return at + 1;
    if (code !== 0x22 && code !== 0x27) continue;
    const close = text.indexOf(text[at]!, at + 1);
    if (close === -1) return text.length;
    at = close;
  }
  return text.length;
}

function after(text: string, mark: string, start: number): number {
  const at = text.indexOf(mark, start);
  return at === -1 ? text.length : at + mark.length;
}
