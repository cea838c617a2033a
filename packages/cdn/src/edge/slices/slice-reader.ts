/** The bytes of a range, slice by slice as its reader wants them, each asked for while the one before is read. */

import { CdnError } from "../../errors.ts";
import { type Asked, leaveSlice, type NoSlice, type Slice, type Slices } from "./slices.ts";

/** Options of {@link readSlices}. */
export interface SliceReadOptions {
  readonly slices: Slices;
  readonly asked: Asked;
  /** The slice that the range starts in. */
  readonly first: Slice;
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
  readonly onBytes: (bytes: number) => void;
}

/** Leaving it leaves the slices under way. Fails with `OBJECT_CHANGED` where a slice is of another version than the first. */
export function readSlices(options: SliceReadOptions): AsyncIterableIterator<Uint8Array> {
  const { slices, asked, first, start, end, onBytes } = options;
  const { sliceBytes } = slices;
  const last = Math.floor((end - 1) / sliceBytes);
  let index = Math.floor(start / sliceBytes);
  let slice: Slice | undefined = first;
  let chunks: AsyncIterator<Uint8Array> | undefined;
  let next: Promise<Slice | NoSlice> | undefined;
  let closed = false;

  const ask = (at: number): Promise<Slice | NoSlice> | undefined => {
    if (at > last) return undefined;
    const promise = slices.slice(asked, at, first.object);
    promise.catch(() => {});
    return promise;
  };
  const close = (): void => {
    if (closed) return;
    closed = true;
    void chunks?.return?.();
    if (slice !== undefined) leaveSlice(slice);
    next?.then(leaveSlice, () => {});
  };
  const advance = async (): Promise<boolean> => {
    if (slice !== undefined) leaveSlice(slice);
    slice = undefined;
    chunks = undefined;
    if (next === undefined) return false;
    const got = await next;
    next = undefined;
    if (closed) {
      leaveSlice(got);
      return false;
    }
    slice = sameObject(got, first);
    index += 1;
    return true;
  };
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      try {
        while (!closed) {
          if (chunks === undefined && slice !== undefined) {
            next = ask(index + 1);
            const from = Math.max(start - index * sliceBytes, 0);
            chunks = chunksOf(slice, from, Math.min(end - index * sliceBytes, sliceBytes));
          }
          const result = await chunks?.next();
          if (closed) break;
          if (result !== undefined && !result.done) {
            onBytes(result.value.byteLength);
            return result;
          }
          if (!(await advance())) break;
        }
        close();
        return { done: true, value: undefined };
      } catch (error) {
        close();
        throw error;
      }
    },
    async return() {
      close();
      return { done: true, value: undefined };
    },
  };
}

function chunksOf({ stored, boarded }: Slice, start: number, end: number): AsyncIterator<Uint8Array> {
  if (boarded !== undefined) return boarded.flight.fill.body.read({ start, end });
  let bytes = stored?.body.subarray(start, end);
  return {
    async next() {
      const value = bytes;
      bytes = undefined;
      return value === undefined ? { done: true, value: undefined } : { done: false, value };
    },
  };
}

function sameObject(got: Slice | NoSlice, { object: { version, total } }: Slice): Slice {
  if (typeof got === "object" && "object" in got) {
    if (got.object.version === version && got.object.total === total) return got;
  }
  leaveSlice(got);
  throw new CdnError("OBJECT_CHANGED", "the object is another one since its first slice was sent");
}
