/** The event message box `emsg` (ISO 23009-1 §5.10.3.3): timed metadata, ad markers, ID3. */

import { ByteReader } from "../bytes/byte-reader.ts";
import { writeUint64 } from "../bytes/uint64.ts";
import { MediaError } from "../errors.ts";
import { EMSG } from "./box-types.ts";

/** One event of the inband event stream that `schemeIdUri` and `value` name. */
export interface EventMessage {
  readonly schemeIdUri: string;
  /** Default: the empty string. */
  readonly value?: string;
  /** Ticks per second of the times below. */
  readonly timescale: number;
  /** Ticks on the presentation timeline of the track. */
  readonly presentationTime: number;
  /** Ticks; 0xffffffff means unknown. Default: 0xffffffff. */
  readonly eventDuration?: number;
  /** Events of equal `id`, scheme and value are the same event. */
  readonly id: number;
  /** Default: empty. */
  readonly messageData?: Uint8Array;
}

const utf8 = new TextEncoder();

/**
 * An `emsg` of its own, version 1.
 *
 * @throws {MediaError} `INVALID_ARGUMENT` when a text has a NUL, or a number does not fit its field.
 */
export function writeEventMessage(event: EventMessage): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(eventMessageSize(event));
  putEventMessage(new DataView(bytes.buffer), 0, event);
  return bytes;
}

/** @internal */
export function eventMessageSize(event: EventMessage): number {
  const texts = utf8.encode(event.schemeIdUri).length + 1 + utf8.encode(event.value ?? "").length + 1;
  return 32 + texts + (event.messageData?.length ?? 0);
}

/** @internal */
export function putEventMessage(view: DataView, offset: number, event: EventMessage): number {
  const { schemeIdUri, value = "", messageData, presentationTime, timescale, eventDuration = 0xffffffff, id } = event;
  if (schemeIdUri.includes("\0") || value.includes("\0")) {
    throw new MediaError("INVALID_ARGUMENT", "emsg texts end at a NUL and cannot contain one");
  }
  if (!Number.isSafeInteger(presentationTime) || presentationTime < 0) {
    throw new MediaError("INVALID_ARGUMENT", `emsg presentation time ${presentationTime} is not a safe integer ≥ 0`);
  }
  for (const [name, number] of Object.entries({ timescale, eventDuration, id })) {
    if (number >>> 0 !== number)
      throw new MediaError("INVALID_ARGUMENT", `emsg ${name} ${number} is not an integer from 0 to 2^32 - 1`);
  }
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const end = offset + eventMessageSize(event);
  view.setUint32(offset, end - offset);
  view.setUint32(offset + 4, EMSG);
  view.setUint32(offset + 8, 0x01000000);
  view.setUint32(offset + 12, timescale);
  writeUint64(view, offset + 16, presentationTime);
  view.setUint32(offset + 24, eventDuration);
  view.setUint32(offset + 28, id);
  let at = offset + 32;
  at += utf8.encodeInto(schemeIdUri, bytes.subarray(at)).written + 1;
  at += utf8.encodeInto(value, bytes.subarray(at)).written + 1;
  if (messageData !== undefined) bytes.set(messageData, at);
  return end;
}

/** An `emsg` as it was read: version 0 counts its time from the segment's start, which only its reader knows. */
export type ReadEventMessage = Required<Omit<EventMessage, "presentationTime">> & {
  /** Ticks on the presentation timeline (version 1), or undefined. */
  readonly presentationTime: number | undefined;
  /** Ticks from the earliest presentation time of the segment that holds the box (version 0), or undefined. */
  readonly presentationTimeDelta: number | undefined;
};

/**
 * Reads the body of an `emsg`, as {@link readBoxes} gives it. `messageData` is a view of it.
 *
 * @throws {MediaError} `TRUNCATED`; `LIMIT_EXCEEDED` for a time above 2^53; `UNSUPPORTED` for a version other than 0 and 1.
 */
export function readEventMessage(body: Uint8Array): ReadEventMessage {
  const reader = new ByteReader(body, "emsg");
  const version = reader.u32() >>> 24;
  if (version > 1) throw new MediaError("UNSUPPORTED", `emsg version ${version}`);
  // Version 0 has its texts in front, version 1 behind.
  let schemeIdUri = version === 0 ? reader.text() : "";
  let value = version === 0 ? reader.text() : "";
  const timescale = reader.u32();
  const presentationTimeDelta = version === 0 ? reader.u32() : undefined;
  const presentationTime = version === 0 ? undefined : reader.u64();
  const eventDuration = reader.u32();
  const id = reader.u32();
  if (version === 1) {
    schemeIdUri = reader.text();
    value = reader.text();
  }
  const times = { timescale, presentationTime, presentationTimeDelta, eventDuration };
  return { schemeIdUri, value, ...times, id, messageData: reader.rest() };
}
