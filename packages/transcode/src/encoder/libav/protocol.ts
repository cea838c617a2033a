/** The framing between host and encoder process: length, type, body. No I/O. */

import { TranscodeError } from "../../errors.ts";

/** What a message says. To the process: start, packet, end, trial. From it: packet, track, decode error, flushed, result of a trial. */
export const messageType = {
  start: 1,
  packet: 2,
  end: 3,
  track: 4,
  decodeError: 5,
  flushed: 6,
  trial: 7,
  trialResult: 8,
} as const;

const lengthSize = 4;
const typeSize = 1;
/** u8 stream, u8 flags, f64 dts, f64 pts, f64 duration: timestamps are safe integers. */
const packetHeaderSize = 2 + 3 * 8;
const keyframeFlag = 1;

/** A coded picture of 8K at the highest level stays far below. */
export const MAX_MESSAGE_BYTES = 64 << 20;

/** One message. Its body is memory of its own. */
export interface Message {
  readonly type: number;
  readonly body: Uint8Array;
}

/** A packet on its way; `stream` is 0 on the way in, and numbers a job's outputs on the way out. */
export interface PacketMessage {
  readonly stream: number;
  readonly keyframe: boolean;
  readonly dts: number;
  readonly pts: number;
  readonly duration: number;
  readonly data: Uint8Array;
}

/** A message with a JSON body. */
export function writeJson(type: number, value: unknown): Uint8Array {
  const body = new TextEncoder().encode(JSON.stringify(value));
  const bytes = new Uint8Array(lengthSize + typeSize + body.length);
  new DataView(bytes.buffer).setUint32(0, typeSize + body.length);
  bytes[lengthSize] = type;
  bytes.set(body, lengthSize + typeSize);
  return bytes;
}

/** What goes before the data of a packet, which is sent as it is. */
export function writePacketHeader(packet: Omit<PacketMessage, "stream">, stream: number): Uint8Array {
  const bytes = new Uint8Array(lengthSize + typeSize + packetHeaderSize);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, typeSize + packetHeaderSize + packet.data.length);
  bytes[4] = messageType.packet;
  bytes[5] = stream;
  bytes[6] = packet.keyframe ? keyframeFlag : 0;
  view.setFloat64(7, packet.dts);
  view.setFloat64(15, packet.pts);
  view.setFloat64(23, packet.duration);
  return bytes;
}

/** @throws {TranscodeError} `ENCODER_PROTOCOL` when the body is too short. */
export function readPacket(body: Uint8Array): PacketMessage {
  if (body.length < packetHeaderSize) throw protocolError(`a packet message of ${body.length} bytes`);
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  return {
    stream: view.getUint8(0),
    keyframe: (view.getUint8(1) & keyframeFlag) !== 0,
    dts: view.getFloat64(2),
    pts: view.getFloat64(10),
    duration: view.getFloat64(18),
    data: body.subarray(packetHeaderSize),
  };
}

/** @throws {TranscodeError} `ENCODER_PROTOCOL` when the body is no JSON. */
export function readJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch (cause) {
    throw protocolError("a body that is no JSON", cause);
  }
}

/** Cuts a byte stream into messages. Each body is memory of its own, filled as it arrives: no chunk is copied twice. */
export class MessageReader {
  readonly #prefix = new Uint8Array(lengthSize + typeSize);
  #prefixFilled = 0;
  #body: Uint8Array | undefined;
  #bodyFilled = 0;

  /** @throws {TranscodeError} `ENCODER_PROTOCOL` for a length that makes no sense. */
  *push(chunk: Uint8Array): Generator<Message> {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#body === undefined) {
        const taken = rest.subarray(0, this.#prefix.length - this.#prefixFilled);
        this.#prefix.set(taken, this.#prefixFilled);
        this.#prefixFilled += taken.length;
        rest = rest.subarray(taken.length);
        if (this.#prefixFilled < this.#prefix.length) return;
        const length = new DataView(this.#prefix.buffer).getUint32(0);
        if (length < typeSize || length > MAX_MESSAGE_BYTES) throw protocolError(`a message of ${length} bytes`);
        this.#body = new Uint8Array(length - typeSize);
        this.#bodyFilled = 0;
      }
      const taken = rest.subarray(0, this.#body.length - this.#bodyFilled);
      this.#body.set(taken, this.#bodyFilled);
      this.#bodyFilled += taken.length;
      rest = rest.subarray(taken.length);
      if (this.#bodyFilled < this.#body.length) return;
      const message = { type: this.#prefix[lengthSize]!, body: this.#body };
      this.#body = undefined;
      this.#prefixFilled = 0;
      yield message;
    }
  }
}

function protocolError(what: string, cause?: unknown): TranscodeError {
  return new TranscodeError(
    "ENCODER_PROTOCOL",
    `the encoder's pipe carries ${what}: does something else write to it?`,
    { cause },
  );
}
