/** Small things that configuration records of H.264 and HEVC share. */

/** Adds a parameter set, unless the very same is there already. */
export function addNalUnit(sets: Uint8Array[], nalUnit: Uint8Array): void {
  if (!sets.some((set) => equal(set, nalUnit))) sets.push(nalUnit);
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && a.every((byte, index) => byte === b[index]);
}

/** Two hexadecimal digits. */
export function hexByte(value: number): string {
  return value.toString(16).padStart(2, "0");
}
