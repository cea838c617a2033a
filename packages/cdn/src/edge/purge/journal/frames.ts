/**
 * Records as bytes: mark (4), length of the text (4), CRC-32 of the text (4), the text, which is JSON. Numbers are big-endian.
 *
 * A process or machine that dies while it writes leaves a record half written, at the end. What is damaged further up, with whole records
 * after it, was written, and has rotted.
 */

import { crc32 } from "node:zlib";
import type { JournalRecord } from "./records.ts";

const MARK = Buffer.from("ÀPJ1", "latin1");
const HEAD_BYTES = 12;
/** Bytes of one record's text: a purge and then some. */
const MAX_TEXT_BYTES = 64 * 1024 * 1024;

/** What a journal's bytes hold. */
export interface Frames {
  readonly records: readonly JournalRecord[];
  /** Bytes of the records, up to the first that is not whole. */
  readonly end: number;
  /** Whether there are whole records after that. */
  readonly damaged: boolean;
}

export function encodeRecord(record: JournalRecord): Uint8Array {
  const text = Buffer.from(JSON.stringify(record));
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + text.byteLength);
  MARK.copy(bytes);
  bytes.writeUInt32BE(text.byteLength, 4);
  bytes.writeUInt32BE(crc32(text), 8);
  text.copy(bytes, HEAD_BYTES);
  return bytes;
}

export function decodeRecords(bytes: Buffer): Frames {
  const records: JournalRecord[] = [];
  let end = 0;
  for (;;) {
    const text = textAt(bytes, end);
    if (text === undefined) break;
    records.push(JSON.parse(text.toString()) as JournalRecord);
    end += HEAD_BYTES + text.byteLength;
  }
  let damaged = false;
  for (let at = bytes.indexOf(MARK, end + 1); at !== -1 && !damaged; at = bytes.indexOf(MARK, at + 1)) {
    damaged = textAt(bytes, at) !== undefined;
  }
  return { records, end, damaged };
}

/** The text of the whole record that begins there, where one does. */
function textAt(bytes: Buffer, at: number): Buffer | undefined {
  if (at + HEAD_BYTES > bytes.byteLength || bytes.compare(MARK, 0, 4, at, at + 4) !== 0) return undefined;
  const length = bytes.readUInt32BE(at + 4);
  const start = at + HEAD_BYTES;
  if (length > MAX_TEXT_BYTES || start + length > bytes.byteLength) return undefined;
  const text = bytes.subarray(start, start + length);
  return crc32(text) === bytes.readUInt32BE(at + 8) ? text : undefined;
}
