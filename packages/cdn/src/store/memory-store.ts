/** Objects in memory, bounded in bytes. */

import { createHash } from "node:crypto";
import { CdnError } from "../errors.ts";
import { mediaTypeOf } from "../http/media-type.ts";
import { above0, callable, checkOptions } from "../options/check-options.ts";
import { checkKey, type ObjectMetadata, type ObjectStore, rangeWithin } from "./object-store.ts";

/** 256 MiB of bodies. */
export const DEFAULT_MEMORY_STORE_BYTES = 256 * 1024 * 1024;

/** Options of {@link createMemoryStore}. */
export interface MemoryStoreOptions {
  /** Bytes of all bodies together. A `put` beyond it fails with `STORE_FULL`: a store forgets nothing by itself. Default 256 MiB. */
  readonly maxBytes?: number;
  /** Time of `lastModified`, milliseconds. Default `Date.now`. */
  readonly clock?: () => number;
}

/** An {@link ObjectStore} that lives as long as its process. */
export function createMemoryStore(options: MemoryStoreOptions = {}): ObjectStore {
  checkOptions("createMemoryStore", options, { maxBytes: above0("bytes"), clock: callable });
  const { maxBytes = DEFAULT_MEMORY_STORE_BYTES, clock = Date.now } = options;
  const objects = new Map<string, { metadata: ObjectMetadata; bytes: Uint8Array }>();
  let used = 0;

  return {
    async get(key, { range, signal } = {}) {
      signal?.throwIfAborted();
      checkKey(key);
      const object = objects.get(key);
      if (object === undefined) return null;
      const place = rangeWithin(range, object.bytes.byteLength);
      const bytes = object.bytes.subarray(place.start, place.end);
      return { ...object.metadata, range: place, bytes, body: once(bytes) };
    },
    async head(key, { signal } = {}) {
      signal?.throwIfAborted();
      checkKey(key);
      return objects.get(key)?.metadata ?? null;
    },
    async put(key, body, { contentType = mediaTypeOf(key), signal } = {}) {
      signal?.throwIfAborted();
      checkKey(key);
      const room = maxBytes - used + (objects.get(key)?.bytes.byteLength ?? 0);
      const bytes = body instanceof Uint8Array ? new Uint8Array(body) : await collect(body, room, signal);
      const before = objects.get(key)?.bytes.byteLength ?? 0;
      if (used - before + bytes.byteLength > maxBytes) throw full(maxBytes);
      const metadata: ObjectMetadata = {
        key,
        size: bytes.byteLength,
        etag: `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 27)}"`,
        lastModified: new Date(clock()),
        contentType,
      };
      used += bytes.byteLength - before;
      objects.set(key, { metadata, bytes });
      return metadata;
    },
    async delete(key, { signal } = {}) {
      signal?.throwIfAborted();
      checkKey(key);
      used -= objects.get(key)?.bytes.byteLength ?? 0;
      return objects.delete(key);
    },
    async *list({ prefix = "", signal } = {}) {
      for (const key of [...objects.keys()].filter((name) => name.startsWith(prefix)).sort()) {
        signal?.throwIfAborted();
        const object = objects.get(key);
        if (object !== undefined) yield object.metadata;
      }
    },
  };
}

async function collect(
  body: AsyncIterable<Uint8Array>,
  room: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    signal?.throwIfAborted();
    size += chunk.byteLength;
    if (size > room) throw full(room);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.byteLength > 0) yield bytes;
}

function full(maxBytes: number): CdnError {
  return new CdnError("STORE_FULL", `the store may hold ${maxBytes} bytes: delete something or raise maxBytes`);
}
