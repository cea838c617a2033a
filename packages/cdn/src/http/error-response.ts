/** Errors as clients see them: `{ "error": { "code", "message" } }`. */

import type { CdnErrorCode } from "../errors.ts";
import type { RawResponse } from "../handler/raw.ts";

/** Body of every error answer. */
export function errorBody(code: CdnErrorCode, message: string): Uint8Array {
  return Buffer.from(JSON.stringify({ error: { code, message } }));
}

/** An error answer. Never cached unless the headers given say otherwise. */
export function errorResponse(
  status: number,
  code: CdnErrorCode,
  message: string,
  headers: readonly string[] = [],
): RawResponse {
  const body = errorBody(code, message);
  const fields = ["content-type", "application/json", "content-length", String(body.byteLength), ...headers];
  if (!headers.includes("cache-control")) fields.push("cache-control", "no-store");
  return { status, headers: fields, body };
}
