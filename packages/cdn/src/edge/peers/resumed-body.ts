/** A body that goes on from elsewhere where the peer that sent it died. */

import { letGo } from "../../handler/let-go.ts";
import { contentLengthOf, fieldOf } from "../../http/fields.ts";
import { contentRangeOf, versionOf } from "../slices/content-range.ts";
import type { UpstreamRequest, UpstreamResponse } from "../upstream/upstream.ts";

/** Options of {@link resumedBody}. */
export interface ResumedBodyOptions {
  readonly request: UpstreamRequest;
  readonly response: UpstreamResponse;
  /** Whether a body broke off because its peer is gone, and not because of the object. Never rejects. */
  readonly isGone: (error: unknown) => Promise<boolean>;
  /** Asks who is left. */
  readonly askAgain: (request: UpstreamRequest) => Promise<UpstreamResponse>;
}

/** The same answer, whose body goes on where another has the same version of the object; else it breaks off as it would have. */
export function resumedBody(options: ResumedBodyOptions): UpstreamResponse {
  const { response } = options;
  if (response.body === null || response.body instanceof Uint8Array) return response;
  if (response.status !== 200 && response.status !== 206) return response;
  return { ...response, body: resumed(options, response.body) };
}

async function* resumed(
  { request, response, isGone, askAgain }: ResumedBodyOptions,
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, undefined> {
  let sent = 0;
  let failure: unknown;
  try {
    for await (const chunk of body) {
      sent += chunk.byteLength;
      yield chunk;
    }
    return;
  } catch (error) {
    if (request.signal.aborted || !(await isGone(error))) throw error;
    failure = error;
  }
  const rest = await askAgain(requestFrom(request, response, sent)).catch(() => undefined);
  const skipped = rest === undefined ? undefined : bytesToSkip(response, rest, sent);
  if (rest === undefined || skipped === undefined) {
    if (rest !== undefined) letGo(rest.body);
    throw failure;
  }
  yield* skip(rest.body, skipped);
}

/** Asks for what is missing, where the versions of the object can be told apart. */
function requestFrom(request: UpstreamRequest, { headers }: UpstreamResponse, sent: number): UpstreamRequest {
  const { onInformational: _, ...quiet } = request;
  const version = versionOf(headers);
  if (version === undefined) return quiet;
  const range = contentRangeOf(headers);
  const fields = request.headers.filter((_field, at) => {
    const name = request.headers[at - (at % 2)]!;
    return name !== "range" && !name.startsWith("if-");
  });
  const wanted = `bytes=${(range?.first ?? 0) + sent}-${range?.last ?? ""}`;
  return { ...quiet, headers: [...fields, "range", wanted, "if-range", version] };
}

/** Bytes that an answer has of what was sent before; undefined where it is not about the same. */
function bytesToSkip(before: UpstreamResponse, rest: UpstreamResponse, sent: number): number | undefined {
  const version = versionOf(before.headers);
  if (versionOf(rest.headers) !== version) return undefined;
  const range = contentRangeOf(before.headers);
  if (rest.status === 206 && version !== undefined) {
    const got = contentRangeOf(rest.headers);
    const isRest = got?.first === (range?.first ?? 0) + sent && (range === undefined || got.last === range.last);
    return isRest ? 0 : undefined;
  }
  if (
    rest.status !== before.status ||
    fieldOf(rest.headers, "content-range") !== fieldOf(before.headers, "content-range")
  )
    return undefined;
  return isSameObject(before, rest) ? sent : undefined;
}

/** Whether two answers to the same request, without a version, must be the same: a part that is being made, which never changes. */
function isSameObject(before: UpstreamResponse, rest: UpstreamResponse): boolean {
  if (versionOf(before.headers) !== undefined) return true;
  const isImmutable = /\bimmutable\b/.test(fieldOf(before.headers, "cache-control") ?? "");
  return isImmutable && contentLengthOf(rest.headers) === contentLengthOf(before.headers);
}

async function* skip(body: UpstreamResponse["body"], bytes: number): AsyncGenerator<Uint8Array, undefined> {
  let left = bytes;
  const chunks = body instanceof Uint8Array ? [body] : (body ?? []);
  for await (const chunk of chunks) {
    if (left < chunk.byteLength) yield chunk.subarray(left);
    left = Math.max(0, left - chunk.byteLength);
  }
}
