/**
 * The server's side of one RTMP connection, as a state machine without I/O.
 *
 * ```
 * handshake ──► connect ──► createStream ──► publish ─► (caller decides) ─► media …  ─► deleteStream
 *                                       └──► play    ─► (caller decides) ─► caller sends media
 * ```
 */

import { IngestError } from "../../errors.ts";
import { type AmfLimits, type AmfValue, amfMember } from "../amf0/amf-value.ts";
import { writeAmf0 } from "../amf0/amf0-writer.ts";
import { DEFAULT_MAX_CHUNK_STREAMS, DEFAULT_MAX_MESSAGE_SIZE } from "../chunk/chunk-reader.ts";
import { isEnhanced, ownCapabilities } from "../command/capabilities.ts";
import { type Command, readCommand } from "../command/command.ts";
import { failure, onStatus, result, type StatusCode } from "../command/status.ts";
import { isPlainName, readStreamRequest, type StreamRequest } from "../command/stream-request.ts";
import { type RandomFill, secureRandomFill } from "../handshake/handshake.ts";
import { ServerHandshake } from "../handshake/server-handshake.ts";
import { BandwidthLimit, setPeerBandwidth, UserControlEvent, userControl } from "../message/control.ts";
import { MessageType, type RtmpMessage } from "../message/message.ts";
import { DEFAULT_WINDOW_ACK_SIZE, unknownStream, Wire } from "./wire.ts";

/** Largest message before a `publish`, and all answers that wait before one: commands are small. Bytes. */
export const MAX_COMMAND_SIZE = 64 * 1024;

/** Message streams that one connection may hold at a time. */
const MAX_MESSAGE_STREAMS = 8;

/** What a connection asks of its server, in order. */
export type ServerEvent =
  | { readonly type: "publish"; readonly streamId: number; readonly request: StreamRequest }
  | { readonly type: "play"; readonly streamId: number; readonly request: StreamRequest }
  | { readonly type: "media"; readonly streamId: number; readonly message: RtmpMessage }
  | { readonly type: "stop"; readonly streamId: number };

/** Options of a {@link ServerSession}. */
export interface ServerSessionOptions {
  /** Milliseconds of any origin, for the handshake. */
  readonly now: number;
  /** Bytes of one message from a `publish` on. Default 10 MiB. */
  readonly maxMessageSize?: number;
  /** Default 64. */
  readonly maxChunkStreams?: number;
  readonly amf?: AmfLimits;
  /** Default: the platform's. */
  readonly random?: RandomFill;
}

type StreamState = "idle" | "publish-asked" | "publishing" | "play-asked" | "playing";

/** One connection. Every method that answers queues output for {@link ServerSession.takeOutput}. */
export class ServerSession {
  readonly #wire: Wire;
  readonly #amf: AmfLimits;
  readonly #maxMessageSize: number;
  readonly #streams = new Map<number, StreamState>();
  #events: ServerEvent[] = [];
  #nextStreamId = 1;
  #app: string | null = null;
  #tcUrl = "";

