/** Reads EXT-X-DATERANGE (RFC 8216bis §4.4.5.1). */
import { documentError } from "../document-error.ts";
import type { Mutable } from "../mutable.ts";
import type { AttributeList } from "./attribute-list.ts";
import type { AttributeValue, DateRange } from "./media-playlist.ts";

/** One date range. Attributes that are neither defined nor begin with `X-` are passed over. */
export function readDateRange(attributes: AttributeList): DateRange {
  const range: Mutable<DateRange> = { id: attributes.requiredString("ID") };
  let clientAttributes: Record<string, AttributeValue> | undefined;
  for (const name of attributes.names) {
    switch (name) {
      case "CLASS":
        range.class = attributes.requiredString(name);
        break;
      case "START-DATE":
        range.startDate = attributes.dateTime(name)!;
        break;
      case "CUE":
        range.cue = attributes.strings(name, ",")!;
        break;
      case "END-DATE":
        range.endDate = attributes.dateTime(name)!;
        break;
      case "DURATION":
        range.duration = attributes.requiredDecimal(name);
        break;
      case "PLANNED-DURATION":
        range.plannedDuration = attributes.requiredDecimal(name);
        break;
      case "SCTE35-CMD":
        range.scte35Cmd = attributes.hexadecimal(name)!;
        break;
      case "SCTE35-OUT":
        range.scte35Out = attributes.hexadecimal(name)!;
        break;
      case "SCTE35-IN":
        range.scte35In = attributes.hexadecimal(name)!;
        break;
      case "END-ON-NEXT":
        if (attributes.enumerated(name) !== "YES")
          throw documentError("MALFORMED", attributes.line, "EXT-X-DATERANGE END-ON-NEXT can only be YES");
        range.endOnNext = true;
        break;
      default:
        if (!name.startsWith("X-")) break;
        clientAttributes ??= {};
        clientAttributes[name] = attributes.any(name);
    }
  }
  if (clientAttributes !== undefined) range.clientAttributes = clientAttributes;
  return range;
}
