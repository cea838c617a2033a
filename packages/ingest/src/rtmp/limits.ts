/** What a server grants its peers. */

import type { AmfLimits } from "./amf0/amf-value.ts";
import { DEFAULT_MAX_AMF_DEPTH, DEFAULT_MAX_AMF_VALUES } from "./amf0/amf-value.ts";
import { DEFAULT_MAX_CHUNK_STREAMS, DEFAULT_MAX_MESSAGE_SIZE } from "./chunk/chunk-reader.ts";

/** Default of {@link RtmpLimits.connections}. */
export const DEFAULT_MAX_CONNECTIONS = 10_000;

/** Default of {@link RtmpLimits.halfOpenPerAddress}. */
export const DEFAULT_MAX_HALF_OPEN_PER_ADDRESS = 100;

/** Default of {@link RtmpLimits.writeBufferBytes}. */
export const DEFAULT_WRITE_BUFFER_BYTES = 1024 * 1024;

/** Default of {@link RtmpLimits.publicationBytes}. */
export const DEFAULT_PUBLICATION_BYTES = 16 * 1024 * 1024;

/** Bounds in numbers and bytes. A peer that passes one is disconnected, and nobody else is. */
export interface RtmpLimits {
  /** Connections at a time. Default 10 000. */
  readonly connections?: number;
  /** Connections of one address that have neither published nor played yet. Default 100. */
  readonly halfOpenPerAddress?: number;
  /** Bytes of one message, and of all unfinished ones of a connection. Default 10 MiB; 64 KiB before `publish`. */
  readonly messageSize?: number;
  /** Chunk streams of a connection. Default 64. */
  readonly chunkStreams?: number;
  /** Nesting of AMF values. Default 16. */
  readonly amfDepth?: number;
  /** AMF values in one message. Default 4096. */
  readonly amfValues?: number;
  /** Bytes of answers that wait for a peer that does not read. Default 1 MiB; at most 64 KiB before `publish` or `play`. */
  readonly writeBufferBytes?: number;
  /** Bytes of packets that one publication holds for all its readers. Default 16 MiB. */
  readonly publicationBytes?: number;
}

/** How long a server waits, in milliseconds. */
export interface RtmpTimeouts {
  /** From the TCP connection to `publish` or `play`. Default 10 000. */
  readonly handshake?: number;
  /** For `authorize` to decide; then the answer is no. Default 10 000. */
  readonly authorize?: number;
  /** From an accepted `publish` to the first keyframe, or the first audio where there is no video. Default 15 000. */
  readonly firstMedia?: number;
  /** Without a byte of a publisher, without a viewer taking one of those that wait for it. Default 15 000. */
  readonly idle?: number;
}

/** {@link RtmpLimits} with its defaults. */
export function resolveLimits(limits: RtmpLimits = {}): Required<RtmpLimits> {
  return {
    connections: limits.connections ?? DEFAULT_MAX_CONNECTIONS,
    halfOpenPerAddress: limits.halfOpenPerAddress ?? DEFAULT_MAX_HALF_OPEN_PER_ADDRESS,
    messageSize: limits.messageSize ?? DEFAULT_MAX_MESSAGE_SIZE,
    chunkStreams: limits.chunkStreams ?? DEFAULT_MAX_CHUNK_STREAMS,
    amfDepth: limits.amfDepth ?? DEFAULT_MAX_AMF_DEPTH,
    amfValues: limits.amfValues ?? DEFAULT_MAX_AMF_VALUES,
    writeBufferBytes: limits.writeBufferBytes ?? DEFAULT_WRITE_BUFFER_BYTES,
    publicationBytes: limits.publicationBytes ?? DEFAULT_PUBLICATION_BYTES,
  };
}

/** {@link RtmpTimeouts} with its defaults. */
export function resolveTimeouts(timeouts: RtmpTimeouts = {}): Required<RtmpTimeouts> {
  return {
    handshake: timeouts.handshake ?? 10_000,
    authorize: timeouts.authorize ?? 10_000,
    firstMedia: timeouts.firstMedia ?? 15_000,
    idle: timeouts.idle ?? 15_000,
  };
}

/** The part that AMF decoders take. */
export function amfLimits(limits: Required<RtmpLimits>): AmfLimits {
  return { maxDepth: limits.amfDepth, maxValues: limits.amfValues };
}
