/** The producer reference time box `prft` (ISO 14496-12 §8.16.5): which wall-clock time a media time belongs to. */

import { ByteReader } from "../bytes/byte-reader.ts";
import { writeUint64 } from "../bytes/uint64.ts";
import { MediaError } from "../errors.ts";
import { PRFT } from "./box-types.ts";

/** At which station of its way the wall clock was read. */
export type ProducerReferenceMeaning =
  | "encoder-input"
  | "encoder-output"
  | "fragment-finalised"
  | "fragment-written"
  | "consistent"
  | "captured";

/** A wall-clock time tied to a media time of a track. */
export interface ProducerReference {
  /** Milliseconds since the Unix epoch, in the years 1968 to 2104; fractions are kept (the box has 2^-32 s). */
  readonly wallClock: number;
  /** Ticks of the track's timescale. Default in {@link writeFragment}: the fragment's decode time. */
  readonly mediaTime?: number;
  /** Default in {@link writeFragment}: the fragment's track. */
  readonly trackId?: number;
  /**
   * Default: `encoder-input`. DASH's `ProducerReferenceTime@type="encoder"` is `encoder-input`, `"captured"` is
   * `captured`.
   */
  readonly meaning?: ProducerReferenceMeaning;
}

/** Seconds from 1900-01-01, where NTP counts from, to 1970-01-01. */
const NTP_TO_UNIX = 2_208_988_800;
const ERA = 2 ** 32;
/** RFC 4330 §3: a time without the highest bit is of the era that begins in 2036. */
const HALF_ERA = 2 ** 31;

const flagsByMeaning: Readonly<Record<ProducerReferenceMeaning, number>> = {
  "encoder-input": 0,
  "encoder-output": 1,
  "fragment-finalised": 2,
  "fragment-written": 4,
  consistent: 8,
  captured: 24,
};

const meaningByFlags = new Map(
  (Object.keys(flagsByMeaning) as ProducerReferenceMeaning[]).map((meaning) => [flagsByMeaning[meaning], meaning]),
);

/**
 * A `prft` of its own, version 1.
 *
 * @throws {MediaError} `INVALID_ARGUMENT` when a time cannot be written.
 */
export function writeProducerReference(
  reference: ProducerReference & { readonly trackId: number; readonly mediaTime: number },
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(producerReferenceSize);
  putProducerReference(new DataView(bytes.buffer), 0, reference, reference.trackId, reference.mediaTime);
  return bytes;
}

/** @internal */
export const producerReferenceSize = 32;

/** @internal */
export function putProducerReference(
  view: DataView,
  offset: number,
  reference: ProducerReference,
  trackId: number,
  decodeTime: number,
): number {
  const mediaTime = reference.mediaTime ?? decodeTime;
  if (!Number.isSafeInteger(mediaTime) || mediaTime < 0) {
    throw new MediaError("INVALID_ARGUMENT", `prft media time ${mediaTime} is not a safe integer ≥ 0`);
  }
  // Two parts, because one double cannot hold 64 bits: whole seconds and the fraction never exceed 2^32 each.
  const whole = Math.floor(reference.wallClock / 1000);
  const ntpSeconds = whole + NTP_TO_UNIX;
  if (!(ntpSeconds >= HALF_ERA && ntpSeconds < ERA + HALF_ERA)) {
    throw new MediaError(
      "INVALID_ARGUMENT",
      `prft wall clock ${reference.wallClock} is not a time in milliseconds between 1968 and 2104`,
    );
  }
  const fraction = Math.floor(((reference.wallClock - whole * 1000) / 1000) * ERA);
  view.setUint32(offset, producerReferenceSize);
  view.setUint32(offset + 4, PRFT);
  view.setUint32(offset + 8, 0x01000000 | flagsByMeaning[reference.meaning ?? "encoder-input"]);
  view.setUint32(offset + 12, reference.trackId ?? trackId);
  view.setUint32(offset + 16, ntpSeconds);
  view.setUint32(offset + 20, fraction);
  writeUint64(view, offset + 24, mediaTime);
  return offset + producerReferenceSize;
}

/**
 * Reads the body of a `prft`, as {@link readBoxes} gives it. Flags that mean nothing here read as `encoder-input`,
 * their default.
 *
 * @throws {MediaError} `TRUNCATED`; `LIMIT_EXCEEDED` for a media time above 2^53.
 */
export function readProducerReference(body: Uint8Array): Required<ProducerReference> {
  const reader = new ByteReader(body, "prft");
  const versionAndFlags = reader.u32();
  const trackId = reader.u32();
  const ntpSeconds = reader.u32();
  const seconds = (ntpSeconds < HALF_ERA ? ntpSeconds + ERA : ntpSeconds) - NTP_TO_UNIX;
  const fraction = reader.u32();
  const wallClock = seconds * 1000 + (fraction * 1000) / ERA;
  const mediaTime = versionAndFlags >>> 24 === 0 ? reader.u32() : reader.u64();
  return { wallClock, mediaTime, trackId, meaning: meaningByFlags.get(versionAndFlags & 0xffffff) ?? "encoder-input" };
}
