/** One upstream: where an edge gets what it has not. */

import type { RawResponse } from "../../handler/raw.ts";

/** What an upstream is asked. */
export interface UpstreamRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** Name, value, name, value… */
  readonly headers: readonly string[];
  readonly body: AsyncIterable<Uint8Array> | null;
  readonly signal: AbortSignal;
}

/** Its answer, as soon as the head is there. */
export interface UpstreamResponse extends RawResponse {
  /** Only the end of the connection ends the body (RFC 9112 §6.3): nobody can tell whether it is whole. */
  readonly closeDelimited: boolean;
}

export interface Upstream {
  /** For logs and errors. */
  readonly name: string;
  /** @throws {CdnError} `UPSTREAM_UNREACHABLE`, `UPSTREAM_TIMEOUT`, `UPSTREAM_BUSY`, `UPSTREAM_FAILED`, or the signal's reason. */
  send(request: UpstreamRequest): Promise<UpstreamResponse>;
  close(): Promise<void>;
}

/** Times to wait for an upstream, in milliseconds. */
export interface UpstreamTimeouts {
  /** For a connection. */
  readonly connect: number;
  /** For the head of an answer. Above the longest blocking playlist reload. */
  readonly head: number;
  /** For the next byte of a body. Above the longest pause in a growing object. */
  readonly body: number;
}

/**
 * 2 s to connect, 35 s to answer, 20 s between two bytes. A blocking reload may be held for three target durations (RFC 8216bis
 * §6.2.5.2): 30 s for segments of 10 s. Give `head` more than that for longer segments.
 */
export const DEFAULT_UPSTREAM_TIMEOUTS: UpstreamTimeouts = { connect: 2_000, head: 35_000, body: 20_000 };
