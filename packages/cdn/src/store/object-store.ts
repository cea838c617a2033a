/** The store seam: keys and bytes. */

import { CdnError } from "../errors.ts";
import type { ByteRange } from "../http/range.ts";

/** What is known of an object without reading it. */
export interface ObjectMetadata {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** Strong, with its quotes: another body has another one. */
  readonly etag: string;
  readonly lastModified: Date;
  readonly contentType: string;
}

/** An object, or the part of it that was asked for. */
export interface StoredObject extends ObjectMetadata {
  /** Where `body` lies in the object; `end` is exclusive. */
  readonly range: { readonly start: number; readonly end: number };
  /** Opened when it is iterated, closed when the loop ends or is left. @throws {CdnError} `OBJECT_CHANGED`, `STORE_FAILED`. */
  readonly body: AsyncIterable<Uint8Array>;
  /** The same bytes, where the store has them in memory. Not to be changed. */
  readonly bytes?: Uint8Array;
}

/**
 * Objects by key: memory, a folder, an S3-compatible service.
 *
 * A key is a relative path of plain segments: none empty, none that starts with a dot, no control characters, backslashes or colons. A reader sees a whole object, the one before or the one after a
 * `put`, never a mixture.
 */
export interface ObjectStore {
  /**
   * An object, or part of one; null where there is none. Nothing is opened before its body is iterated.
   *
   * @throws {CdnError} `RANGE_NOT_SATISFIABLE` when `range.start` is not in the object, `INVALID_KEY`, `STORE_FAILED`.
   */
  get(
    key: string,
    options?: { readonly range?: ByteRange; readonly signal?: AbortSignal },
  ): Promise<StoredObject | null>;
  /** What is known of an object; null where there is none. */
  head(key: string, options?: { readonly signal?: AbortSignal }): Promise<ObjectMetadata | null>;
  /**
   * Stores an object whole, or not at all.
   *
   * @throws {CdnError} `STORE_FULL`, `INVALID_KEY`, `STORE_FAILED`, or what `body` throws.
   */
  put(
    key: string,
    body: Uint8Array | AsyncIterable<Uint8Array>,
    options?: { readonly contentType?: string; readonly signal?: AbortSignal },
  ): Promise<ObjectMetadata>;
  /** Returns whether there was one. */
  delete(key: string, options?: { readonly signal?: AbortSignal }): Promise<boolean>;
  /** Objects whose key starts with `prefix`, in the order of their keys' code units. Default prefix: all. */
  list(options?: { readonly prefix?: string; readonly signal?: AbortSignal }): AsyncIterable<ObjectMetadata>;
}

/** Longest key, in bytes of UTF-8: what S3 takes. */
export const MAX_KEY_BYTES = 1024;
/** Longest segment of a key, in bytes of UTF-8: what file systems take, less the room for a temporary name. */
export const MAX_SEGMENT_BYTES = 200;

/**
 * Checks that a key is a plain relative path: segments of 1 to 200 bytes, none of them starting with a dot, without backslash, colon
 * or control character.
 *
 * @throws {CdnError} `INVALID_KEY`.
 */
export function checkKey(key: string): void {
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) throw invalidKey(`has more than ${MAX_KEY_BYTES} bytes`);
  if (/\p{Surrogate}/u.test(key)) throw invalidKey("is not well-formed text");
  for (const segment of key.split("/")) {
    if (segment === "") throw invalidKey("is empty, or has an empty segment");
    if (segment.startsWith(".")) throw invalidKey("has a segment that starts with a dot");
    if (Buffer.byteLength(segment) > MAX_SEGMENT_BYTES)
      throw invalidKey(`has a segment over ${MAX_SEGMENT_BYTES} bytes`);
    for (const character of segment) {
      if (character < " " || character === "\x7f" || character === "\\" || character === ":") {
        throw invalidKey("has a control character, a backslash or a colon");
      }
    }
  }
}

/** Where `range` lies in an object of `size` bytes. @throws {CdnError} `RANGE_NOT_SATISFIABLE`. */
export function rangeWithin(range: ByteRange | undefined, size: number): { start: number; end: number } {
  if (range === undefined) return { start: 0, end: size };
  const { start, end = size } = range;
  if (!(Number.isSafeInteger(start) && start >= 0 && end > start) || start >= size) {
    throw new CdnError("RANGE_NOT_SATISFIABLE", `the object has ${size} bytes, none of them in ${start}-${end}`);
  }
  return { start, end: Math.min(end, size) };
}

function invalidKey(why: string): CdnError {
  return new CdnError("INVALID_KEY", `the key ${why}`);
}
