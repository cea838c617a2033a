/** Errors as clients see them: `{ "error": { "code", "message" } }`. */

import type { CdnErrorCode } from "../errors.ts";
import type { RawResponse } from "../handler/raw.ts";

/** An error answer. Never cached unless the headers given say otherwise. */
export function errorResponse(
  status: number,
  code: CdnErrorCode,
  message: string,
  headers: readonly string[] = [],
): RawResponse {
  const body = Buffer.from(JSON.stringify({ error: { code, message } }));
  const fields = ["content-type", "application/json", "content-length", String(body.byteLength), ...headers];
  if (!headers.includes("cache-control")) fields.push("cache-control", "no-store");
  return { status, headers: fields, body };
}
