/** What an edge wants to know of an MPD (ISO/IEC 23009-1 §5.3.1.2): the attributes of its first tag. No I/O. */

/** The first tag is within this many bytes, or is not looked at. */
const HEAD_BYTES = 16 * 1024;

/** What was found. Times in seconds. */
export interface MpdFacts {
  /** `type="dynamic"`. */
  readonly live: boolean;
  readonly minimumUpdatePeriod?: number;
  readonly maxSegmentDuration?: number;
}

/** @returns undefined for bytes that are no MPD. */
export function scanMpd(body: Uint8Array): MpdFacts | undefined {
  const text = Buffer.from(body.buffer, body.byteOffset, Math.min(body.byteLength, HEAD_BYTES)).toString();
  const [, tag] = /<(?:[\w-]{1,32}:)?MPD\s([^>]*)>/.exec(text) ?? [];
  if (tag === undefined) return undefined;
  const minimumUpdatePeriod = secondsOf(attributeOf(tag, "minimumUpdatePeriod"));
  const maxSegmentDuration = secondsOf(attributeOf(tag, "maxSegmentDuration"));
  return {
    live: attributeOf(tag, "type") === "dynamic",
    ...(minimumUpdatePeriod !== undefined && { minimumUpdatePeriod }),
    ...(maxSegmentDuration !== undefined && { maxSegmentDuration }),
  };
}

function attributeOf(tag: string, name: string): string | undefined {
  const [, double, single] = new RegExp(`(?:^|\\s)${name}\\s?=\\s?(?:"([^"]*)"|'([^']*)')`).exec(tag) ?? [];
  return double ?? single;
}

/** Seconds of an XML Schema duration up to days: months have no length of their own. */
function secondsOf(duration: string | undefined): number | undefined {
  const match = /^P(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?$/.exec(
    duration?.trim() ?? "",
  );
  if (match === null) return undefined;
  const [, days = "0", hours = "0", minutes = "0", seconds = "0"] = match;
  return Number(days) * 86_400 + Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
}
