/** Links of an HLS playlist: its URI lines, and attributes whose values are URIs (RFC 8216bis §4.4). */

import { type LinkRules, LinkTemplate } from "./link-template.ts";

/** `URI`, and what ends so (`SERVER-URI`, `X-ASSET-URI`); a comma or colon before a name is never within a quoted string that ends so. */
const URI_ATTRIBUTE = /([:,]\s*(?:(?:[A-Z0-9-]+-)?URI|X-ASSET-LIST)=")([^"\r\n]*)"/g;

/** The playlist in pieces between tokens. */
export function cutHls(text: string, rules: LinkRules): readonly string[] {
  const template = new LinkTemplate(rules);
  let start = 0;
  while (start < text.length) {
    const feed = text.indexOf("\n", start);
    const end = feed === -1 ? text.length : feed + 1;
    cutLine(text.slice(start, end), template);
    start = end;
  }
  return template.pieces;
}

function cutLine(line: string, template: LinkTemplate): void {
  const uri = line.trimEnd();
  if (uri === "") template.keep(line);
  else if (!uri.startsWith("#")) {
    linkOf(uri, template);
    template.keep(line.slice(uri.length));
  } else if (uri.startsWith("#EXT")) cutTag(line, template);
  else template.keep(line);
}

function cutTag(line: string, template: LinkTemplate): void {
  let at = 0;
  for (const match of line.matchAll(URI_ATTRIBUTE)) {
    const [, before = "", uri = ""] = match;
    template.keep(line.slice(at, match.index) + before);
    linkOf(uri, template);
    at = match.index + before.length + uri.length;
  }
  template.keep(line.slice(at));
}

/** What a variable at its beginning (§4.4.2.3) makes of a link, nobody knows here: it may be another host. */
function linkOf(uri: string, template: LinkTemplate): void {
  if (uri.startsWith("{$")) template.keep(uri);
  else template.link(uri);
}
