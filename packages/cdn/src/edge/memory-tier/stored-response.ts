/** A response as the memory tier holds it, with the answers made from it. */

import type { RawResponse } from "../../handler/raw.ts";
import { parseHttpDate, type Validators } from "../../http/conditional.ts";
import { fieldOf } from "../../http/fields.ts";
import type { Freshness } from "../freshness/freshness.ts";
import type { Sized } from "./memory-tier.ts";

/** What an entry costs besides body and header text: objects, maps, keys. */
const ENTRY_OVERHEAD = 1024;
/** A server adapter may keep a small body a second time, joined to its head. */
const JOINED_BYTES = 2048;

/** Smaller bodies are not counted while they are sent: a connection may have as much in its buffers anyway. */
const MIN_COUNTED_BYTES = 64 * 1024;

/** Immutable but for its memory of the last answer. */
export class StoredResponse implements Sized {
  readonly size: number;
  readonly status: number;
  /** End-to-end fields, `content-length` included; without `age`, `cache-status` and `via`. */
  readonly headers: readonly string[];
  /** `Cache-Status` members of the caches before this one. */
  readonly cacheStatus: string | undefined;
  readonly body: Uint8Array;
  readonly freshness: Freshness;
  readonly vary: readonly string[];
  readonly validators: Validators;
  #second = -1;
  #answer: RawResponse | undefined;
  #uses = 0;
  #onUnused: (() => void) | undefined;

  constructor(
    parts: Pick<StoredResponse, "status" | "headers" | "cacheStatus" | "body" | "freshness" | "vary">,
    keyLength: number,
  ) {
    this.status = parts.status;
    this.headers = parts.headers;
    this.cacheStatus = parts.cacheStatus;
    this.body = parts.body;
    this.freshness = parts.freshness;
    this.vary = parts.vary;
    this.validators = validatorsOf(parts.headers);
    let text = keyLength;
    for (const part of parts.headers) text += part.length;
    // Twice the text: the last answer's fields are kept, too.
    const joined = this.body.byteLength <= JOINED_BYTES ? this.body.byteLength : 0;
    this.size = this.body.byteLength + joined + 2 * text + ENTRY_OVERHEAD;
  }

  /** Gives back what one {@link use} took. */
  readonly release = (): void => {
    this.#uses -= 1;
    if (this.#uses > 0) return;
    const then = this.#onUnused;
    this.#onUnused = undefined;
    then?.();
  };

  /** Counts one more who sends its body. @returns how to count it off again, once; undefined where it is too small to count. */
  use(): (() => void) | undefined {
    if (this.body.byteLength < MIN_COUNTED_BYTES) return undefined;
    this.#uses += 1;
    return this.release;
  }

  whenUnused(then: () => void): boolean {
    if (this.#uses === 0) return false;
    this.#onUnused = then;
    return true;
  }

  /** The plain answer of this second, made by `make` when it is a new one: `Age` and `ttl` have whole seconds. */
  answerAt(second: number, make: () => RawResponse): RawResponse {
    if (this.#answer === undefined || this.#second !== second) {
      this.#answer = make();
      this.#second = second;
    }
    return this.#answer;
  }
}

/** Validators of a response head. */
export function validatorsOf(headers: readonly string[]): Validators {
  return { etag: fieldOf(headers, "etag"), lastModified: parseHttpDate(fieldOf(headers, "last-modified")) };
}
