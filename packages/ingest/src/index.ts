/**
 * Takes live streams in by RTMP, and sends them on: a server whose publications are tracks and packets, and a client that publishes and plays.
 *
 * @module
 */

// Server

export type { Authorize, AuthorizeDecision, AuthorizeRequest } from "./rtmp/authorize.ts";
export type { StreamRequest } from "./rtmp/command/stream-request.ts";
export type { RtmpLimits, RtmpTimeouts } from "./rtmp/limits.ts";
export {
  createRtmpServer,
  DEFAULT_RTMP_PORT,
  type RtmpServer,
  type RtmpServerOptions,
  type RtmpServerStats,
  type SecondPublisherPolicy,
} from "./rtmp/server.ts";

// Publications

export { VIDEO_TIMESCALE } from "./publication/frame-grid.ts";
export type {
  Publication,
  PublicationEnd,
  PublicationEndReason,
  PublicationStats,
} from "./publication/publication.ts";
export type { RepairKind, Repairs } from "./publication/repairs.ts";

// Client

export {
  createRtmpClient,
  type ReconnectOptions,
  type RtmpClient,
  type RtmpClientOptions,
} from "./rtmp/client.ts";
export type { RtmpPlayback } from "./rtmp/client-playback.ts";
export type { HandshakeKind } from "./rtmp/handshake/client-handshake.ts";

// Limits by name

export { DEFAULT_MAX_AMF_DEPTH, DEFAULT_MAX_AMF_VALUES } from "./rtmp/amf0/amf-value.ts";
export { DEFAULT_MAX_CHUNK_STREAMS, DEFAULT_MAX_MESSAGE_SIZE } from "./rtmp/chunk/chunk-reader.ts";
export {
  DEFAULT_MAX_CONNECTIONS,
  DEFAULT_MAX_HALF_OPEN_PER_ADDRESS,
  DEFAULT_PUBLICATION_BYTES,
  DEFAULT_WRITE_BUFFER_BYTES,
} from "./rtmp/limits.ts";
export { MAX_COMMAND_SIZE } from "./rtmp/session/server-session.ts";

// Errors and logs

export { IngestError, type IngestErrorCode } from "./errors.ts";
export type { Logger } from "./logger.ts";
