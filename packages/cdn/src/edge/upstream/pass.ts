/** A body on its way through: counted, and not waited for without end. */

import { CdnError } from "../../errors.ts";

/** Options of {@link passBody}. */
export interface PassOptions {
  /** Milliseconds to wait for the next chunk. */
  readonly timeout: number;
  readonly onBytes: (bytes: number) => void;
}

/** The same chunks, one by one as the reader wants them. */
export function passBody(
  chunks: AsyncIterable<Uint8Array>,
  { timeout, onBytes }: PassOptions,
): AsyncIterableIterator<Uint8Array> {
  const source = chunks[Symbol.asyncIterator]();
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_resolve, reject) => {
        const error = new CdnError("UPSTREAM_TIMEOUT", `no byte of the body came for ${timeout} ms`);
        timer = setTimeout(() => reject(error), timeout);
      });
      try {
        const next = await Promise.race([source.next(), late]);
        if (next.done) return { done: true, value: undefined };
        onBytes(next.value.byteLength);
        return next;
      } finally {
        clearTimeout(timer);
      }
    },
    async return() {
      await source.return?.();
      return { done: true, value: undefined };
    },
  };
}
