/** Writes EXT-X-DATERANGE (RFC 8216bis §4.4.5.1). */
import { MediaError } from "../errors.ts";
import type { DateRange } from "./media-playlist.ts";
import { anyValue, dateTime, decimal, hexadecimal, quoted, quotedList } from "./write-attributes.ts";

/** The whole tag with its line end. */
export function writeDateRange(range: DateRange): string {
  let text = `#EXT-X-DATERANGE:ID=${quoted(range.id, "dateRange.id")}`;
  if (range.class !== undefined) text += `,CLASS=${quoted(range.class, "dateRange.class")}`;
  if (range.startDate !== undefined) text += `,START-DATE="${dateTime(range.startDate, "startDate")}"`;
  if (range.cue !== undefined) text += `,CUE=${quotedList(range.cue, ",", "cue")}`;
  if (range.endDate !== undefined) text += `,END-DATE="${dateTime(range.endDate, "endDate")}"`;
  if (range.duration !== undefined) text += `,DURATION=${decimal(range.duration, "dateRange.duration")}`;
  if (range.plannedDuration !== undefined)
    text += `,PLANNED-DURATION=${decimal(range.plannedDuration, "plannedDuration")}`;
  if (range.clientAttributes !== undefined) {
    for (const name of Object.keys(range.clientAttributes)) {
      if (!/^X-[A-Z0-9-]+$/.test(name)) {
        throw new MediaError(
          "INVALID_ARGUMENT",
          `a client attribute is named X- and A-Z, 0-9 or -: ${JSON.stringify(name)}`,
        );
      }
      text += `,${name}=${anyValue(range.clientAttributes[name]!, name)}`;
    }
  }
  if (range.scte35Cmd !== undefined) text += `,SCTE35-CMD=${hexadecimal(range.scte35Cmd)}`;
  if (range.scte35Out !== undefined) text += `,SCTE35-OUT=${hexadecimal(range.scte35Out)}`;
  if (range.scte35In !== undefined) text += `,SCTE35-IN=${hexadecimal(range.scte35In)}`;
  if (range.endOnNext) text += ",END-ON-NEXT=YES";
  return `${text}\n`;
}
