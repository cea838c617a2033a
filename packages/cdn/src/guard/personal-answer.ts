/** Answers that are for one viewer alone. */

import type { RawResponse } from "../handler/raw.ts";

/** Fields by which caches decide. */
const CACHING = /^(?:cache-control|cdn-cache-control|surrogate-control|expires|age)$/;

/** The fields of an answer, marked as being for one viewer, without those that match. */
export function personalHeaders(headers: readonly string[], without?: RegExp): string[] {
  const fields: string[] = [];
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]!;
    if (!CACHING.test(name) && without?.test(name) !== true) fields.push(name, headers[at + 1]!);
  }
  fields.push("cache-control", "private, no-store");
  return fields;
}

/** The same answer with a cookie. Errors are left alone: what is wrong with a request need not last. */
export function withCookie(answer: RawResponse, cookie: string): RawResponse {
  if (answer.status >= 400) return answer;
  return { ...answer, headers: [...personalHeaders(answer.headers), "set-cookie", cookie] };
}
