/** Walks the boxes of an ISO base media file (ISO 14496-12 §4.2). */

import { readUint64 } from "../bytes/uint64.ts";
import { MediaError } from "../errors.ts";
import { fourCharacterText } from "./four-character-code.ts";

/** One box, as a view into the bytes it was read from. */
export interface Box {
  /** Four-character code, e.g. `moof`. Bytes outside ASCII are Latin-1. */
  readonly type: string;
  /** Of its first byte, in the bytes given. */
  readonly offset: number;
  /** Bytes, header included. */
  readonly size: number;
  /** What follows size and type; a full box's version and flags, and a `uuid` box's extended type, are part of it. */
  readonly body: Uint8Array;
  /** 0 for the outermost boxes. */
  readonly depth: number;
}

/** How far {@link readBoxes} goes. */
export interface ReadBoxesOptions {
  /** Levels of containers to enter: 0 lists the outermost boxes alone. Default: 0. At most {@link MAX_BOX_DEPTH}. */
  readonly depth?: number;
}

/** No box this package knows lies deeper. */
export const MAX_BOX_DEPTH = 16;

const CONTAINERS = new Set(
  "moov trak edts mdia minf dinf stbl mvex moof traf mfra udta sinf schi strk meco strd tref rinf".split(" "),
);

/**
 * The boxes of a file or of a box's body, in their order, a container before what it contains.
 *
 * Sizes of 64 bits and of 0 ("to the end") are understood. Nothing is copied, and a box inside is never larger than
 * the one around it.
 *
 * @throws {MediaError} `TRUNCATED` when a box says it is longer than what holds it; `MALFORMED` when it says it is
 * shorter than its own header.
 */
export function* readBoxes(bytes: Uint8Array, options: ReadBoxesOptions = {}): Generator<Box, void, undefined> {
  yield* walk(bytes, 0, 0, Math.min(options.depth ?? 0, MAX_BOX_DEPTH), 0);
}

/**
 * The boxes of a container's body. Up to seven bytes behind the last are no error: QuickTime ends some lists with
 * four zeros.
 */
export function childBoxes(body: Uint8Array): Generator<Box, void, undefined> {
  return walk(body, 0, 0, 0, 7);
}

function* walk(
  bytes: Uint8Array,
  base: number,
  depth: number,
  maxDepth: number,
  tail: number,
): Generator<Box, void, undefined> {
  const view = viewOf(bytes);
  let at = 0;
  while (bytes.length - at > tail) {
    const header = readBoxHeader(view, at, bytes.length - at);
    if (header === undefined)
      throw new MediaError("TRUNCATED", `${bytes.length - at} bytes at ${base + at} are too few for a box header`);
    const { headerSize } = header;
    const size = header.size === 0 ? bytes.length - at : header.size;
    const type = fourCharacterText(header.type);
    if (size > bytes.length - at) {
      throw new MediaError(
        "TRUNCATED",
        `box "${type}" at ${base + at} has ${size} bytes, of which ${bytes.length - at} are there`,
      );
    }
    const body = bytes.subarray(at + headerSize, at + size);
    yield { type, offset: base + at, size, body, depth };
    if (depth < maxDepth && CONTAINERS.has(type)) {
      yield* walk(body, base + at + headerSize, depth + 1, maxDepth, tail);
    }
    at += size;
  }
}

/** Size and type in front of a box. */
interface BoxHeader {
  /** With the header; 0: to the end of the file. */
  readonly size: number;
  readonly type: number;
  readonly headerSize: number;
}

/**
 * The header at `at`, or undefined while fewer than its 8 or 16 bytes are there.
 *
 * @throws {MediaError} `MALFORMED` for a size smaller than the header, `LIMIT_EXCEEDED` for one above 2^53.
 */
function readBoxHeader(view: DataView, at: number, available: number): BoxHeader | undefined {
  if (available < 8) return undefined;
  let size = view.getUint32(at);
  const type = view.getUint32(at + 4);
  let headerSize = 8;
  if (size === 1) {
    if (available < 16) return undefined;
    size = readUint64(view, at + 8);
    headerSize = 16;
    if (!Number.isSafeInteger(size))
      throw new MediaError("LIMIT_EXCEEDED", `box "${fourCharacterText(type)}" is larger than 2^53 bytes`);
    if (size === 0) throw new MediaError("MALFORMED", `box "${fourCharacterText(type)}" has a 64-bit size of 0`);
  }
  if (size !== 0 && size < headerSize) {
    throw new MediaError(
      "MALFORMED",
      `box "${fourCharacterText(type)}" is ${size} bytes long, shorter than its header`,
    );
  }
  return { size, type, headerSize };
}

/** A view of exactly these bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
