/** The seam by which a body's chunks go back to the pool they came from. */

/**
 * Key under which a body may offer its chunks for the time that they are being sent.
 *
 * Whoever iterates such a body in the ordinary way may keep its chunks for as long as it likes: they are not used again. A server adapter
 * that knows when the kernel has taken a chunk asks for the lent ones instead, and gives each back.
 */
export const lentChunks: unique symbol = Symbol.for("@ami-streams/cdn.lentChunks");

/** Chunks that belong to somebody else. */
export interface LentChunks extends AsyncIterator<Uint8Array, undefined> {
  next(): Promise<IteratorResult<Uint8Array, undefined>>;
  return(): Promise<IteratorResult<Uint8Array, undefined>>;
  /**
   * Gives a chunk back, once nobody will read its bytes any more: in the callback of the write that it went to. It will have other bytes then.
   * What is never given back counts as lent until `return()`.
   */
  release(chunk: Uint8Array): void;
}

/** A body whose chunks can be lent. It is read once, one way or the other. */
export interface LentBody extends AsyncIterable<Uint8Array> {
  [lentChunks](): LentChunks;
}
