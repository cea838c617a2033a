/** The segment type box `styp` (ISO 14496-12 §8.16.2). */

import { MediaError } from "../errors.ts";
import { STYP } from "./box-types.ts";
import { fourCharacterCode } from "./four-character-code.ts";

/**
 * What a run of bytes claims to be.
 *
 * `cmfs`, `cmff`, `cmfl`: a CMAF segment, fragment or chunk starts here (ISO 23000-19 §7.2); `lmsg`: the last segment
 * of the presentation; `msdh`, `msix`, `risx`, `dash`: DASH media segments (ISO 23009-1 §6.3.4).
 */
export type SegmentBrand = "cmfs" | "cmff" | "cmfl" | "lmsg" | "msdh" | "msix" | "risx" | "dash" | (string & {});

/**
 * A `styp` of its own; the first brand is the major one.
 *
 * @throws {MediaError} `INVALID_ARGUMENT` without a brand, or for one that is not four Latin-1 characters.
 */
export function writeSegmentType(brands: readonly SegmentBrand[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(segmentTypeSize(brands));
  putSegmentType(new DataView(bytes.buffer), 0, brands);
  return bytes;
}

/** @internal */
export function segmentTypeSize(brands: readonly SegmentBrand[]): number {
  return 16 + brands.length * 4;
}

/** @internal */
export function putSegmentType(view: DataView, offset: number, brands: readonly SegmentBrand[]): number {
  const [major] = brands;
  if (major === undefined) throw new MediaError("INVALID_ARGUMENT", "styp needs at least one brand");
  view.setUint32(offset, segmentTypeSize(brands));
  view.setUint32(offset + 4, STYP);
  view.setUint32(offset + 8, fourCharacterCode(major));
  view.setUint32(offset + 12, 0);
  let at = offset + 16;
  for (const brand of brands) {
    view.setUint32(at, fourCharacterCode(brand));
    at += 4;
  }
  return at;
}
