/** Between the two seams: `Request`/`Response` on one side, raw exchanges on the other. */

import { bytesOf, bytesResponse } from "./bytes-response.ts";
import type { Connection } from "./fetch-handler.ts";
import type { RawRequest, RawResponse } from "./raw.ts";

/** Statuses that never have a body (RFC 9110 §6.4.1); `Response` refuses one there. */
export function isBodyless(status: number): boolean {
  return status === 204 || status === 205 || status === 304 || status < 200;
}

/** The web request of a raw one. */
export function toRequest(raw: RawRequest): Request {
  const headers = new Headers();
  for (const [name, value] of Object.entries(raw.headers)) {
    if (value !== undefined) headers.set(name, value);
  }
  const init = { method: raw.method, headers, signal: raw.signal };
  const url = raw.origin + raw.target;
  if (raw.body === null || raw.method === "GET" || raw.method === "HEAD") return new Request(url, init);
  // The DOM's own types do not know `duplex`, which Fetch asks of a body that is a stream.
  const streamed: RequestInit & { duplex: "half" } = { ...init, body: toReadableStream(raw.body), duplex: "half" };
  return new Request(url, streamed);
}

/** The raw request of a web one. */
export function fromRequest(request: Request, connection: Connection | undefined): RawRequest {
  const { origin, pathname, search } = new URL(request.url);
  const headers: Record<string, string | undefined> = Object.create(null);
  for (const [name, value] of request.headers) headers[name] = value;
  return {
    method: request.method,
    target: pathname + search,
    origin,
    headers,
    body: request.body === null ? null : readChunks(request.body),
    connection,
    signal: request.signal,
  };
}

/** The raw response of a web one, to a request of that method. Bytes that are whole stay whole. */
export function fromResponse(response: Response, method: string): RawResponse {
  const headers: string[] = [];
  for (const [name, value] of response.headers) headers.push(name, value);
  const bytes = bytesOf(response);
  if (bytes !== undefined) {
    if (!response.headers.has("content-length")) headers.push("content-length", String(bytes.byteLength));
    return { status: response.status, headers, body: bytes };
  }
  const isEmpty = response.body === null && method !== "HEAD" && !isBodyless(response.status);
  if (isEmpty && !response.headers.has("content-length")) {
    headers.push("content-length", "0");
  }
  return { status: response.status, headers, body: response.body === null ? null : readChunks(response.body) };
}

/** The web response of a raw one. */
export function toResponse(raw: RawResponse, method: string): Response {
  const headers = new Headers();
  for (let at = 0; at < raw.headers.length; at += 2) headers.append(raw.headers[at]!, raw.headers[at + 1]!);
  const init = { status: raw.status, headers };
  if (raw.body === null || method === "HEAD" || isBodyless(raw.status)) return new Response(null, init);
  if (raw.body instanceof Uint8Array) return bytesResponse(raw.body, init);
  return new Response(toReadableStream(raw.body), init);
}

/** Chunks of a web stream. Leaving the loop cancels the stream at once, even while it waits for its next chunk. */
function readChunks(stream: ReadableStream<Uint8Array>): AsyncIterableIterator<Uint8Array> {
  const reader = stream.getReader();
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      const { done, value } = await reader.read();
      return done ? { done: true, value: undefined } : { done: false, value };
    },
    async return() {
      await reader.cancel();
      return { done: true, value: undefined };
    },
  };
}

/** A web stream of chunks, pulled one by one. */
export function toReadableStream(chunks: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await iterator.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await iterator.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}
