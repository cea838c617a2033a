/** Decodes AMF3 (Adobe, "Action Message Format - AMF 3", 2013). Peers send little of it: after an AMF0 `avmplus` marker. */

import { IngestError } from "../../errors.ts";
import { type AmfLimits, type AmfValue, DEFAULT_MAX_AMF_DEPTH, DEFAULT_MAX_AMF_VALUES } from "../amf0/amf-value.ts";

/** Type markers (§3.1). */
export const Amf3Marker = {
  Undefined: 0,
  Null: 1,
  False: 2,
  True: 3,
  Integer: 4,
  Double: 5,
  String: 6,
  XmlDocument: 7,
  Date: 8,
  Array: 9,
  Object: 10,
  Xml: 11,
  ByteArray: 12,
  VectorInt: 13,
  VectorUint: 14,
  VectorDouble: 15,
  VectorObject: 16,
  Dictionary: 17,
} as const;

interface Traits {
  readonly dynamic: boolean;
  readonly members: readonly string[];
}

const decoder = new TextDecoder();

/**
 * Decodes a sequence of AMF3 values.
 *
 * @throws {IngestError} `INVALID_AMF`, `AMF_TOO_DEEP`, `AMF_TOO_LARGE`.
 */
export function readAmf3(bytes: Uint8Array, limits: AmfLimits = {}): AmfValue[] {
  const values: AmfValue[] = [];
  const reader = new Amf3Reader(bytes, limits);
  while (reader.offset < bytes.length) values.push(reader.read());
  return values;
}

