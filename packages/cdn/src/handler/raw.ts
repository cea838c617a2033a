/** The fast seam beside `FetchHandler`: the same exchange without `Request`, `Response` or web streams. */

import type { AnswerFacts } from "./answer-facts.ts";
import type { Connection, FetchHandler } from "./fetch-handler.ts";

/** A request as the server adapter read it. */
export interface RawRequest {
  /** Upper case. */
  readonly method: string;
  /** Origin-form request target (RFC 9112 §3.2.1): path and query, as received. */
  readonly target: string;
  /** `scheme://authority` as the client addressed it, without a path. */
  readonly origin: string;
  /** Header fields by lower-case name; repeated ones are joined by `, ` (`cookie` by `; `). */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** The request body; null where there is none. Can be read once. */
  readonly body: AsyncIterable<Uint8Array> | null;
  readonly connection: Connection | undefined;
  /** Aborts when the client leaves. Made when first asked for. */
  readonly signal: AbortSignal;
  /**
   * Sends an interim answer (102, 103) to the client, before the answer itself: fields as in {@link RawResponse}. Absent where the client could
   * not take one. Calls after the answer are ignored.
   */
  readonly onInformational?: (status: number, headers: readonly string[]) => void;
}

/**
 * What to answer.
 *
 * The adapter keeps what it derives from `headers` for as long as the same array lives, so a handler that answers the same thing
 * twice should hand over the same array twice, and never change it.
 */
export interface RawResponse {
  readonly status: number;
  /** Name, value, name, value…; names in lower case. With `content-length` where the length is known. */
  readonly headers: readonly string[];
  /** Whole bytes are written with the head in one go. The adapter drops the body of an answer to HEAD. */
  readonly body: Uint8Array | AsyncIterable<Uint8Array> | null;
  /**
   * Called by the adapter, once each time it was given this answer, when the bytes of the body are out of its hands: taken by the client's
   * connection, or dropped with it. A cache counts by it what slow clients keep in memory; a wrapper that changes the answer keeps it.
   */
  readonly release?: () => void;
  /** What became of the request, for logs and metrics. */
  readonly about?: AnswerFacts;
}

/** May answer at once, later, or (undefined) leave the request to the `FetchHandler` that carries it. What it throws is answered with 500. */
export type RawHandler = (request: RawRequest) => RawResponse | Promise<RawResponse> | undefined;

/**
 * Key under which a `FetchHandler` may carry its `RawHandler`. The server adapter looks for it; handlers do not see it.
 *
 * A wrapper that only decides (a guard, a limiter) can forward it: `Object.assign(wrapped, { [rawHandler]: (request) =>
 * allowed(request) ? inner[rawHandler]?.(request) : undefined })`. A wrapper that does not is just slower.
 */
export const rawHandler: unique symbol = Symbol.for("@ami-streams/cdn.rawHandler");

/** A `FetchHandler` with the fast seam. */
export interface RawFetchHandler extends FetchHandler {
  readonly [rawHandler]: RawHandler;
}

/** The raw handler that a fetch handler carries, if it does. */
export function rawHandlerOf(handler: FetchHandler): RawHandler | undefined {
  return rawHandler in handler ? (handler as RawFetchHandler)[rawHandler] : undefined;
}
