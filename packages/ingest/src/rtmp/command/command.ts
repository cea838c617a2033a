/** Commands and data: AMF in messages (RTMP 1.0 §7.1.1, §7.1.2). */

import { IngestError } from "../../errors.ts";
import type { AmfLimits, AmfValue } from "../amf0/amf-value.ts";
import { readAmf0 } from "../amf0/amf0-reader.ts";
import { writeAmf0 } from "../amf0/amf0-writer.ts";
import { MessageType, type RtmpMessage } from "../message/message.ts";

/** A remote call, or the answer to one (`_result`, `_error`, `onStatus`). */
export interface Command {
  readonly name: string;
  /** Pairs a call with its answer; 0 when none is wanted. */
  readonly transactionId: number;
  /** The command object, or null. */
  readonly object: AmfValue;
  readonly args: readonly AmfValue[];
}

/**
 * Reads a command of type 20, or 17 with its leading format byte.
 *
 * @throws {IngestError} `INVALID_COMMAND` without a name; `INVALID_AMF`, `AMF_TOO_DEEP`, `AMF_TOO_LARGE`.
 */
export function readCommand(message: RtmpMessage, limits?: AmfLimits): Command {
  const values = readAmf0(amf0Part(message, MessageType.CommandAmf3), limits);
  const [name, transactionId, object, ...args] = values;
  if (typeof name !== "string") throw new IngestError("INVALID_COMMAND", "a command does not start with its name");
  return { name, transactionId: typeof transactionId === "number" ? transactionId : 0, object: object ?? null, args };
}

/** A command as a type 20 message. */
export function writeCommand(command: Command, streamId: number): RtmpMessage {
  const payload = writeAmf0(command.name, command.transactionId, command.object, ...command.args);
  return { typeId: MessageType.CommandAmf0, streamId, timestamp: 0, payload };
}

/**
 * Reads the values of a data message: type 18, or 15 with its leading format byte. Payloads that are no AMF, as the 4-byte
 * timecodes that ffmpeg sends, give an empty list.
 *
 * @throws {IngestError} `AMF_TOO_DEEP`, `AMF_TOO_LARGE`.
 */
export function readData(message: RtmpMessage, limits?: AmfLimits): AmfValue[] {
  try {
    return readAmf0(amf0Part(message, MessageType.DataAmf3), limits);
  } catch (error) {
    if (error instanceof IngestError && error.code === "INVALID_AMF") return [];
    throw error;
  }
}

// Types 15 and 17 are "AMF3", but what follows the format byte is AMF0 that may switch by its avmplus marker.
function amf0Part(message: RtmpMessage, amf3Type: number): Uint8Array {
  const { payload, typeId } = message;
  return typeId === amf3Type && payload[0] === 0 ? payload.subarray(1) : payload;
}
