/** One request through the handler: the fast seam first, errors never leaked. Protocol adapters build on this. */

import { CdnError } from "../errors.ts";
import { fromResponse, toRequest } from "../handler/convert.ts";
import type { FetchHandler } from "../handler/fetch-handler.ts";
import { type RawHandler, type RawRequest, type RawResponse, rawHandlerOf } from "../handler/raw.ts";
import { errorResponse } from "../http/error-response.ts";
import type { Logger } from "../logger.ts";

/**
 * What no handler is asked, because no web `Request` can be it. `TRACE` would show the client what proxies in front, and this server's upstreams, are
 * sent.
 */
const NOT_IMPLEMENTED = new Set(["TRACE", "TRACK", "CONNECT"]);

/** Runs a handler for the adapters. Never throws. */
export class Exchange {
  /** Handed over so far. */
  requests = 0;
  readonly #handler: FetchHandler;
  readonly #raw: RawHandler | undefined;
  readonly #logger: Logger;

  constructor(handler: FetchHandler, logger: Logger) {
    this.#handler = handler;
    this.#raw = rawHandlerOf(handler);
    this.#logger = logger;
  }

  run(request: RawRequest): RawResponse | Promise<RawResponse> {
    this.requests += 1;
    if (NOT_IMPLEMENTED.has(request.method)) {
      return errorResponse(501, "METHOD_NOT_IMPLEMENTED", `there is no ${request.method} here`);
    }
    try {
      const answer = this.#raw?.(request) ?? this.#fetch(request);
      return answer instanceof Promise ? answer.catch((error: unknown) => this.failed(request, error)) : answer;
    } catch (error) {
      return this.failed(request, error);
    }
  }

  async #fetch(request: RawRequest): Promise<RawResponse> {
    return fromResponse(await this.#handler(toRequest(request), request.connection), request.method);
  }

  /** What the client hears of an error. */
  failed(request: RawRequest, error: unknown): RawResponse {
    if (error instanceof CdnError && error.code === "BODY_TOO_LARGE") {
      return errorResponse(413, error.code, error.message, ["connection", "close"]);
    }
    if (error instanceof CdnError && error.code === "REQUEST_TIMEOUT") {
      return errorResponse(408, error.code, error.message, ["connection", "close"]);
    }
    if (request.signal.aborted) {
      this.#logger.debug({ err: error, target: request.target }, "the client left");
      return errorResponse(499, "ABORTED", "the client left");
    }
    this.#logger.error({ err: error, method: request.method, target: request.target }, "handler failed");
    return errorResponse(500, "HANDLER_FAILED", "the server failed to answer: its handler threw");
  }
}
