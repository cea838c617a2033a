/** Hears when an answer has been handed over, without holding it up. */

import { CdnError } from "../errors.ts";
import type { RawRequest, RawResponse } from "../handler/raw.ts";

/**
 * Told how an answer ended: bytes of the body that were handed to the client's connection, and whether those were all.
 *
 * Whole bodies of up to {@link MAX_WHOLE_BYTES} count as sent: whether a client took the end of one, only its connection knows.
 */
export type OnEnd = (bytes: number, complete: boolean) => void;

/** Larger bodies are given out in pieces, so that it is known how far a slow client came. As large as what the server writes at a time. */
export const MAX_WHOLE_BYTES = 1024 * 1024;

/** Bytes of a body that is handed over in one go; undefined where it is not. */
export function bytesAtOnce({ body }: RawResponse, method: string): number | undefined {
  if (body === null || method === "HEAD") return 0;
  return body instanceof Uint8Array && body.byteLength <= MAX_WHOLE_BYTES ? body.byteLength : undefined;
}

/** The same answer, whose body tells when it ends. Header arrays stay the same, because servers remember what they made of them. */
export function withEnd(answer: RawResponse, method: string, onEnd: OnEnd): RawResponse {
  const { body, release } = answer;
  if (body === null || method === "HEAD") {
    onEnd(0, true);
    return answer;
  }
  if (body instanceof Uint8Array && body.byteLength <= MAX_WHOLE_BYTES) {
    const bytes = body.byteLength;
    const released = (): void => {
      onEnd(bytes, true);
      release?.();
    };
    return { ...answer, release: released };
  }
  return { ...answer, body: new CountedBody(body instanceof Uint8Array ? inPieces(body) : body, onEnd) };
}

/** As above, for whoever only wants to know of bodies that take time: `bytesAtOnce` has told of the others. */
export function withCountedBody(answer: RawResponse, onEnd: OnEnd): RawResponse {
  const { body } = answer;
  if (body === null) return answer;
  return { ...answer, body: new CountedBody(body instanceof Uint8Array ? inPieces(body) : body, onEnd) };
}

/** What the server answers where the handler fails: for logs and counts, without a body. */
export function failedAnswer(request: RawRequest, error: unknown): RawResponse {
  const code = error instanceof CdnError ? error.code : "HANDLER_FAILED";
  let status = 500;
  if (code === "BODY_TOO_LARGE") status = 413;
  else if (code === "REQUEST_TIMEOUT") status = 408;
  else if (request.signal.aborted) status = 499;
  return { status, headers: [], body: null, about: { outcome: "error", reason: status === 499 ? "ABORTED" : code } };
}

async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += MAX_WHOLE_BYTES) yield bytes.subarray(at, at + MAX_WHOLE_BYTES);
}

/** Counts what passes. Leaving goes straight through to the source, even while a chunk is pending. */
class CountedBody implements AsyncIterableIterator<Uint8Array> {
  readonly #source: AsyncIterator<Uint8Array>;
  #onEnd: OnEnd | undefined;
  #bytes = 0;

  constructor(body: AsyncIterable<Uint8Array>, onEnd: OnEnd) {
    this.#source = body[Symbol.asyncIterator]();
    this.#onEnd = onEnd;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    let result: IteratorResult<Uint8Array>;
    try {
      result = await this.#source.next();
    } catch (error) {
      this.#end(false);
      throw error;
    }
    if (result.done === true) this.#end(true);
    else this.#bytes += result.value.byteLength;
    return result;
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    this.#end(false);
    await this.#source.return?.();
    return { done: true, value: undefined };
  }

  #end(complete: boolean): void {
    const tell = this.#onEnd;
    this.#onEnd = undefined;
    tell?.(this.#bytes, complete);
  }
}
