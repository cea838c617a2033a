/** Objects of a store over HTTP: ranges, conditional requests, caching fields. */

import { CdnError } from "../errors.ts";
import { bytesResponse } from "../handler/bytes-response.ts";
import { toReadableStream } from "../handler/convert.ts";
import { evaluatePreconditions, formatHttpDate, ifRangeHolds } from "../http/conditional.ts";
import { parseRange, resolveRange } from "../http/range.ts";
import type { ObjectMetadata, ObjectStore } from "../store/object-store.ts";

/** Playlists may be replaced, so they are asked for again; everything else of a recording keeps for a day. */
export interface VodCaching {
  /** `Cache-Control` of `.m3u8` and `.mpd`. Default `public, max-age=10`. */
  readonly playlists?: string;
  /** `Cache-Control` of everything else. Default `public, max-age=86400`. */
  readonly media?: string;
}

/**
 * Answers GET and HEAD of one object.
 *
 * @throws {CdnError} `NOT_FOUND`, `RANGE_NOT_SATISFIABLE` (as a 416 response instead), and what the store throws.
 */
export async function serveObject(
  store: ObjectStore,
  key: string,
  request: Request,
  caching: VodCaching,
): Promise<Response> {
  const metadata = await store.head(key, { signal: request.signal });
  if (metadata === null) throw new CdnError("NOT_FOUND", "there is no such object");
  const fields = Object.fromEntries(request.headers);
  const validators = { etag: metadata.etag, lastModified: metadata.lastModified.getTime() };
  const headers = headersOf(metadata, caching);
  const condition = evaluatePreconditions(fields, validators);
  if (condition !== 200) return new Response(null, { status: condition, headers });

  const asked = parseRange(ifRangeHolds(fields, validators) ? fields.range : undefined);
  const range = resolveRange(asked, metadata.size);
  if (range === null) return notSatisfiable(metadata.size);
  const partial = asked.kind !== "whole";
  if (partial) headers["content-range"] = `bytes ${range.start}-${range.end - 1}/${metadata.size}`;
  headers["content-length"] = String(range.end - range.start);
  const init = { status: partial ? 206 : 200, headers };
  if (request.method === "HEAD" || range.end === range.start) return new Response(null, init);

  const object = await store.get(key, partial ? { range, signal: request.signal } : { signal: request.signal });
  if (object === null || object.etag !== metadata.etag) {
    throw new CdnError("OBJECT_CHANGED", "the object was replaced while it was asked for: ask again");
  }
  if (object.bytes !== undefined) return bytesResponse(object.bytes, init);
  return new Response(toReadableStream(object.body), init);
}

function headersOf(metadata: ObjectMetadata, caching: VodCaching): Record<string, string> {
  const { playlists = "public, max-age=10", media = "public, max-age=86400" } = caching;
  return {
    "accept-ranges": "bytes",
    "cache-control": /\.(?:m3u8|mpd)$/i.test(metadata.key) ? playlists : media,
    "content-type": metadata.contentType,
    etag: metadata.etag,
    "last-modified": formatHttpDate(metadata.lastModified.getTime()),
    "x-content-type-options": "nosniff",
  };
}

function notSatisfiable(size: number): Response {
  const error = { code: "RANGE_NOT_SATISFIABLE", message: `the object has ${size} bytes, none of them in that range` };
  return Response.json(
    { error },
    { status: 416, headers: { "content-range": `bytes */${size}`, "cache-control": "no-store" } },
  );
}
