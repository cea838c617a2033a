/** Closing what nobody reads any more. */

import type { RawResponse } from "./raw.ts";

/** Closes a body that nobody will read. */
export function letGo(body: RawResponse["body"]): void {
  if (body !== null && !(body instanceof Uint8Array)) leave(body[Symbol.asyncIterator]());
}

/** Closes a source of chunks. What its closing fails with tells nobody anything: a web stream that broke rejects its own cancelling. */
export function leave(source: AsyncIterator<Uint8Array>): void {
  source.return?.()?.catch(() => {});
}
