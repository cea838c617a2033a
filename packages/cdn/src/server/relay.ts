/** Writes a response body to a client with backpressure, and lets go of its source when the client leaves. */

import { CdnError } from "../errors.ts";

/** Where a body goes: an `http.ServerResponse`, an HTTP/2 stream, or part of a kept connection. */
export interface Sink {
  readonly destroyed: boolean;
  /** False: wait for `drain`. */
  write(chunk: Uint8Array): boolean;
  end(): void;
  once(event: "close" | "drain", listener: () => void): void;
  off(event: "close" | "drain", listener: () => void): void;
}

/** Whole bodies above this many bytes are handed over in pieces of it, so that a slow client's progress can be seen. */
export const MAX_WRITE_BYTES = 1024 * 1024;

/** Pieces of whole bytes, for a body too large to be handed over at once. */
export async function* inPieces(bytes: Uint8Array, length = MAX_WRITE_BYTES): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += length) yield bytes.subarray(at, at + length);
}

/**
 * Relays a body until its end.
 *
 * When the client leaves, `return()` of the source is called at once, even while a `next()` of it is pending: our own sources
 * settle that one then, a generator does so at its next chunk.
 *
 * @param length - what `Content-Length` promised; a body that differs is an error, and never looks complete to the client.
 * @param onWrite - told how many bytes are handed over, before they are.
 * @throws what the source throws, or {@link CdnError} `ABORTED` when the client left. The sink is not ended then.
 */
export async function relay(
  body: AsyncIterable<Uint8Array>,
  sink: Sink,
  length: number | undefined,
  onWrite?: (bytes: number) => void,
): Promise<void> {
  const source = body[Symbol.asyncIterator]();
  let sent = 0;
  let ended = false;
  let returned: Promise<unknown> | undefined;
  const letGo = (): void => {
    // A web stream that broke rejects its own cancelling with what next() has thrown already.
    returned ??= source.return?.().catch(() => {}) ?? Promise.resolve();
  };
  sink.once("close", letGo);
  try {
    while (!sink.destroyed) {
      const next = await source.next();
      if (next.done) {
        ended = true;
        break;
      }
      sent += next.value.byteLength;
      if (length !== undefined && sent > length) break;
      onWrite?.(next.value.byteLength);
      if (!sink.write(next.value) && !sink.destroyed) await drained(sink);
    }
  } finally {
    sink.off("close", letGo);
    if (!ended) letGo();
    await returned;
  }
  if (sink.destroyed) throw new CdnError("ABORTED", "the client left before the end of the answer");
  if (length !== undefined && sent !== length) {
    throw new CdnError("HANDLER_FAILED", `the body has ${ended ? sent : "more"} bytes, Content-Length says ${length}`);
  }
  sink.end();
}

function drained(sink: Sink): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      sink.off("drain", go);
      sink.off("close", go);
      resolve();
    };
    sink.once("drain", go);
    sink.once("close", go);
  });
}
