/** Bytes that never change: what a server may keep a copy of, and send again from it. */

/** Below, a copy saves nothing. */
export const MIN_STILL_BYTES = 32 * 1024;

const still = new WeakSet<ArrayBufferLike>();

/**
 * Says of bytes, and of all others in the same buffer, that nobody will ever write to them again.
 *
 * Bytes that are lent, from a pool say, must not be marked: who has them next would be sent the wrong ones.
 */
export function markStill({ buffer, byteLength }: Uint8Array): void {
  // The rest of a much larger buffer is somebody else's.
  if (byteLength >= MIN_STILL_BYTES && buffer.byteLength <= byteLength * 2) still.add(buffer);
}

/** Whether {@link markStill} was said of a buffer. */
export function isStill(buffer: ArrayBufferLike): boolean {
  return still.has(buffer);
}
