/** A body that goes on from elsewhere where the peer that sent it died. */

import { letGo } from "../../handler/let-go.ts";
import { contentLengthOf, fieldOf } from "../../http/fields.ts";
import { contentRangeOf, versionOf } from "../slices/content-range.ts";
import { chunksOf } from "../upstream/chunks-of.ts";
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
  return { ...response, body: new ResumedBody(options, response.body) };
}

/** No generator: one that nobody began to read would leave its source open. */
class ResumedBody implements AsyncIterableIterator<Uint8Array> {
  readonly #options: ResumedBodyOptions;
  #source: AsyncIterator<Uint8Array>;
  #sent = 0;
  /** Bytes that come once more. */
  #repeated = 0;
  #askedAgain = false;
  #left = false;

  constructor(options: ResumedBodyOptions, body: AsyncIterable<Uint8Array>) {
    this.#options = options;
    this.#source = body[Symbol.asyncIterator]();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    for (;;) {
      const { done, value } = await this.#read();
      if (done) return { done, value: undefined };
      const skipped = Math.min(this.#repeated, value.byteLength);
      this.#repeated -= skipped;
      if (skipped === value.byteLength) continue;
      this.#sent += value.byteLength - skipped;
      return { done: false, value: value.subarray(skipped) };
    }
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#left = true;
    await this.#source.return?.();
    return { done: true, value: undefined };
  }

  async #read(): Promise<IteratorResult<Uint8Array>> {
    try {
      return await this.#source.next();
    } catch (error) {
      const { request, isGone } = this.#options;
      if (this.#askedAgain || request.signal.aborted || !(await isGone(error))) throw error;
      await this.#goOn(error);
      return await this.#source.next();
    }
  }

  /** @throws what broke it off, where nobody has what is missing. */
  async #goOn(failure: unknown): Promise<void> {
    const { request, response, askAgain } = this.#options;
    this.#askedAgain = true;
    const rest = await askAgain(requestFrom(request, response, this.#sent)).catch(() => undefined);
    const repeated = rest === undefined ? undefined : bytesToSkip(response, rest, this.#sent);
    if (rest === undefined || repeated === undefined || this.#left) {
      if (rest !== undefined) letGo(rest.body);
      throw failure;
    }
    this.#source = chunksOf(rest.body);
    this.#repeated = repeated;
  }
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
