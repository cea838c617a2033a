/**
 * The client's side of one RTMP connection, as a state machine without I/O.
 *
 * ```
 * handshake ─► connect ─► (releaseStream, FCPublish) createStream ─► publish | play ─► started ─► … ─► ended
 * ```
 */

import { IngestError, type IngestErrorCode } from "../../errors.ts";
import { type AmfLimits, type AmfValue, amfMember } from "../amf0/amf-value.ts";
import { ownCapabilities } from "../command/capabilities.ts";
import { type Command, readCommand } from "../command/command.ts";
import { ClientHandshake, type HandshakeKind } from "../handshake/client-handshake.ts";
import type { RandomFill } from "../handshake/handshake.ts";
import { readUserControl, UserControlEvent, userControl } from "../message/control.ts";
import { MessageType, type RtmpMessage } from "../message/message.ts";
import { Wire } from "./wire.ts";

/** What happened, in order. */
export type ClientEvent =
  /** The server said yes: send media, or expect it. */
  | { readonly type: "started"; readonly streamId: number }
  | { readonly type: "media"; readonly message: RtmpMessage }
  /** The server says that the stream is over. */
  | { readonly type: "ended"; readonly description: string };

/** Options of a {@link ClientSession}. */
export interface ClientSessionOptions {
  readonly mode: "publish" | "play";
  /** Application, with its query if it has one. */
  readonly app: string;
  /** The address without the stream key. */
  readonly tcUrl: string;
  /** Stream key, with its query if it has one. */
  readonly streamName: string;
  /** Milliseconds of any origin, for the handshake. */
  readonly now: number;
  /** Default `complex`. */
  readonly handshake?: HandshakeKind;
  /** Bytes of one message. Default 10 MiB. */
  readonly maxMessageSize?: number;
  /** Default 64. */
  readonly maxChunkStreams?: number;
  readonly amf?: AmfLimits;
  readonly random?: RandomFill;
}

/** Transactions in the order in which they are sent. */
const Transaction = { Connect: 1, ReleaseStream: 2, FcPublish: 3, CreateStream: 4, Publish: 5 } as const;

/** Milliseconds of media that a viewer says it buffers. */
const PLAY_BUFFER = 1000;

/** One connection of a client that publishes or plays one stream. */
export class ClientSession {
  readonly #options: ClientSessionOptions;
  readonly #wire: Wire;
  #events: ClientEvent[] = [];
  #state: "connecting" | "creating" | "asking" | "started" | "ended" = "connecting";
  #streamId = 0;

