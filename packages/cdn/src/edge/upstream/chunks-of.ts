/** Any body as chunks. */

import type { UpstreamResponse } from "./upstream.ts";

/** The chunks of a body, whole or not. Leaving them early leaves the body, begun or not: that of an async generator would not. */
export function chunksOf(body: UpstreamResponse["body"]): AsyncIterator<Uint8Array> {
  return body === null || body instanceof Uint8Array ? whole(body) : body[Symbol.asyncIterator]();
}

async function* whole(body: Uint8Array | null): AsyncGenerator<Uint8Array, undefined> {
  if (body !== null) yield body;
}
