/** 64-bit fields as numbers: exact up to 2^53 - 1, without BigInt, which costs an allocation per timestamp. */

const HIGH = 2 ** 32;

/** Writes a safe integer ≥ 0 as 64 bits. */
export function writeUint64(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, Math.floor(value / HIGH));
  view.setUint32(offset + 4, value >>> 0);
}

/** Reads 64 bits; above 2^53 - 1 the result is not a safe integer, and the caller refuses it. */
export function readUint64(view: DataView, offset: number): number {
  return view.getUint32(offset) * HIGH + view.getUint32(offset + 4);
}
