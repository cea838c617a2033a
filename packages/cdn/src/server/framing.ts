/** Where an answer's body ends (RFC 9112 §6.3), decided here for all protocols and never left to a handler's fields. */

import { isBodyless } from "../handler/convert.ts";
import type { RawResponse } from "../handler/raw.ts";
import { contentLengthOf } from "../http/fields.ts";

/** How a body's end is known: whole bytes or none have a length, what is still being made may have one. */
export interface Framing {
  /** Bytes of the body, as `Content-Length` says or as they are; undefined where that is not known yet. */
  readonly length: number | undefined;
  /** The handler's fields say the length. */
  readonly stated: boolean;
  /** No body is sent: the answer to HEAD, or one that has none. */
  readonly bodyless: boolean;
}

/**
 * Whether an answer of this status has no content whatever its fields say (RFC 9110 §15.3.5, §15.3.6): a length among them is left out. Some origins send
 * one.
 */
export function isEmptyByStatus(status: number): boolean {
  return status === 204 || status === 205;
}

/**
 * Reads the framing of an answer.
 *
 * @returns why the answer cannot be sent, where what follows it on the connection could be taken for its body or the reverse.
 */
export function framingOf({ status, headers, body }: RawResponse, method: string): Framing | string {
  // 1xx and upgrades belong to the adapters.
  if (!(Number.isInteger(status) && status >= 200 && status <= 999)) return `${status} is no final status`;
  if (isEmptyByStatus(status)) return { length: 0, stated: false, bodyless: true };
  const bodyless = body === null || method === "HEAD" || isBodyless(status);
  const length = contentLengthOf(headers);
  for (let at = 0, lengths = 0; at < headers.length; at += 2) {
    if (headers[at] !== "content-length") continue;
    lengths += 1;
    if (length === undefined || lengths > 1) return "its Content-Length is no length";
  }
  const stated = length !== undefined;
  if (method === "HEAD" || status === 304) return { length, stated, bodyless };
  const actual = bodyless ? 0 : body instanceof Uint8Array ? body.byteLength : undefined;
  if (stated && actual !== undefined && actual !== length) {
    return `its body has ${actual} bytes, its Content-Length says ${length}`;
  }
  return { length: length ?? actual, stated, bodyless };
}
