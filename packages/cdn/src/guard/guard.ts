/** What every guard is: a wrapper of a handler that keeps the fast seam. */

import { fromRequest, fromResponse, toRequest, toResponse } from "../handler/convert.ts";
import type { FetchHandler } from "../handler/fetch-handler.ts";
import { type RawFetchHandler, type RawRequest, type RawResponse, rawHandler, rawHandlerOf } from "../handler/raw.ts";

/**
 * A wrapper of a handler that lets requests pass, refuses them, or changes what passes. It carries the fast seam {@link rawHandler} whatever
 * it wraps, so that a cached hit behind guards stays on the server's fast path, and a refusal in front of a plain handler is as cheap.
 */
export type Guard = (handler: FetchHandler) => RawFetchHandler;

/** Answers a request, always. */
export type Answerer = (request: RawRequest) => RawResponse | Promise<RawResponse>;

/**
 * A guard of your own.
 *
 * @param around - is given what answers behind the guard, and gives what answers with it.
 */
export function createGuard(around: (next: Answerer) => Answerer): Guard {
  return (handler) => {
    const answer = around(answererOf(handler));
    const fetch: FetchHandler = async (request, connection) => {
      const raw = await answer(fromRequest(request, connection));
      // Nobody can say when a `Response` has been read.
      raw.release?.();
      return toResponse(raw, request.method);
    };
    return Object.assign(fetch, { [rawHandler]: answer });
  };
}

/** A handler behind several guards. The first one is asked first: `withGuards(edge.handle, addressRules(…), signedUrls(…))`. */
export function withGuards(handler: FetchHandler, ...guards: readonly Guard[]): FetchHandler {
  return guards.reduceRight<FetchHandler>((inner, guard) => guard(inner), handler);
}

/** A raw handler may leave a request to the fetch handler that carries it; behind a guard it is asked here, so that the guard counts once. */
function answererOf(handler: FetchHandler): Answerer {
  const raw = rawHandlerOf(handler);
  const fetched: Answerer = async (request) =>
    fromResponse(await handler(toRequest(request), request.connection), request.method);
  return raw === undefined ? fetched : (request) => raw(request) ?? fetched(request);
}
