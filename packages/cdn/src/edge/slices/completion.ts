/** Asking for what is missing of an object whose beginning is here, and handing on both as one (RFC 9111 §3.4). */

import { letGo } from "../../handler/let-go.ts";
import { refreshHeaders, without } from "../fill/response-head.ts";
import type { StoredResponse } from "../memory-tier/stored-response.ts";
import { chunksOf } from "../upstream/chunks-of.ts";
import type { Upstream, UpstreamRequest, UpstreamResponse } from "../upstream/upstream.ts";
import { contentRangeOf, versionOf } from "./content-range.ts";

/** What is here of an object. */
type Part = Pick<StoredResponse, "headers" | "body">;

/** Where what is missing of an object begins; undefined where what is here is no beginning. */
export function missingAfter(part: Part): number | undefined {
  const range = contentRangeOf(part.headers);
  if (range === undefined || range.first !== 0 || range.total === undefined) return undefined;
  return part.body.byteLength < range.total ? part.body.byteLength : undefined;
}

/**
 * Asks for the rest of an object, and gives the whole as if it had been asked for. Where the upstream has another version by now, or one that
 * cannot be told from it, the beginning does not count.
 */
export async function sendForRest(upstream: Upstream, request: UpstreamRequest, part: Part): Promise<UpstreamResponse> {
  const start = part.body.byteLength;
  const version = versionOf(part.headers);
  const headers = [...request.headers, "range", `bytes=${start}-`];
  if (version !== undefined) headers.push("if-range", version);
  const rest = await upstream.send({ ...request, headers });
  if (rest.status !== 206) return rest;
  const range = contentRangeOf(rest.headers);
  const total = contentRangeOf(part.headers)?.total;
  const isRest = range?.first === start && range.total === total && range.last === range.total! - 1;
  if (!isRest || version === undefined || versionOf(rest.headers) !== version) {
    letGo(rest.body);
    return await upstream.send(request);
  }
  const fields = without(refreshHeaders(part.headers, rest.headers), ["content-range", "content-length"]);
  return {
    ...rest,
    status: 200,
    headers: [...fields, "content-length", String(total)],
    body: joined(part.body, rest.body),
  };
}

function joined(beginning: Uint8Array, rest: UpstreamResponse["body"]): AsyncIterableIterator<Uint8Array> {
  const source = chunksOf(rest);
  let begun = false;
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      if (begun) return await source.next();
      begun = true;
      return { done: false, value: beginning };
    },
    async return() {
      begun = true;
      await source.return?.();
      return { done: true, value: undefined };
    },
  };
}
