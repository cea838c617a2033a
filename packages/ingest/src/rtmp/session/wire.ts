/** One end of a connection below its commands: handshake, chunks, acknowledgements, pings. No I/O. */

import { IngestError } from "../../errors.ts";
import { ChunkReader, type ChunkReaderOptions } from "../chunk/chunk-reader.ts";
import { DEFAULT_OUTPUT_CHUNK_SIZE, writeChunks } from "../chunk/chunk-writer.ts";
import { type Command, writeCommand } from "../command/command.ts";
import type { Handshake } from "../handshake/handshake.ts";
import { splitAggregate } from "../message/aggregate.ts";
import {
  acknowledgement,
  readControlValue,
  readUserControl,
  setChunkSize,
  UserControlEvent,
  userControl,
  windowAckSize,
} from "../message/control.ts";
import { MessageType, type RtmpMessage } from "../message/message.ts";

/** Bytes after which we want to be acknowledged, and after which we acknowledge until told otherwise. */
export const DEFAULT_WINDOW_ACK_SIZE = 2_500_000;

/** Chunk stream ids we send on. 2 is reserved for protocol control (RTMP 1.0 §5.3.1.1). */
const ChunkStreamId = { Control: 2, Command: 3, Audio: 4, Data: 5, Video: 6 } as const;

/** Both directions of a connection after TCP: bytes in, messages out, and the reverse. */
export class Wire {
  readonly #reader: ChunkReader;
  #handshake: Handshake | null;
  #output: Uint8Array[] = [];
  #received = 0;
  #acknowledged = 0;
  #ackWindow = DEFAULT_WINDOW_ACK_SIZE;
  #announcedWindow = 0;
  #chunkSize: number | null = null;

  constructor(handshake: Handshake, options: ChunkReaderOptions = {}) {
    this.#handshake = handshake;
    this.#reader = new ChunkReader(options);
  }

  get handshakeDone(): boolean {
    return this.#handshake === null;
  }

  /** Bytes received since the connection began, handshake included. */
  get bytesReceived(): number {
    return this.#received;
  }

  /** Bound of the messages that follow, bytes. */
  set maxMessageSize(bytes: number) {
    this.#reader.maxMessageSize = bytes;
  }

  /** What is to be sent, in order; the caller has it then. */
  takeOutput(): Uint8Array[] {
    if (this.#output.length === 0) return this.#output;
    const output = this.#output;
    this.#output = [];
    return output;
  }

  /** Queues bytes that are chunks, or handshake, already. */
  sendBytes(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#output.push(bytes);
  }

  /** Queues a message. */
  send(message: RtmpMessage): void {
    if (this.#chunkSize === null && message.typeId !== MessageType.SetChunkSize) this.announceChunkSize();
    this.#output.push(writeChunks(message, chunkStreamOf(message), this.#chunkSize ?? 128));
  }

  /** Queues a command. */
  sendCommand(command: Command, streamId: number): void {
    this.send(writeCommand(command, streamId));
  }

  /** Sends everything in larger chunks from here on. Once. */
  announceChunkSize(): void {
    if (this.#chunkSize !== null) return;
    this.send(setChunkSize(DEFAULT_OUTPUT_CHUNK_SIZE));
    this.#chunkSize = DEFAULT_OUTPUT_CHUNK_SIZE;
  }

  /** Tells the peer how often we want to be acknowledged. */
  announceWindow(bytes: number): void {
    this.#announcedWindow = bytes;
    this.send(windowAckSize(bytes));
  }

  /**
   * Takes bytes and returns the messages they complete, protocol control excepted, which is dealt with here.
   *
   * @throws {IngestError} `INVALID_HANDSHAKE`, or what {@link ChunkReader.push} throws.
   */
  receive(bytes: Uint8Array): RtmpMessage[] {
    this.#received += bytes.length;
    let rest = bytes;
    if (this.#handshake !== null) {
      this.sendBytes(this.#handshake.push(bytes));
      if (!this.#handshake.done) return [];
      rest = this.#handshake.rest;
      this.#handshake = null;
    }
    const messages: RtmpMessage[] = [];
    for (const message of this.#reader.push(rest)) this.#dispatch(message, messages);
    this.#acknowledge();
    return messages;
  }

  #dispatch(message: RtmpMessage, messages: RtmpMessage[]): void {
    switch (message.typeId) {
      case MessageType.Acknowledgement:
        return;
      case MessageType.WindowAckSize: {
        const size = readControlValue(message.payload);
        if (size > 0) this.#ackWindow = size;
        return;
      }
      case MessageType.SetPeerBandwidth: {
        const size = readControlValue(message.payload);
        if (size > 0 && size !== this.#announcedWindow) this.announceWindow(size);
        return;
      }
      case MessageType.UserControl: {
        const control = readUserControl(message.payload);
        if (control?.event === UserControlEvent.PingRequest) {
          this.send(userControl(UserControlEvent.PingResponse, control.value));
          return;
        }
        messages.push(message);
        return;
      }
      case MessageType.Aggregate:
        for (const part of splitAggregate(message)) messages.push(part);
        return;
      default:
        messages.push(message);
    }
  }

  // Half the window, so that a peer that stops at the window never waits for us.
  #acknowledge(): void {
    if (this.#received - this.#acknowledged < this.#ackWindow / 2) return;
    this.#acknowledged = this.#received;
    this.send(acknowledgement(this.#received % 2 ** 32));
  }
}

/** The chunk stream that a message of this type goes on. */
export function chunkStreamOf(message: RtmpMessage): number {
  switch (message.typeId) {
    case MessageType.Audio:
      return ChunkStreamId.Audio;
    case MessageType.Video:
      return ChunkStreamId.Video;
    case MessageType.DataAmf0:
    case MessageType.DataAmf3:
      return ChunkStreamId.Data;
    case MessageType.CommandAmf0:
    case MessageType.CommandAmf3:
      return ChunkStreamId.Command;
    default:
      return ChunkStreamId.Control;
  }
}

/** Rejects a number that is no stream of ours. */
export function unknownStream(streamId: number): IngestError {
  return new IngestError("INVALID_COMMAND", `message stream ${streamId} was not created`);
}
