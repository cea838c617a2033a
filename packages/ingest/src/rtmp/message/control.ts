/** Protocol control and user control messages (RTMP 1.0 §5.4, §7.1.7). */

import { MessageType, type RtmpMessage } from "./message.ts";

/** Event types of user control messages. */
export const UserControlEvent = {
  StreamBegin: 0,
  StreamEof: 1,
  StreamDry: 2,
  SetBufferLength: 3,
  StreamIsRecorded: 4,
  PingRequest: 6,
  PingResponse: 7,
} as const;

/** Limit types of Set Peer Bandwidth (§5.4.5). */
export const BandwidthLimit = { Hard: 0, Soft: 1, Dynamic: 2 } as const;

/** A decoded user control message. */
export interface UserControl {
  readonly event: number;
  /** The stream id, or the time of a ping. */
  readonly value: number;
}

/** Announces the chunk size of what follows, bytes. */
export function setChunkSize(size: number): RtmpMessage {
  return control(MessageType.SetChunkSize, uint32s(size));
}

/** Acknowledges the bytes received so far, modulo 2^32. */
export function acknowledgement(bytesReceived: number): RtmpMessage {
  return control(MessageType.Acknowledgement, uint32s(bytesReceived));
}

/** Tells the peer after how many bytes we want an acknowledgement. */
export function windowAckSize(bytes: number): RtmpMessage {
  return control(MessageType.WindowAckSize, uint32s(bytes));
}

/** Asks the peer to send no more than so many unacknowledged bytes. */
export function setPeerBandwidth(bytes: number, limit: number): RtmpMessage {
  const payload = new Uint8Array(5);
  payload.set(uint32s(bytes));
  payload[4] = limit;
  return control(MessageType.SetPeerBandwidth, payload);
}

/** A user control message with one 32-bit value, or two. */
export function userControl(event: number, value: number, second?: number): RtmpMessage {
  const payload = new Uint8Array(second === undefined ? 6 : 10);
  payload[1] = event;
  payload.set(uint32s(value), 2);
  if (second !== undefined) payload.set(uint32s(second), 6);
  return control(MessageType.UserControl, payload);
}

/** Undefined when it is too short to mean anything. */
export function readUserControl(payload: Uint8Array): UserControl | undefined {
  if (payload.length < 6) return undefined;
  return { event: (payload[0]! << 8) | payload[1]!, value: readUint32(payload, 2) };
}

/** The first four bytes as a number, 0 when there are fewer. */
export function readControlValue(payload: Uint8Array): number {
  return payload.length < 4 ? 0 : readUint32(payload, 0);
}

function control(typeId: number, payload: Uint8Array): RtmpMessage {
  return { typeId, streamId: 0, timestamp: 0, payload };
}

function uint32s(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value >>> 0);
  return bytes;
}

function readUint32(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(offset);
}
