/** Dates of playlists and MPDs: ISO 8601 with an optional fraction and time zone. */
import { documentError } from "./document-error.ts";
import type { MediaError } from "./errors.ts";

const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,12})?(?:Z|[+-]\d\d(?::?\d\d)?)?$/;
const DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Years after which the Gregorian calendar repeats, and how long that takes. */
const CYCLE_YEARS = 400;
const CYCLE_MILLISECONDS = 146_097 * 86_400_000;

/** Whole milliseconds since the Unix epoch; finer fractions are cut off, and a missing time zone is UTC. */
export function parseDateTime(text: string, line: number, what: string): number {
  if (!DATE_TIME.test(text)) throw malformed(text, line, what);
  // The fields stand at fixed places: reading them there is several times as fast as capturing them.
  const year = digits(text, 0, 4);
  const month = digits(text, 5, 7);
  const day = digits(text, 8, 10);
  const hour = digits(text, 11, 13);
  const minute = digits(text, 14, 16);
  const second = digits(text, 17, 19);
  const days = DAYS[month - 1] ?? 0;
  const isLeapYear = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const isDay = day >= 1 && day <= days && (month !== 2 || day !== 29 || isLeapYear);
  if (!isDay || hour > 23 || minute > 59 || second > 60) throw malformed(text, line, what);
  // Date.UTC would take the years 0 to 99 for 1900 to 1999.
  const instant = Date.UTC(year + CYCLE_YEARS, month - 1, day, hour, minute, second) - CYCLE_MILLISECONDS;
  let at = 19;
  let milliseconds = 0;
  if (text[at] === "." || text[at] === ",") {
    at += 1;
    for (let scale = 100; isDigit(text.charCodeAt(at)); scale = Math.floor(scale / 10)) {
      milliseconds += scale * (text.charCodeAt(at) - 0x30);
      at += 1;
    }
  }
  return instant + milliseconds - zoneOffset(text, at, line, what);
}

/** Milliseconds of `Z`, `+hh`, `+hhmm`, `-hh:mm`. */
function zoneOffset(text: string, at: number, line: number, what: string): number {
  const sign = text[at];
  if (sign !== "+" && sign !== "-") return 0;
  const hours = digits(text, at + 1, at + 3);
  const minutesAt = text[at + 3] === ":" ? at + 4 : at + 3;
  const minutes = digits(text, minutesAt, text.length);
  if (hours > 23 || minutes > 59) throw malformed(text, line, what);
  const offset = (hours * 60 + minutes) * 60_000;
  return sign === "-" ? -offset : offset;
}

function digits(text: string, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at += 1) value = value * 10 + text.charCodeAt(at) - 0x30;
  return value;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function malformed(text: string, line: number, what: string): MediaError {
  const shown = JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text);
  return documentError("MALFORMED", line, `${what} is no ISO 8601 date and time: ${shown}`);
}
