/** Answers to calls, and the status codes of NetConnection and NetStream (RTMP 1.0 §7.2). */

import type { AmfObject, AmfValue } from "../amf0/amf-value.ts";
import type { RtmpMessage } from "../message/message.ts";
import { writeCommand } from "./command.ts";

/** Status codes that this package sends or understands. */
export type StatusCode =
  | "NetConnection.Connect.Success"
  | "NetConnection.Call.Failed"
  | "NetStream.Publish.Start"
  | "NetStream.Publish.BadName"
  | "NetStream.Publish.Unauthorized"
  | "NetStream.Unpublish.Success"
  | "NetStream.Play.Reset"
  | "NetStream.Play.Start"
  | "NetStream.Play.Stop"
  | "NetStream.Play.Failed"
  | "NetStream.Play.StreamNotFound"
  | "NetStream.Play.Unauthorized"
  | "NetStream.Play.UnpublishNotify"
  | "NetStream.Play.InsufficientBW"
  | "NetStream.Failed";

/** What a status object says. */
export interface Status {
  readonly level: "status" | "warning" | "error";
  readonly code: StatusCode;
  /** For people: what to do about it. */
  readonly description: string;
}

/** Answers a call with success. */
export function result(transactionId: number, object: AmfValue, ...args: AmfValue[]): RtmpMessage {
  return writeCommand({ name: "_result", transactionId, object, args }, 0);
}

/** Answers a call with failure. */
export function failure(transactionId: number, status: Status): RtmpMessage {
  return writeCommand({ name: "_error", transactionId, object: null, args: [statusObject(status)] }, 0);
}

/** Reports what happened to a stream. */
export function onStatus(streamId: number, status: Status): RtmpMessage {
  return writeCommand({ name: "onStatus", transactionId: 0, object: null, args: [statusObject(status)] }, streamId);
}

function statusObject(status: Status): AmfObject {
  return { level: status.level, code: status.code, description: status.description };
}
