/** Path normalisation: one spelling per resource, and nothing hidden in it (RFC 3986 §6.2.2, §5.2.4). */

import { CdnError } from "../errors.ts";

const UNRESERVED = /[A-Za-z0-9\-._~]/;
/** Percent-encoded `/`, `\`, `%` and control characters: decoded by some and not by others, which is how paths escape. */
const HIDDEN = /%(?:2f|5c|25|[01][\da-f]|7f)/i;

/**
 * The one spelling of a path: unreserved characters decoded, escapes in upper case.
 *
 * Dot segments, `//`, backslashes, NUL and other control characters, encoded or twice encoded separators and broken escapes are refused
 * rather than resolved: no player makes them.
 *
 * @param path - starts with `/`, without a query.
 * @throws {CdnError} `INVALID_PATH`.
 */
export function normalizePath(path: string): string {
  if (path.charCodeAt(0) !== 0x2f) throw invalid("does not start with a slash");
  if (!path.includes("%")) return checkSegments(path);
  const hidden = HIDDEN.exec(path);
  if (hidden !== null) throw invalid(`hides a separator or control character as ${hidden[0]}`);
  return checkSegments(normalizeEscapes(path));
}

/** Decodes escapes of unreserved characters, and writes the others in upper case. @throws {CdnError} `INVALID_PATH`. */
function normalizeEscapes(text: string): string {
  return text.replace(/%(.{0,2})/gs, (escaped, digits: string) => {
    if (!/^[\da-f]{2}$/i.test(digits)) throw invalid(`has a broken escape ${escaped}`);
    const character = String.fromCharCode(Number.parseInt(digits, 16));
    return UNRESERVED.test(character) ? character : escaped.toUpperCase();
  });
}

/**
 * Segments of a normalised path, decoded.
 *
 * @throws {CdnError} `INVALID_PATH` where an escape is not UTF-8.
 */
export function decodeSegments(path: string): string[] {
  try {
    return path.slice(1).split("/").map(decodeURIComponent);
  } catch (cause) {
    throw new CdnError("INVALID_PATH", "the path is not UTF-8", { cause });
  }
}

function checkSegments(path: string): string {
  for (let at = 0; at < path.length; at += 1) {
    const code = path.charCodeAt(at);
    if (code < 0x21 || code === 0x7f || code === 0x5c) throw invalid("has a backslash or a control character");
    if (code !== 0x2f) continue;
    const next = path.charCodeAt(at + 1);
    if (next === 0x2f) throw invalid("has an empty segment");
    if (next !== 0x2e) continue;
    const after = path.charCodeAt(at + 2);
    const end = after === 0x2e ? path.charCodeAt(at + 3) : after;
    if (Number.isNaN(end) || end === 0x2f) throw invalid("has a dot segment");
  }
  return path;
}

function invalid(why: string): CdnError {
  return new CdnError("INVALID_PATH", `the path ${why}`);
}