  constructor(options: ClientSessionOptions) {
    this.#options = options;
    const handshake = new ClientHandshake(options.now, {
      ...(options.handshake ? { kind: options.handshake } : {}),
      ...(options.random ? { random: options.random } : {}),
    });
    this.#wire = new Wire(handshake, {
      ...(options.maxMessageSize === undefined ? {} : { maxMessageSize: options.maxMessageSize }),
      ...(options.maxChunkStreams === undefined ? {} : { maxChunkStreams: options.maxChunkStreams }),
    });
    this.#wire.sendBytes(handshake.opening);
  }

  /** The server has answered `publish` or `play` with yes. */
  get started(): boolean {
    return this.#state === "started";
  }

  /** What is to be sent now, in order. */
  takeOutput(): Uint8Array[] {
    return this.#wire.takeOutput();
  }

  /**
   * Takes what the socket gave and returns what it means.
   *
   * @throws {IngestError} `UNAUTHORIZED`, `STREAM_IN_USE`, `STREAM_NOT_FOUND` or `REJECTED` when the server says no; others when it breaks the protocol.
   */
  receive(bytes: Uint8Array): ClientEvent[] {
    const before = this.#wire.handshakeDone;
    const messages = this.#wire.receive(bytes);
    if (!before && this.#wire.handshakeDone) this.#connect();
    for (const message of messages) this.#dispatch(message);
    const events = this.#events;
    this.#events = [];
    return events;
  }

  /** Queues audio, video or data of the stream. */
  send(typeId: number, timestamp: number, payload: Uint8Array): void {
    this.#wire.send({ typeId, streamId: this.#streamId, timestamp: timestamp >>> 0, payload });
  }

  /** Says goodbye. */
  stop(): void {
    if (this.#streamId === 0 || this.#state === "ended") return;
    this.#state = "ended";
    const name = this.#options.streamName;
    if (this.#options.mode === "publish") this.#call("FCUnpublish", 0, null, name);
    this.#call("deleteStream", 0, null, this.#streamId);
  }

  #connect(): void {
    const { app, tcUrl, mode } = this.#options;
    this.#wire.announceChunkSize();
    this.#call("connect", Transaction.Connect, {
      app,
      tcUrl,
      type: "nonprivate",
      flashVer: mode === "publish" ? "FMLE/3.0 (compatible; AMI Streams)" : "LNX 9,0,124,2",
      fpad: false,
      capabilities: 239,
      audioCodecs: 0x0fff,
      videoCodecs: 0x00ff,
      videoFunction: 1,
      objectEncoding: 0,
      ...ownCapabilities(),
    });
  }

  #dispatch(message: RtmpMessage): void {
    switch (message.typeId) {
      case MessageType.CommandAmf0:
      case MessageType.CommandAmf3:
        this.#command(readCommand(message, this.#options.amf));
        return;
      case MessageType.Audio:
      case MessageType.Video:
      case MessageType.DataAmf0:
      case MessageType.DataAmf3:
        if (this.#options.mode === "play" && this.#state === "started") this.#events.push({ type: "media", message });
        return;
      case MessageType.UserControl:
        if (readUserControl(message.payload)?.event === UserControlEvent.StreamEof && this.#state === "started") {
          this.#end("the stream ended");
        }
        return;
      default:
    }
  }

  #command(command: Command): void {
    switch (command.name) {
      case "_result":
        this.#result(command);
        return;
      case "_error":
        // Servers may not know releaseStream and FCPublish: only the others matter.
        if (command.transactionId === Transaction.Connect || command.transactionId === Transaction.CreateStream) {
          throw rejection(command.args[0] ?? command.object);
        }
        return;
      case "onStatus":
        this.#status(command.args[0]);
        return;
      case "close":
        if (this.#state === "started") this.#end("the server closed the connection");
        return;
      default:
    }
  }

  #result(command: Command): void {
    if (command.transactionId === Transaction.Connect && this.#state === "connecting") {
      this.#state = "creating";
      if (this.#options.mode === "publish") {
        this.#call("releaseStream", Transaction.ReleaseStream, null, this.#options.streamName);
        this.#call("FCPublish", Transaction.FcPublish, null, this.#options.streamName);
      }
      this.#call("createStream", Transaction.CreateStream, null);
    } else if (command.transactionId === Transaction.CreateStream && this.#state === "creating") {
      const streamId = command.args[0];
      if (typeof streamId !== "number") throw new IngestError("INVALID_COMMAND", "createStream gave no stream id");
      this.#state = "asking";
      this.#streamId = streamId;
      this.#ask();
    }
  }

  #ask(): void {
    const { mode, streamName } = this.#options;
    if (mode === "publish") {
      this.#call("publish", Transaction.Publish, null, streamName, "live");
    } else {
      // -2: live if there is such a stream, otherwise recorded.
      this.#call("play", Transaction.Publish, null, streamName, -2);
      this.#wire.send(userControl(UserControlEvent.SetBufferLength, this.#streamId, PLAY_BUFFER));
    }
  }

  #status(info: AmfValue): void {
    const code = amfMember(info, "code");
    if (amfMember(info, "level") === "error") throw rejection(info);
    const start = this.#options.mode === "publish" ? "NetStream.Publish.Start" : "NetStream.Play.Start";
    if (code === start && this.#state === "asking") {
      this.#state = "started";
      this.#events.push({ type: "started", streamId: this.#streamId });
    } else if (this.#state === "started") {
      if (code === "NetStream.Play.UnpublishNotify" || code === "NetStream.Play.Stop") this.#end("the publisher left");
      if (code === "NetStream.Unpublish.Success") this.#end("the server ended the publication");
    }
  }

  #end(description: string): void {
    this.#state = "ended";
    this.#events.push({ type: "ended", description });
  }

  #call(name: string, transactionId: number, object: AmfValue, ...args: AmfValue[]): void {
    const ofStream = name === "publish" || name === "play";
    this.#wire.sendCommand({ name, transactionId, object, args }, ofStream ? this.#streamId : 0);
  }
}

/** What a server's error status means here. */
function rejection(info: AmfValue): IngestError {
  const code = amfMember(info, "code");
  const description = amfMember(info, "description");
  const reason = [code, description].filter((part) => typeof part === "string" && part !== "").join(": ");
  return new IngestError(
    rejectionCode(typeof code === "string" ? code : ""),
    `the server refused: ${reason || "no reason given"}`,
  );
}

function rejectionCode(status: string): IngestErrorCode {
  if (status.endsWith(".Unauthorized")) return "UNAUTHORIZED";
  if (status === "NetStream.Publish.BadName") return "STREAM_IN_USE";
  if (status === "NetStream.Play.StreamNotFound") return "STREAM_NOT_FOUND";
  return "REJECTED";
}
