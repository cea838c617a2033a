/** The values that AMF0 and AMF3 share, as TypeScript sees them. */

/** A decoded AMF value. An ECMA array is a `Map`, so that it is written as one again; other objects are plain. */
export type AmfValue =
  | undefined
  | null
  | boolean
  | number
  | string
  | Date
  | Uint8Array
  | AmfObject
  | AmfEcmaArray
  | readonly AmfValue[];

/** An anonymous object. Decoded ones have no prototype, so that a key like `__proto__` means nothing. */
export interface AmfObject {
  readonly [key: string]: AmfValue;
}

/** An associative array. */
type AmfEcmaArray = ReadonlyMap<string, AmfValue>;

/** Nesting that a decoder follows. Real peers use three levels. */
export const DEFAULT_MAX_AMF_DEPTH = 16;

/** Values in one message, members of objects and arrays included. */
export const DEFAULT_MAX_AMF_VALUES = 4096;

/** Bounds of what a peer may make a decoder build. The size in bytes is bounded by the message. */
export interface AmfLimits {
  /** Default 16. */
  readonly maxDepth?: number;
  /** Default 4096. */
  readonly maxValues?: number;
}

/** True for a plain AMF object. */
function isAmfObject(value: AmfValue): value is AmfObject {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Date) &&
    !(value instanceof Map) &&
    !(value instanceof Uint8Array)
  );
}

/** A member of an object or ECMA array, undefined where there is none or the value is neither. */
export function amfMember(value: AmfValue, key: string): AmfValue {
  if (value instanceof Map) return (value as AmfEcmaArray).get(key);
  if (!isAmfObject(value)) return undefined;
  return Object.hasOwn(value, key) ? value[key] : undefined;
}