  constructor(options: ServerSessionOptions) {
    this.#maxMessageSize = options.maxMessageSize ?? DEFAULT_MAX_MESSAGE_SIZE;
    this.#amf = options.amf ?? {};
    this.#wire = new Wire(new ServerHandshake(options.now, options.random ?? secureRandomFill), {
      maxMessageSize: Math.min(MAX_COMMAND_SIZE, this.#maxMessageSize),
      maxChunkStreams: options.maxChunkStreams ?? DEFAULT_MAX_CHUNK_STREAMS,
    });
  }

  /**
   * Takes what the socket gave and returns what it means.
   *
   * @throws {IngestError} when the peer breaks the protocol or a limit. The connection is of no use afterwards; {@link takeOutput} may still hold
   * an answer that explains it.
   */
  receive(bytes: Uint8Array): ServerEvent[] {
    for (const message of this.#wire.receive(bytes)) this.#dispatch(message);
    const events = this.#events;
    this.#events = [];
    return events;
  }

  /** What is to be sent now, in order. */
  takeOutput(): Uint8Array[] {
    return this.#wire.takeOutput();
  }

  /** Answers a `publish` event. From here on its media arrives as `media` events. */
  acceptPublish(streamId: number, description = "publishing"): void {
    this.#expect(streamId, "publish-asked");
    this.#streams.set(streamId, "publishing");
    this.#wire.send(userControl(UserControlEvent.StreamBegin, streamId));
    this.#status(streamId, "status", "NetStream.Publish.Start", description);
  }

  /** Answers a `play` event. The caller sends the media, as message stream `streamId`. */
  acceptPlay(streamId: number, name: string): void {
    this.#expect(streamId, "play-asked");
    this.#streams.set(streamId, "playing");
    this.#wire.send(userControl(UserControlEvent.StreamBegin, streamId));
    this.#status(streamId, "status", "NetStream.Play.Reset", `playing and resetting ${name}`);
    this.#status(streamId, "status", "NetStream.Play.Start", `started playing ${name}`);
    const access = writeAmf0("|RtmpSampleAccess", true, true);
    this.#wire.send({ typeId: MessageType.DataAmf0, streamId, timestamp: 0, payload: access });
  }

  /** Answers a `publish` or `play` event with no, or ends a stream that was accepted. */
  reject(streamId: number, code: StatusCode, description: string): void {
    this.#streams.set(streamId, "idle");
    this.#status(streamId, "error", code, description);
  }

  /** Tells a viewer that its stream is over. */
  endPlay(streamId: number, description: string): void {
    if (this.#streams.get(streamId) !== "playing") return;
    this.#streams.set(streamId, "idle");
    this.#status(streamId, "status", "NetStream.Play.UnpublishNotify", description);
    this.#status(streamId, "status", "NetStream.Play.Stop", description);
    this.#wire.send(userControl(UserControlEvent.StreamEof, streamId));
  }

  #dispatch(message: RtmpMessage): void {
    switch (message.typeId) {
      case MessageType.CommandAmf0:
      case MessageType.CommandAmf3:
        this.#command(readCommand(message, this.#amf), message.streamId);
        return;
      case MessageType.Audio:
      case MessageType.Video:
      case MessageType.DataAmf0:
      case MessageType.DataAmf3: {
        const state = this.#streams.get(message.streamId);
        // "publish-asked" too: the caller keeps it until the decision, encoders do not wait for theirs.
        if (state === "publishing" || state === "publish-asked") {
          this.#events.push({ type: "media", streamId: message.streamId, message });
        }
        return;
      }
      default:
      // Shared objects, and types that nobody has defined: not ours to judge.
    }
  }

  #command(command: Command, streamId: number): void {
    if (command.name === "connect") {
      this.#connect(command);
      return;
    }
    if (this.#app === null) {
      throw new IngestError("INVALID_COMMAND", `${printable(command.name)} came before connect`);
    }
    switch (command.name) {
      case "createStream":
        this.#createStream(command);
        return;
      case "publish":
        this.#ask("publish", command, streamId);
        return;
      case "play":
        this.#ask("play", command, streamId);
        return;
      case "deleteStream":
        this.#deleteStream(command.args[0]);
        return;
      case "closeStream":
        this.#stop(streamId);
        return;
      case "FCUnpublish":
        this.#acknowledge(command);
        this.#unpublish();
        return;
      case "releaseStream":
      case "_checkbw":
      case "getStreamLength":
        this.#acknowledge(command);
        return;
      case "FCPublish":
        this.#acknowledgeFc(command, "onFCPublish", "NetStream.Publish.Start");
        return;
      case "FCSubscribe":
        this.#acknowledgeFc(command, "onFCSubscribe", "NetStream.Play.Start");
        return;
      case "_result":
      case "_error":
      case "onStatus":
        return;
      default:
        if (command.transactionId !== 0) this.#unknownCommand(command);
    }
  }

  #connect(command: Command): void {
    if (this.#app !== null) throw new IngestError("INVALID_COMMAND", "the peer sent connect twice");
    const app = amfMember(command.object, "app");
    if (typeof app !== "string") throw new IngestError("INVALID_COMMAND", "connect names no app");
    const tcUrl = amfMember(command.object, "tcUrl");
    this.#app = app;
    this.#tcUrl = typeof tcUrl === "string" ? tcUrl : "";
    const enhanced = isEnhanced(command.object);
    this.#wire.announceWindow(DEFAULT_WINDOW_ACK_SIZE);
    this.#wire.send(setPeerBandwidth(DEFAULT_WINDOW_ACK_SIZE, BandwidthLimit.Dynamic));
    this.#wire.announceChunkSize();
    this.#wire.send(
      result(
        command.transactionId,
        { fmsVer: "FMS/3,5,7,7009", capabilities: 31, mode: 1 },
        {
          level: "status",
          code: "NetConnection.Connect.Success",
          description: "connected",
          // AMF3 is understood, and never needed in answers.
          objectEncoding: 0,
          ...(enhanced ? ownCapabilities() : {}),
        },
      ),
    );
  }

  #createStream(command: Command): void {
    if (this.#streams.size >= MAX_MESSAGE_STREAMS) {
      throw new IngestError("TOO_MANY_STREAMS", `the peer holds more than ${MAX_MESSAGE_STREAMS} message streams`);
    }
    const streamId = this.#nextStreamId;
    this.#nextStreamId += 1;
    this.#streams.set(streamId, "idle");
    this.#wire.send(result(command.transactionId, null, streamId));
  }

  #ask(type: "publish" | "play", command: Command, streamId: number): void {
    const state = this.#streams.get(streamId);
    if (state === undefined) throw unknownStream(streamId);
    if (state !== "idle") throw new IngestError("INVALID_COMMAND", `message stream ${streamId} is already in use`);
    const name = command.args[0];
    const request = readStreamRequest(this.#app ?? "", this.#tcUrl, typeof name === "string" ? name : "");
    if (!isPlainName(request)) {
      const code = type === "publish" ? "NetStream.Publish.BadName" : "NetStream.Play.StreamNotFound";
      this.#status(streamId, "error", code, `${type} needs a stream key of plain characters: rtmp://host/app/key`);
      return;
    }
    // Some encoders do not wait for the answer: their first keyframe may be on its way.
    if (type === "publish") this.#wire.maxMessageSize = this.#maxMessageSize;
    this.#streams.set(streamId, type === "publish" ? "publish-asked" : "play-asked");
    this.#events.push({ type, streamId, request });
  }

  #deleteStream(streamId: AmfValue): void {
    if (typeof streamId !== "number") return;
    this.#stop(streamId);
    this.#streams.delete(streamId);
  }

  #stop(streamId: number): void {
    const state = this.#streams.get(streamId);
    if (state === undefined || state === "idle") return;
    this.#streams.set(streamId, "idle");
    if (state === "publishing") this.#status(streamId, "status", "NetStream.Unpublish.Success", "unpublished");
    this.#events.push({ type: "stop", streamId });
  }

  // It names a key, not a stream; encoders that close right after it do not get to deleteStream.
  #unpublish(): void {
    for (const [streamId, state] of this.#streams) if (state === "publishing") this.#stop(streamId);
  }

  #acknowledge(command: Command): void {
    if (command.transactionId !== 0) this.#wire.send(result(command.transactionId, null));
  }

  #acknowledgeFc(command: Command, answer: string, code: StatusCode): void {
    this.#acknowledge(command);
    const name = command.args[0];
    const status = { level: "status", code, description: typeof name === "string" ? name : "" };
    this.#wire.sendCommand({ name: answer, transactionId: 0, object: null, args: [status] }, 0);
  }

  #unknownCommand(command: Command): void {
    const description = `${printable(command.name)} is not supported`;
    this.#wire.send(failure(command.transactionId, { level: "error", code: "NetConnection.Call.Failed", description }));
  }

  #status(streamId: number, level: "status" | "error", code: StatusCode, description: string): void {
    this.#wire.send(onStatus(streamId, { level, code, description }));
  }

  #expect(streamId: number, state: StreamState): void {
    if (this.#streams.get(streamId) !== state) throw unknownStream(streamId);
  }
}

/** A peer's name for something, short and without control characters, for messages and logs. */
function printable(text: string): string {
  return JSON.stringify(text.slice(0, 64));
}
