/** The HTTP of an exchange: reads no more of strangers than it must, and hands on what an edge has signed. */

import { CdnError } from "../../../errors.ts";
import { toResponse } from "../../../handler/convert.ts";
import type { FetchHandler } from "../../../handler/fetch-handler.ts";
import { errorResponse } from "../../../http/error-response.ts";
import type { Logger } from "../../../logger.ts";
import { readText } from "../read-text.ts";
import { MAX_QUESTION_BYTES } from "./post.ts";
import { checkQuestion, checkSigned, SIGNATURE_FIELD } from "./signature.ts";

/** Where edges ask each other, below each one's URL. */
export const EXCHANGE_PATH = "/.ami/purge/exchange";
/** Read at a time, before anybody knows whether an edge asks. */
const MAX_QUESTIONS_READ = 32;

/** Options of {@link createExchangeHandler}. */
export interface ExchangeHandlerOptions {
  readonly secrets: readonly string[];
  /** Milliseconds, steady. */
  readonly clock: () => number;
  /** Milliseconds since 1970. */
  readonly systemClock: () => number;
  /** Answers a question that is an edge's. @throws {CdnError} `BAD_REQUEST` where nobody could; anything else where this edge cannot now. */
  readonly answer: (question: string) => Promise<string>;
  readonly logger: Logger;
}

/** Answers other edges. To be served at `/.ami/purge/`. */
export function createExchangeHandler(options: ExchangeHandlerOptions): FetchHandler {
  const { secrets, clock, systemClock, answer, logger } = options;
  /** Questions whose bodies are being read. */
  let reading = 0;
  let warnedAt = Number.NEGATIVE_INFINITY;

  /** Once a second is enough. */
  const warnOfStranger = (error: unknown): void => {
    const now = clock();
    if (now - warnedAt < 1000) return;
    warnedAt = now;
    logger.warn({ err: error }, "somebody asked about purges without the right to");
  };

  return async (request) => {
    const refuse = (status: number, error: unknown): Response => {
      const { code, message } = error instanceof CdnError ? error : new CdnError("HANDLER_FAILED", "failed to answer");
      return toResponse(errorResponse(status, code, message), request.method);
    };
    if (!new URL(request.url).pathname.endsWith(EXCHANGE_PATH)) {
      return refuse(404, new CdnError("NOT_FOUND", `edges ask at ${EXCHANGE_PATH}`));
    }
    if (request.method !== "POST") return refuse(405, new CdnError("METHOD_NOT_ALLOWED", "edges ask with POST"));
    let sign: (answer: string) => string;
    let body: string;
    try {
      checkSigned(request.headers, systemClock());
    } catch (error) {
      return refuse(401, error);
    }
    // Whoever reaches the edge can make it read so much before the signature can be looked at, and no more.
    if (reading >= MAX_QUESTIONS_READ) return refuse(503, new CdnError("PURGE_BUSY", "too many edges ask at once"));
    reading += 1;
    try {
      body = await readText(request, MAX_QUESTION_BYTES);
    } catch (error) {
      return refuse(413, error);
    } finally {
      reading -= 1;
    }
    try {
      sign = checkQuestion(secrets, request.headers, body, systemClock());
    } catch (error) {
      warnOfStranger(error);
      return refuse(401, error);
    }
    try {
      const text = await answer(body);
      const headers = {
        "content-type": "application/json",
        "cache-control": "no-store",
        [SIGNATURE_FIELD]: sign(text),
      };
      return new Response(text, { headers });
    } catch (error) {
      if (!(error instanceof CdnError && error.code === "BAD_REQUEST")) return refuse(503, error);
      logger.warn({ err: error }, "an edge asked what this one cannot answer");
      return refuse(400, error);
    }
  };
}
