/** Aggregate messages: several messages of one stream in one (RTMP 1.0 §7.1.6). */

import { IngestError } from "../../errors.ts";
import { MessageType, type RtmpMessage } from "./message.ts";

const HEADER_SIZE = 11;
const BACK_POINTER_SIZE = 4;

/**
 * Takes an aggregate apart. The times inside are shifted so that the first one is the aggregate's own. A missing last back pointer is tolerated.
 *
 * @throws {IngestError} `INVALID_MEDIA` when a part is cut off, or is an aggregate itself.
 */
export function splitAggregate(message: RtmpMessage): RtmpMessage[] {
  const { payload } = message;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const parts: RtmpMessage[] = [];
  let shift = 0;
  let offset = 0;
  while (offset + HEADER_SIZE <= payload.length) {
    const typeId = payload[offset]!;
    const size = view.getUint32(offset) & 0xffffff;
    // As in FLV, the upper 8 bits of the time come after the lower 24.
    const time = ((payload[offset + 7]! << 24) | (view.getUint32(offset + 3) & 0xffffff)) >>> 0;
    const start = offset + HEADER_SIZE;
    if (typeId === MessageType.Aggregate) throw new IngestError("INVALID_MEDIA", "an aggregate message holds another");
    if (start + size > payload.length)
      throw new IngestError("INVALID_MEDIA", "a part of an aggregate message is cut off");
    if (parts.length === 0) shift = message.timestamp - time;
    parts.push({
      typeId,
      streamId: message.streamId,
      timestamp: (time + shift) >>> 0,
      payload: payload.subarray(start, start + size),
    });
    offset = start + size + BACK_POINTER_SIZE;
  }
  return parts;
}
