/** What clients send, made safe to stand in a line of a log and to be shown by a terminal. */

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about.
const UNSAFE_QUOTED = /[\x00-\x1f"\\\x7f-\x9f\u2028\u2029]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: as above.
const ALL_UNSAFE_QUOTED = /[\x00-\x1f"\\\x7f-\x9f\u2028\u2029]/g;
const ALL_UNSAFE_JSON = /[\x7f-\x9f\u2028\u2029]/g;

/** As nginx writes it between quotes: `\x22` for what would end the quotes, the line, or drive a terminal. */
export function escapeQuoted(text: string): string {
  return UNSAFE_QUOTED.test(text) ? text.replace(ALL_UNSAFE_QUOTED, hex) : text;
}

/** A JSON string (RFC 8259), without control characters of a terminal: JSON itself lets DEL and C1 pass. */
export function jsonString(text: string): string {
  // Nearly all that is logged needs no escaping, and JSON.stringify is slower than looking.
  if (!UNSAFE_QUOTED.test(text)) return `"${text}"`;
  return JSON.stringify(text).replace(ALL_UNSAFE_JSON, unicode);
}

function hex(character: string): string {
  const code = character.charCodeAt(0);
  return code > 0xff ? unicode(character) : `\\x${code.toString(16).toUpperCase().padStart(2, "0")}`;
}

function unicode(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
