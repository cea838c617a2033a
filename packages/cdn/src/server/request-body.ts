/** A request body as it arrives: bounded, and cut off where the client stops sending. */

import type { Readable } from "node:stream";
import { CdnError } from "../errors.ts";
import type { ServerLimits } from "./limits.ts";

/**
 * Chunks of a request body. Leaving the loop early leaves the stream as it is: its connection still has an answer to carry.
 *
 * @param onFirstRead - called when a handler first wants the body: where `100 Continue` is due.
 * @throws {CdnError} `BODY_TOO_LARGE`, `REQUEST_TIMEOUT`, or `ABORTED` when the client left.
 */
export async function* readBody(
  stream: Readable,
  limits: ServerLimits,
  onFirstRead?: () => void,
): AsyncGenerator<Uint8Array> {
  onFirstRead?.();
  let received = 0;
  const chunks: AsyncIterator<Uint8Array> = stream.iterator({ destroyOnReturn: false });
  for (;;) {
    const next = await within(limits.bodyTimeout, chunks.next());
    if (next.done) return;
    received += next.value.byteLength;
    if (received > limits.maxBodyBytes) throw bodyTooLarge(limits);
    yield next.value;
  }
}

/** What a body over the limit is answered. */
export function bodyTooLarge(limits: ServerLimits): CdnError {
  return new CdnError("BODY_TOO_LARGE", `the request body has more than ${limits.maxBodyBytes} bytes`);
}

async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const message = `no byte of the request body came for ${milliseconds} ms`;
    timer = setTimeout(() => reject(new CdnError("REQUEST_TIMEOUT", message)), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } catch (error) {
    if (error instanceof CdnError) throw error;
    throw new CdnError("ABORTED", "the client left before the end of its request", { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
