/** The one error class of this package. */

/**
 * What went wrong, stable across versions:
 *
 * - `INVALID_HANDSHAKE`, `INVALID_CHUNK`, `INVALID_AMF`, `INVALID_COMMAND`, `INVALID_MEDIA`: the peer broke the protocol.
 * - `MESSAGE_TOO_LARGE`, `TOO_MANY_CHUNK_STREAMS`, `AMF_TOO_DEEP`, `AMF_TOO_LARGE`, `TOO_MANY_STREAMS`, `TOO_MANY_CONNECTIONS`: a named limit was passed.
 * - `UNSUPPORTED_CODEC`: a codec that this package does not carry.
 * - `UNAUTHORIZED`: `authorize` said no, failed, or took too long. `STREAM_IN_USE`: someone else publishes under that key.
 *   `STREAM_NOT_FOUND`: nobody publishes under that key.
 * - `HANDSHAKE_TIMEOUT`, `FIRST_MEDIA_TIMEOUT`, `IDLE_TIMEOUT`: the peer was too quiet.
 * - `SLOW_PEER`: the peer reads too slowly for what it asked. `CONNECTION_LOST`, `CONNECTION_FAILED`: the network.
 * - `STREAM_ENDED`: the server says that the stream is over.
 * - `REJECTED`: a server refused what the client asked, for a reason that is only in the message.
 * - `PORT_TAKEN`: the port is taken. `INVALID_URL`: not an RTMP address. `CLOSED`: used after `close()`.
 */
export type IngestErrorCode =
  | "INVALID_HANDSHAKE"
  | "INVALID_CHUNK"
  | "INVALID_AMF"
  | "INVALID_COMMAND"
  | "INVALID_MEDIA"
  | "MESSAGE_TOO_LARGE"
  | "TOO_MANY_CHUNK_STREAMS"
  | "TOO_MANY_STREAMS"
  | "TOO_MANY_CONNECTIONS"
  | "AMF_TOO_DEEP"
  | "AMF_TOO_LARGE"
  | "UNSUPPORTED_CODEC"
  | "UNAUTHORIZED"
  | "STREAM_IN_USE"
  | "STREAM_NOT_FOUND"
  | "HANDSHAKE_TIMEOUT"
  | "FIRST_MEDIA_TIMEOUT"
  | "IDLE_TIMEOUT"
  | "SLOW_PEER"
  | "CONNECTION_LOST"
  | "CONNECTION_FAILED"
  | "STREAM_ENDED"
  | "REJECTED"
  | "PORT_TAKEN"
  | "INVALID_URL"
  | "CLOSED";

/** Everything this package throws, rejects with, or reports as the reason of an end. */
export class IngestError extends Error {
  override readonly name = "IngestError";
  readonly code: IngestErrorCode;

  constructor(code: IngestErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
