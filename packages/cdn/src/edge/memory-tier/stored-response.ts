/** A response as the memory tier holds it, with the answers made from it. */

import type { RawResponse } from "../../handler/raw.ts";
import { markStill } from "../../handler/still-bytes.ts";
import { parseHttpDate, type Validators } from "../../http/conditional.ts";
import { fieldOf } from "../../http/fields.ts";
import type { Freshness } from "../freshness/freshness.ts";
import type { Sized } from "./memory-tier.ts";

/** What an entry costs besides body and header text: objects, maps, keys, 1.4 KiB of them measured, and the head that a server keeps. */
const ENTRY_OVERHEAD = 2048;
/** A server adapter may keep a small body a second time, joined to its head. */
const JOINED_BYTES = 2048;

/** Smaller bodies are not counted while they are sent: a connection may have as much in its buffers anyway. */
const MIN_COUNTED_BYTES = 64 * 1024;

/** Fields for caches alone, which clients have no use for. */
const FOR_CACHES = new Set(["surrogate-key", "cache-tag", "surrogate-control"]);

/** What a {@link StoredResponse} is made of. */
export type StoredParts = Pick<
  StoredResponse,
  | "key"
  | "status"
  | "headers"
  | "cacheStatus"
  | "body"
  | "freshness"
  | "vary"
  | "tags"
  | "generation"
  | "storedAt"
  | "upstream"
> & {
  /** Default false. */
  readonly isCopy?: boolean;
};

/** Immutable but for its memory of the last answer, and of the purges it has outlived. */
export class StoredResponse implements Sized {
  readonly size: number;
  /** Canonical target: what purges name. */
  readonly key: string;
  readonly status: number;
  /** End-to-end fields, `content-length` included; without `age`, `cache-status` and `via`. */
  readonly headers: readonly string[];
  /** `Cache-Status` members of the caches before this one. */
  readonly cacheStatus: string | undefined;
  readonly body: Uint8Array;
  readonly freshness: Freshness;
  readonly vary: readonly string[];
  readonly validators: Validators;
  /** From `Surrogate-Key`, `Cache-Tag` and `Cache-Groups`. */
  readonly tags: readonly string[];
  /** Of the purge log when its fill started. */
  readonly generation: number;
  /** Of the purge log when it was last judged to hold. */
  judgedAt: number;
  /** Milliseconds since 1970 by the system's clock when its head arrived: what tells its age after a restart. */
  readonly storedAt: number;
  /** Name of the upstream that it came from. */
  readonly upstream: string | undefined;
  /** A peer holds it. */
  readonly isCopy: boolean;
  #second = -1;
  #answer: RawResponse | undefined;
  #uses = 0;
  #onUnused: (() => void) | undefined;

  /** @param storageKey - what it is filed under, which it keeps alive. */
  constructor(parts: StoredParts, storageKey: string) {
    this.key = parts.key;
    this.status = parts.status;
    this.headers = parts.headers;
    this.cacheStatus = parts.cacheStatus;
    this.body = parts.body;
    markStill(parts.body);
    this.freshness = parts.freshness;
    this.vary = parts.vary;
    this.tags = parts.tags;
    this.generation = parts.generation;
    this.judgedAt = parts.generation;
    this.storedAt = parts.storedAt;
    this.upstream = parts.upstream;
    this.isCopy = parts.isCopy ?? false;
    this.validators = validatorsOf(parts.headers);
    let text = storageKey.length;
    for (const part of parts.headers) text += part.length;
    for (const tag of parts.tags) text += tag.length;
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

  /** The plain answer of this second, if it was made already: `Age` and `ttl` have whole seconds. */
  answerAt(second: number): RawResponse | undefined {
    return this.#second === second ? this.#answer : undefined;
  }

  /** Keeps an answer for as long as its second lasts. */
  remember(second: number, answer: RawResponse): RawResponse {
    this.#answer = answer;
    this.#second = second;
    return answer;
  }
}

/** Fields without those that are for caches alone; the same list where there are none. */
export function withoutCacheFields(headers: readonly string[]): readonly string[] {
  let fields: string[] | undefined;
  for (let at = 0; at < headers.length; at += 2) {
    if (FOR_CACHES.has(headers[at]!)) fields ??= headers.slice(0, at);
    else if (fields !== undefined) fields.push(headers[at]!, headers[at + 1]!);
  }
  return fields ?? headers;
}

/** Validators of a response head. */
export function validatorsOf(headers: readonly string[]): Validators {
  return {
    etag: fieldOf(headers, "etag"),
    lastModified: parseHttpDate(fieldOf(headers, "last-modified")),
    date: parseHttpDate(fieldOf(headers, "date")),
  };
}