/** One AMF3 context: its values may refer to earlier strings, objects and traits. */
export class Amf3Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #maxDepth: number;
  readonly #strings: string[] = [];
  readonly #objects: AmfValue[] = [];
  readonly #traits: Traits[] = [];
  #budget: number;
  #offset = 0;
  #depth = 0;

  constructor(bytes: Uint8Array, limits: AmfLimits = {}) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#maxDepth = limits.maxDepth ?? DEFAULT_MAX_AMF_DEPTH;
    this.#budget = limits.maxValues ?? DEFAULT_MAX_AMF_VALUES;
  }

  /** Bytes read so far. */
  get offset(): number {
    return this.#offset;
  }

  /** How many more values the limit allows. */
  get remainingValues(): number {
    return this.#budget;
  }

  read(): AmfValue {
    this.#spend(1);
    const marker = this.#uint8();
    switch (marker) {
      case Amf3Marker.Undefined:
        return undefined;
      case Amf3Marker.Null:
        return null;
      case Amf3Marker.False:
        return false;
      case Amf3Marker.True:
        return true;
      case Amf3Marker.Integer:
        return (this.#uint29() << 3) >> 3;
      case Amf3Marker.Double:
        return this.#view.getFloat64(this.#take(8));
      case Amf3Marker.String:
        return this.#string();
      default:
        return this.#complex(marker);
    }
  }

  #complex(marker: number): AmfValue {
    if (marker < Amf3Marker.XmlDocument || marker > Amf3Marker.Dictionary) {
      throw new IngestError("INVALID_AMF", `AMF3 has no type ${marker}`);
    }
    const header = this.#uint29();
    if ((header & 1) === 0) {
      const index = header >> 1;
      if (index >= this.#objects.length) throw new IngestError("INVALID_AMF", `AMF3 reference ${index} points nowhere`);
      return this.#objects[index];
    }
    const size = header >> 1;
    switch (marker) {
      case Amf3Marker.Date:
        return this.#remember(new Date(this.#view.getFloat64(this.#take(8))));
      case Amf3Marker.XmlDocument:
      case Amf3Marker.Xml:
        return this.#remember(this.#text(size));
      case Amf3Marker.ByteArray: {
        const offset = this.#take(size);
        return this.#remember(this.#bytes.slice(offset, offset + size));
      }
      case Amf3Marker.Array:
        return this.#array(size);
      case Amf3Marker.Object:
        return this.#object(size);
      case Amf3Marker.Dictionary:
        return this.#dictionary(size);
      default:
        return this.#vector(marker, size);
    }
  }

  #remember<Value extends AmfValue>(value: Value): Value {
    this.#objects.push(value);
    return value;
  }

  /** An associative part makes it a `Map` in which the dense part has the keys 0, 1, …. */
  #array(size: number): AmfValue {
    this.#fits(size);
    const slot = this.#objects.length;
    const array: AmfValue[] = this.#remember([] as AmfValue[]) as AmfValue[];
    this.#enter();
    let map: Map<string, AmfValue> | undefined;
    for (let key = this.#string(); key !== ""; key = this.#string()) {
      if (map === undefined) {
        map = new Map();
        this.#objects[slot] = map;
      }
      map.set(key, this.read());
    }
    for (let index = 0; index < size; index += 1) {
      const value = this.read();
      if (map === undefined) array.push(value);
      else map.set(String(index), value);
    }
    this.#depth -= 1;
    return map ?? array;
  }

  #object(header: number): AmfValue {
    const traits = this.#readTraits(header);
    const object: Record<string, AmfValue> = Object.create(null);
    this.#remember(object);
    this.#enter();
    for (const member of traits.members) object[member] = this.read();
    if (traits.dynamic) {
      for (let key = this.#string(); key !== ""; key = this.#string()) object[key] = this.read();
    }
    this.#depth -= 1;
    return object;
  }

  #readTraits(header: number): Traits {
    if ((header & 1) === 0) {
      const traits = this.#traits[header >> 1];
      if (traits === undefined) throw new IngestError("INVALID_AMF", `AMF3 traits ${header >> 1} are not known`);
      return traits;
    }
    // Only the class itself knows how long its bytes are (§3.12, U29O-traits-ext).
    if ((header & 2) !== 0) throw new IngestError("INVALID_AMF", "an externalizable AMF3 object cannot be read");
    const count = header >> 3;
    this.#fits(count);
    this.#spend(count);
    this.#string();
    const members: string[] = [];
    for (let index = 0; index < count; index += 1) members.push(this.#string());
    const traits = { dynamic: (header & 4) !== 0, members };
    this.#traits.push(traits);
    return traits;
  }

  #vector(marker: number, size: number): AmfValue {
    this.#uint8();
    const array: AmfValue[] = this.#remember([] as AmfValue[]) as AmfValue[];
    if (marker === Amf3Marker.VectorObject) {
      this.#string();
      this.#fits(size);
      this.#enter();
      for (let index = 0; index < size; index += 1) array.push(this.read());
      this.#depth -= 1;
      return array;
    }
    const width = marker === Amf3Marker.VectorDouble ? 8 : 4;
    this.#fits(size * width);
    this.#spend(size);
    for (let index = 0; index < size; index += 1) {
      const offset = this.#take(width);
      if (marker === Amf3Marker.VectorInt) array.push(this.#view.getInt32(offset));
      else if (marker === Amf3Marker.VectorUint) array.push(this.#view.getUint32(offset));
      else array.push(this.#view.getFloat64(offset));
    }
    return array;
  }

  #dictionary(size: number): AmfValue {
    this.#uint8();
    this.#fits(size * 2);
    const map = this.#remember(new Map<string, AmfValue>());
    this.#enter();
    for (let index = 0; index < size; index += 1) {
      const key = this.read();
      map.set(typeof key === "string" ? key : typeof key === "number" ? String(key) : `#${index}`, this.read());
    }
    this.#depth -= 1;
    return map;
  }

  #string(): string {
    const header = this.#uint29();
    if ((header & 1) === 0) {
      const text = this.#strings[header >> 1];
      if (text === undefined) throw new IngestError("INVALID_AMF", `AMF3 string ${header >> 1} is not known`);
      return text;
    }
    const text = this.#text(header >> 1);
    if (text !== "") this.#strings.push(text);
    return text;
  }

  #text(length: number): string {
    const offset = this.#take(length);
    return decoder.decode(this.#bytes.subarray(offset, offset + length));
  }

  #uint29(): number {
    let value = 0;
    for (let index = 0; index < 3; index += 1) {
      const byte = this.#uint8();
      value = (value << 7) | (byte & 0x7f);
      if (byte < 0x80) return value;
    }
    return (value << 8) | this.#uint8();
  }

  #spend(count: number): void {
    this.#budget -= count;
    if (this.#budget < 0) throw new IngestError("AMF_TOO_LARGE", "an AMF3 message holds too many values");
  }

  #enter(): void {
    this.#depth += 1;
    if (this.#depth > this.#maxDepth) {
      throw new IngestError("AMF_TOO_DEEP", `an AMF3 value is nested deeper than ${this.#maxDepth} levels`);
    }
  }

  #fits(count: number): void {
    if (count > this.#bytes.length - this.#offset) throw new IngestError("INVALID_AMF", "an AMF3 value is cut off");
  }

  #take(count: number): number {
    this.#fits(count);
    const offset = this.#offset;
    this.#offset = offset + count;
    return offset;
  }

  #uint8(): number {
    return this.#bytes[this.#take(1)]!;
  }
}
