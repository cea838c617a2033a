/** Writes a viewer's token into the links of playlists, for players and networks that need every URL signed. */

import type { CdnErrorCode } from "../../errors.ts";
import { letGo } from "../../handler/let-go.ts";
import type { RawRequest, RawResponse } from "../../handler/raw.ts";
import { isNotModified } from "../../http/conditional.ts";
import { fieldOf } from "../../http/fields.ts";
import type { Answerer } from "../guard.ts";
import { PassedRequest, withHeader } from "../passed-request.ts";
import { personalHeaders } from "../personal-answer.ts";
import { createRefusal } from "../refusal.ts";
import { cutDash } from "./dash-links.ts";
import { cutHls } from "./hls-links.ts";

/** 4 MiB: longer playlists are answered 502, as a player could not go on from one without tokens. */
export const MAX_PLAYLIST_BYTES = 4 * 1024 * 1024;

const HLS = /^(?:application\/vnd\.apple\.mpegurl|(?:application|audio)\/(?:x-)?mpegurl)\s*(?:;|$)/i;
const DASH = /^application\/dash\+xml\s*(?:;|$)/i;
/** Fields about the bytes of the body, which become others. */
const CONTENT = /^(?:content-length|content-md5|content-digest|repr-digest|digest|etag|last-modified|accept-ranges)$/;
const BODILY = /^content-/;

/** Whose playlist it is. */
export interface PlaylistViewer {
  readonly token: string;
  readonly paths: readonly string[];
  /** Name of the query parameter. */
  readonly param: string;
}

interface Cut {
  readonly key: string;
  readonly pieces: readonly string[];
}

/** Playlists in pieces, for as long as a cache keeps their bytes: of many viewers' playlists, only the tokens differ. */
const cuts = new WeakMap<Uint8Array, Cut>();

const refuse = createRefusal({
  status: 502,
  code: "PLAYLIST_NOT_REWRITABLE" satisfies CdnErrorCode,
  message: `the playlist is encoded, or longer than ${MAX_PLAYLIST_BYTES} bytes, and tokens cannot be written into it`,
});

/**
 * Answers with tokens in the links of playlists; everything else passes as it is.
 *
 * The whole playlist is written anew, so a range of it is answered with all of it, its `ETag` is a weak one of this token, and the answer is
 * `private, no-store`.
 */
export function answerRewritten(
  request: RawRequest,
  viewer: PlaylistViewer,
  next: Answerer,
): RawResponse | Promise<RawResponse> {
  const answer = next(request);
  return answer instanceof Promise
    ? answer.then((raw) => rewrite(request, raw, viewer, next))
    : rewrite(request, answer, viewer, next);
}

function rewrite(
  request: RawRequest,
  answer: RawResponse,
  viewer: PlaylistViewer,
  next: Answerer,
): RawResponse | Promise<RawResponse> {
  if (!isPlaylist(answer)) return answer;
  if (answer.status === 200 && isReadable(answer)) return write(request, answer, viewer);
  drop(answer);
  return rewriteWhole(request, viewer, next);
}

function isPlaylist({ status, headers }: RawResponse): boolean {
  if (status !== 200 && status !== 206) return false;
  const type = fieldOf(headers, "content-type");
  return type !== undefined && (HLS.test(type) || DASH.test(type));
}

function isReadable({ headers }: RawResponse): boolean {
  const encoding = fieldOf(headers, "content-encoding");
  return encoding === undefined || encoding === "identity";
}

/** Asks again, for all of it and as it is. */
async function rewriteWhole(request: RawRequest, viewer: PlaylistViewer, next: Answerer): Promise<RawResponse> {
  let { headers } = request;
  for (const name of ["range", "if-range", "accept-encoding"]) headers = withHeader(headers, name, undefined);
  const whole = await next(new PassedRequest(request, { headers }));
  if (!isPlaylist(whole)) return whole;
  if (whole.status === 200 && isReadable(whole)) return write(request, whole, viewer);
  drop(whole);
  return refuse();
}

function write(request: RawRequest, answer: RawResponse, viewer: PlaylistViewer): RawResponse | Promise<RawResponse> {
  const { status, body, about } = answer;
  const headers = personalHeaders(answer.headers, CONTENT);
  const etag = etagOf(fieldOf(answer.headers, "etag"), viewer.token);
  if (etag !== undefined) headers.push("etag", etag);
  if (etag !== undefined && isNotModified(request.headers, { etag })) {
    drop(answer);
    const kept = headers.flatMap((name, at) => (at % 2 === 0 && !BODILY.test(name) ? [name, headers[at + 1]!] : []));
    return { status: 304, headers: kept, body: null, ...(about && { about }) };
  }
  if (body === null || request.method === "HEAD") {
    drop(answer);
    return { status, headers, body: null, ...(about && { about }) };
  }
  const isDash = DASH.test(fieldOf(answer.headers, "content-type") ?? "");
  const finish = (bytes: Uint8Array | undefined): RawResponse => {
    answer.release?.();
    if (bytes === undefined) return refuse();
    const written = Buffer.from(cutOf(bytes, isDash, request, viewer).join(viewer.token));
    headers.push("content-length", String(written.byteLength));
    return { status, headers, body: written, ...(about && { about }) };
  };
  if (!(body instanceof Uint8Array)) return collect(body).then(finish);
  return finish(body.byteLength > MAX_PLAYLIST_BYTES ? undefined : body);
}

function cutOf(bytes: Uint8Array, isDash: boolean, { origin, target }: RawRequest, viewer: PlaylistViewer) {
  const { paths, param } = viewer;
  const base = origin + target;
  const key = [base, param, ...paths].join("\n");
  const known = cuts.get(bytes);
  if (known?.key === key) return known.pieces;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
  const pieces = (isDash ? cutDash : cutHls)(text, { base, paths, param });
  cuts.set(bytes, { key, pieces });
  return pieces;
}

/** All bytes; undefined where there are more than a playlist may have. */
async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array | undefined> {
  const collected: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.byteLength;
    if (length > MAX_PLAYLIST_BYTES) return undefined;
    collected.push(chunk);
  }
  return Buffer.concat(collected, length);
}

/** Weak, as the bytes are not the origin's; another for each token, as the links are. */
function etagOf(etag: string | undefined, token: string): string | undefined {
  const opaque = etag === undefined ? undefined : /^(?:W\/)?"([^"]*)"$/.exec(etag)?.[1];
  return opaque === undefined ? undefined : `W/"${opaque}.${token.slice(-16)}"`;
}

function drop({ body, release }: RawResponse): void {
  letGo(body);
  release?.();
}
