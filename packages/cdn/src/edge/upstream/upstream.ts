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
  /** @throws {CdnError} `UPSTREAM_UNREACHABLE`, `UPSTREAM_TIMEOUT`, `UPSTREAM_FAILED`, or the signal's reason. */
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

/** 2 s to connect, 20 s to answer (an LL-HLS origin blocks up to three target durations), 20 s between two bytes. */
export const DEFAULT_UPSTREAM_TIMEOUTS: UpstreamTimeouts = { connect: 2_000, head: 20_000, body: 20_000 };
