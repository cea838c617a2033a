/** Small things that configuration records of H.264 and HEVC share. */

import { MediaError } from "../../errors.ts";

/** Parameter sets of one kind that a configuration is made of: far more than encoders write, few enough to compare all. */
const MAX_PARAMETER_SETS = 64;

/** Adds a parameter set, unless the very same is there already. */
export function addParameterSet(sets: Uint8Array[], nalUnit: Uint8Array): void {
  if (sets.some((set) => equal(set, nalUnit))) return;
  if (sets.length === MAX_PARAMETER_SETS) {
    throw new MediaError("LIMIT_EXCEEDED", `there are more than ${MAX_PARAMETER_SETS} parameter sets of one kind`);
  }
  sets.push(nalUnit);
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.byteLength !== b.byteLength) return false;
  for (let index = 0; index < a.byteLength; index++) if (a[index] !== b[index]) return false;
  return true;
}

/** Two hexadecimal digits. */
export function hexByte(value: number): string {
  return value.toString(16).padStart(2, "0");
}
