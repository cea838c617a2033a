/** Questions over HTTP, on connections that are kept. */

import { Agent, request } from "undici";
import { SIGNATURE_FIELD } from "./signature.ts";

/** Bytes of a question or an answer. */
const MAX_EXCHANGE_BYTES = 16 * 1024 * 1024;
/** Bytes of a question: what is new is at most a mebibyte of characters. */
export const MAX_QUESTION_BYTES = 4 * 1024 * 1024;
/** Connections to one edge: one question waits, one is on its way with what came since. */
const CONNECTIONS = 4;

/** Sends a question. */
export interface Post {
  send(
    url: string,
    headers: Readonly<Record<string, string>>,
    body: string,
    signal: AbortSignal,
  ): Promise<{ readonly status: number; readonly signature: string | undefined; readonly body: string }>;
  close(): Promise<void>;
}

export function createPost(timeout: number): Post {
  const agent = new Agent({
    connections: CONNECTIONS,
    pipelining: 1,
    allowH2: false,
    keepAliveTimeout: 60_000,
    maxResponseSize: MAX_EXCHANGE_BYTES,
    connect: { timeout },
    headersTimeout: timeout,
    bodyTimeout: timeout,
  });
  return {
    async send(url, headers, body, signal) {
      const answer = await request(url, {
        dispatcher: agent,
        method: "POST",
        headers: { ...headers, "content-type": "application/json" },
        body,
        signal,
      });
      const signature = answer.headers[SIGNATURE_FIELD];
      return {
        status: answer.statusCode,
        signature: typeof signature === "string" ? signature : undefined,
        body: await answer.body.text(),
      };
    },
    close: () => agent.destroy(),
  };
}
