/** `Link` fields (RFC 8288), as far as they say what will be asked for next. No I/O. */

/** Characters; what is beyond them is not read. */
const MAX_FIELD = 8192;
/** Links of one field. */
const MAX_LINKS = 8;

/** Relations that announce a request: what comes after (RFC 8288), and what a client should load (HTML). */
const AHEAD = new Set(["next", "prefetch", "preload"]);

/** References that a field announces, as they are written, without a link that is about something else than the answer (`anchor`). */
export function linksAhead(field: string | undefined): string[] {
  const found: string[] = [];
  if (field === undefined) return found;
  const text = field.slice(0, MAX_FIELD);
  for (let at = 0; found.length < MAX_LINKS; ) {
    const open = text.indexOf("<", at);
    const close = text.indexOf(">", open);
    if (open === -1 || close === -1) break;
    const { params, end } = readParams(text, close + 1);
    const relations = params.get("rel")?.toLowerCase().split(/\s/) ?? [];
    if (!params.has("anchor") && relations.some((relation) => AHEAD.has(relation))) {
      found.push(text.slice(open + 1, close).trim());
    }
    at = end;
  }
  return found;
}

/** Parameters up to the comma that ends the link. The first of a name counts. */
function readParams(text: string, start: number): { params: ReadonlyMap<string, string>; end: number } {
  const params = new Map<string, string>();
  let at = start;
  while (at < text.length && text[at] !== ",") {
    if (text[at] !== ";") {
      at += 1;
      continue;
    }
    const nameEnd = indexOfAny(text, "=;,", at + 1);
    const name = text
      .slice(at + 1, nameEnd)
      .trim()
      .toLowerCase();
    at = nameEnd;
    if (text[at] !== "=") continue;
    const value = readValue(text, at + 1);
    if (!params.has(name)) params.set(name, value.text);
    at = value.end;
  }
  return { params, end: at + 1 };
}

function readValue(text: string, start: number): { text: string; end: number } {
  let at = start;
  while (text[at] === " ") at += 1;
  if (text[at] !== '"') {
    const end = indexOfAny(text, ";,", at);
    return { text: text.slice(at, end).trim(), end };
  }
  let value = "";
  for (at += 1; at < text.length && text[at] !== '"'; at += 1) {
    if (text[at] === "\\") at += 1;
    value += text[at] ?? "";
  }
  return { text: value, end: at + 1 };
}

function indexOfAny(text: string, characters: string, start: number): number {
  for (let at = start; at < text.length; at += 1) if (characters.includes(text[at]!)) return at;
  return text.length;
}
