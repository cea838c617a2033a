/** A request's body as text, with a bound. */

import { CdnError } from "../../errors.ts";

/**
 * Reads it to its end.
 *
 * @throws {CdnError} `BODY_TOO_LARGE`.
 */
export async function readText(request: Request, maxBytes: number): Promise<string> {
  const tooLarge = (): CdnError => new CdnError("BODY_TOO_LARGE", `the request body has more than ${maxBytes} bytes`);
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLarge();
  if (request.body === null) return "";
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body) {
    length += chunk.byteLength;
    if (length > maxBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
