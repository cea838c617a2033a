/** Dates of playlists and MPDs: ISO 8601 with an optional fraction and time zone. */
import { DocumentError } from "./document-error.ts";

const DATE_TIME = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d{1,12}))?(?:(Z)|([+-])(\d\d)(?::?(\d\d))?)?$/;
const DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Whole milliseconds since the Unix epoch; finer fractions are cut off, and a missing time zone is UTC. */
export function parseDateTime(text: string, line: number, what: string): number {
  const match = DATE_TIME.exec(text);
  if (match === null) throw malformed(text, line, what);
  const [, year, month, day, hour, minute, second, fraction = "0", , sign, zoneHour = "0", zoneMinute = "0"] = match;
  const monthIndex = Number(month) - 1;
  const days = DAYS[monthIndex];
  const isLeapDay = monthIndex === 1 && Number(day) === 29;
  const isLeapYear = Number(year) % 4 === 0 && (Number(year) % 100 !== 0 || Number(year) % 400 === 0);
  const valid =
    days !== undefined &&
    Number(day) >= 1 &&
    Number(day) <= days &&
    (!isLeapDay || isLeapYear) &&
    Number(hour) <= 23 &&
    Number(minute) <= 59 &&
    Number(second) <= 60 &&
    Number(zoneHour) <= 23 &&
    Number(zoneMinute) <= 59;
  if (!valid) throw malformed(text, line, what);
  const milliseconds = Number(fraction.slice(0, 3).padEnd(3, "0"));
  const date = new Date(0);
  // Date.UTC would take the years 0 to 99 for 1900 to 1999.
  date.setUTCFullYear(Number(year), monthIndex, Number(day));
  date.setUTCHours(Number(hour), Number(minute), Number(second), milliseconds);
  const zone = (Number(zoneHour) * 60 + Number(zoneMinute)) * 60_000;
  return date.getTime() - (sign === "-" ? -zone : zone);
}

function malformed(text: string, line: number, what: string): DocumentError {
  const shown = JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text);
  return new DocumentError("MALFORMED", line, `${what} is no ISO 8601 date and time: ${shown}`);
}
