/** The segment index box `sidx` (ISO 14496-12 §8.16.3): where the subsegments of a track are, in bytes and in time. */

import { ByteReader } from "../bytes/byte-reader.ts";
import { writeUint64 } from "../bytes/uint64.ts";
import { MediaError } from "../errors.ts";
import { readBoxes, viewOf } from "./box-reader.ts";
import { SIDX } from "./box-types.ts";

/** One piece that a `sidx` refers to. */
export interface SegmentReference {
  /** Bytes, below 2^31. */
  readonly size: number;
  /** Ticks. */
  readonly duration: number;
  /** Whether it is another `sidx` and not media. Default: false. */
  readonly index?: boolean;
  /** Default: true. */
  readonly startsWithSap?: boolean;
  /**
   * Stream access point type of ISO 14496-12 Annex I; 1 is a closed group of pictures. Default: 1 when it starts with
   * one, else 0.
   */
  readonly sapType?: number;
  /** Ticks from the earliest presentation time of the piece to its first access point. Default: 0. */
  readonly sapDelta?: number;
}

/** A `sidx`. */
export interface SegmentIndex {
  /** Track id. */
  readonly referenceId: number;
  /** Ticks per second. */
  readonly timescale: number;
  /** Ticks. */
  readonly earliestPresentationTime: number;
  /** Bytes between the end of this box and the first piece. Default: 0. */
  readonly firstOffset?: number;
  /** At most 65,535. */
  readonly references: readonly SegmentReference[];
}

const MAX_REFERENCES = 0xffff;

/**
 * A `sidx`, version 1.
 *
 * @throws {MediaError} `INVALID_ARGUMENT` when a value does not fit its field.
 */
export function writeSegmentIndex(index: SegmentIndex): Uint8Array<ArrayBuffer> {
  const { references, firstOffset = 0 } = index;
  if (references.length > MAX_REFERENCES)
    throw invalid(`${references.length} references are more than ${MAX_REFERENCES}`);
  checkField("earliestPresentationTime", index.earliestPresentationTime, Number.MAX_SAFE_INTEGER);
  checkField("firstOffset", firstOffset, Number.MAX_SAFE_INTEGER);
  checkField("timescale", index.timescale, 0xffffffff);
  checkField("referenceId", index.referenceId, 0xffffffff);
  const bytes = new Uint8Array(40 + references.length * 12);
  const view = viewOf(bytes);
  view.setUint32(0, bytes.length);
  view.setUint32(4, SIDX);
  view.setUint32(8, 0x01000000);
  view.setUint32(12, index.referenceId);
  view.setUint32(16, index.timescale);
  writeUint64(view, 20, index.earliestPresentationTime);
  writeUint64(view, 28, firstOffset);
  view.setUint16(38, references.length);
  let at = 40;
  for (const reference of references) {
    const { startsWithSap = true, sapDelta = 0 } = reference;
    const sapType = reference.sapType ?? (startsWithSap ? 1 : 0);
    checkField("size", reference.size, 0x7fffffff);
    checkField("duration", reference.duration, 0xffffffff);
    checkField("sapType", sapType, 7);
    checkField("sapDelta", sapDelta, 0x0fffffff);
    view.setUint32(at, (reference.index ? 0x80000000 : 0) + reference.size);
    view.setUint32(at + 4, reference.duration);
    view.setUint32(at + 8, (startsWithSap ? 0x80000000 : 0) + sapType * 0x10000000 + sapDelta);
    at += 12;
  }
  return bytes;
}

/**
 * Reads the first `sidx` among the outermost boxes; undefined where there is none.
 *
 * @throws {MediaError} `TRUNCATED`, `MALFORMED` or `LIMIT_EXCEEDED`.
 */
export function readSegmentIndex(bytes: Uint8Array): SegmentIndex | undefined {
  for (const box of readBoxes(bytes)) if (box.type === "sidx") return parse(box.body);
  return undefined;
}

function parse(body: Uint8Array): SegmentIndex {
  const reader = new ByteReader(body, "sidx");
  const version = reader.u32() >>> 24;
  const referenceId = reader.u32();
  const timescale = reader.u32();
  const earliestPresentationTime = version === 0 ? reader.u32() : reader.u64();
  const firstOffset = version === 0 ? reader.u32() : reader.u64();
  reader.skip(2);
  const count = reader.u16();
  const references: SegmentReference[] = [];
  for (let i = 0; i < count; i++) {
    const size = reader.u32();
    const duration = reader.u32();
    const sap = reader.u32();
    references.push({
      size: size & 0x7fffffff,
      duration,
      index: size >>> 31 === 1,
      startsWithSap: sap >>> 31 === 1,
      sapType: (sap >>> 28) & 7,
      sapDelta: sap & 0x0fffffff,
    });
  }
  return { referenceId, timescale, earliestPresentationTime, firstOffset, references };
}

function checkField(name: string, value: number, highest: number): void {
  if (!Number.isInteger(value) || value < 0 || value > highest)
    throw invalid(`${name} ${value} is not an integer from 0 to ${highest}`);
}

function invalid(message: string): MediaError {
  return new MediaError("INVALID_ARGUMENT", `sidx: ${message}`);
}
