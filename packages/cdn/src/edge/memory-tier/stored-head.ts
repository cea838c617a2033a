/** A stored response's head as bytes, for what keeps it where it outlives the process: everything but its body. */

import { StoredResponse } from "./stored-response.ts";

/** Another version is not read. */
const VERSION = 1;

/** Clocks to tell its age by. */
export interface Clocks {
  /** Milliseconds, steady, of this process. */
  readonly now: number;
  /** Milliseconds since 1970 by the system's clock. */
  readonly systemTime: number;
}

/** The head of a response as bytes. */
export function encodeStoredHead(stored: StoredResponse): Uint8Array {
  const { key, status, headers, cacheStatus, freshness, vary, tags, generation, storedAt, upstream } = stored;
  const { receivedAt: _, ...times } = freshness;
  const head = { key, status, headers, cacheStatus, freshness: times, vary, tags, generation, storedAt, upstream };
  return Buffer.from(JSON.stringify({ version: VERSION, ...head }));
}

/**
 * The response again, as old as the system's clock says that it is by now. A clock that was put back in between makes it as old as it would
 * be too young.
 *
 * @param storageKey - what it is filed under.
 * @returns undefined for bytes of another version, or that are no head at all: whoever keeps them sees to it that they are whole.
 */
export function decodeStoredHead(
  bytes: Uint8Array,
  body: Uint8Array,
  storageKey: string,
  { now, systemTime }: Clocks,
): StoredResponse | undefined {
  let head: Omit<StoredResponse, "body"> & { readonly version?: number };
  try {
    head = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
  } catch {
    return undefined;
  }
  if (head?.version !== VERSION) return undefined;
  const { key, status, headers, cacheStatus, vary, tags, generation, storedAt, upstream } = head;
  const freshness = { ...head.freshness, receivedAt: now - Math.abs(systemTime - storedAt) };
  const parts = { key, status, headers, cacheStatus, vary, tags, generation, storedAt, upstream, freshness, body };
  return new StoredResponse(parts, storageKey);
}
