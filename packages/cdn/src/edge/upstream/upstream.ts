/** One upstream: where an edge gets what it has not. */

import type { AnswerFacts } from "../../handler/answer-facts.ts";
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
  /** The upstream may hold it until there is an answer, though its target does not say so: a part that was hinted at. Default false. */
  readonly held?: boolean;
  /** Its answer is for one client alone: no peer would have it. Default false. */
  readonly alone?: boolean;
  /** What its client wants of caches, as `Cache-Control`: for peers, which have some of this edge's. Default: nothing. */
  readonly wanted?: string | undefined;
  /** Called with each interim answer, such as 103 Early Hints, before the head. Fields as in {@link UpstreamResponse}. */
  readonly onInformational?: (status: number, headers: readonly string[]) => void;
}

/** Its answer, as soon as the head is there. */
export interface UpstreamResponse extends RawResponse {
  /** Only the end of the connection ends the body (RFC 9112 §6.3): nobody can tell whether it is whole. */
  readonly closeDelimited: boolean;
  /** Name of the one that answered, where there are several. */
  readonly upstream?: string;
  /** Name of the peer that answered: it keeps the object, so nobody else has to. */
  readonly peer?: string;
  /** What that says of its answer, where it is another process of this edge: to whoever asks, both are one cache. */
  readonly sibling?: AnswerFacts;
}

export interface Upstream {
  /** For logs, errors and metrics. */
  readonly name: string;
  /** @throws {CdnError} `UPSTREAM_UNREACHABLE`, `UPSTREAM_TIMEOUT`, `UPSTREAM_BUSY`, `UPSTREAM_DOWN`, `UPSTREAM_FAILED`, or the signal's reason. */
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
  /** For the whole answer. Default: none, because a live object may take as long as it likes. */
  readonly total?: number;
}

/**
 * 2 s to connect, 35 s to answer, 20 s between two bytes. A blocking reload may be held for three target durations (RFC 8216bis
 * §6.2.5.2): 30 s for segments of 10 s. Give `head` more than that for longer segments.
 */
export const DEFAULT_UPSTREAM_TIMEOUTS: UpstreamTimeouts = { connect: 2_000, head: 35_000, body: 20_000 };

/** A target, as the cache key writes it, that the upstream may hold until there is an answer (RFC 8216bis §6.2.5.2). */
const HELD = /[?&]_HLS_msn=/;

/** Whether an upstream may hold this request for seconds without being late. */
export function isHeld(target: string): boolean {
  return HELD.test(target);
}
