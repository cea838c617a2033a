/** Decodes AMF0 (Adobe, "Action Message Format - AMF 0", 2007). */

import { IngestError } from "../../errors.ts";
import { Amf3Reader } from "../amf3/amf3-reader.ts";
import { type AmfLimits, type AmfValue, DEFAULT_MAX_AMF_DEPTH, DEFAULT_MAX_AMF_VALUES } from "./amf-value.ts";

/** Type markers (§2.1). */
export const Amf0Marker = {
  Number: 0,
  Boolean: 1,
  String: 2,
  Object: 3,
  MovieClip: 4,
  Null: 5,
  Undefined: 6,
  Reference: 7,
  EcmaArray: 8,
  ObjectEnd: 9,
  StrictArray: 10,
  Date: 11,
  LongString: 12,
  Unsupported: 13,
  RecordSet: 14,
  XmlDocument: 15,
  TypedObject: 16,
  AvmPlus: 17,
} as const;

const decoder = new TextDecoder();

/**
 * Decodes a sequence of AMF0 values.
 *
 * @throws {IngestError} `INVALID_AMF`, `AMF_TOO_DEEP`, `AMF_TOO_LARGE`.
 */
export function readAmf0(bytes: Uint8Array, limits: AmfLimits = {}): AmfValue[] {
  const reader = new Amf0Reader(bytes, limits);
  const values: AmfValue[] = [];
  while (!reader.done) values.push(reader.read());
  return values;
}

class Amf0Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #maxDepth: number;
  readonly #references: AmfValue[] = [];
  #budget: number;
  #offset = 0;
  #depth = 0;

  constructor(bytes: Uint8Array, limits: AmfLimits) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#maxDepth = limits.maxDepth ?? DEFAULT_MAX_AMF_DEPTH;
    this.#budget = limits.maxValues ?? DEFAULT_MAX_AMF_VALUES;
  }

  get done(): boolean {
    return this.#offset >= this.#bytes.length;
  }

  read(): AmfValue {
    if (this.#budget-- <= 0) throw new IngestError("AMF_TOO_LARGE", "an AMF0 message holds too many values");
    const marker = this.#uint8();
    switch (marker) {
      case Amf0Marker.Number:
        return this.#float64();
      case Amf0Marker.Boolean:
        return this.#uint8() !== 0;
      case Amf0Marker.String:
        return this.#string(this.#uint16());
      case Amf0Marker.Object:
        return this.#object();
      case Amf0Marker.Null:
        return null;
      case Amf0Marker.Undefined:
      case Amf0Marker.Unsupported:
        return undefined;
      case Amf0Marker.Reference:
        return this.#reference();
      case Amf0Marker.EcmaArray:
        return this.#ecmaArray();
      case Amf0Marker.StrictArray:
        return this.#strictArray();
      case Amf0Marker.Date: {
        const time = this.#float64();
        this.#take(2);
        return new Date(time);
      }
      case Amf0Marker.LongString:
      case Amf0Marker.XmlDocument:
        return this.#string(this.#uint32());
      case Amf0Marker.TypedObject:
        this.#string(this.#uint16());
        return this.#object();
      case Amf0Marker.AvmPlus:
        return this.#amf3();
      default:
        throw new IngestError("INVALID_AMF", `AMF0 has no type ${marker}`);
    }
  }

  #object(): AmfValue {
    const object: Record<string, AmfValue> = Object.create(null);
    this.#references.push(object);
    this.#members((key, value) => {
      object[key] = value;
    });
    return object;
  }

  #ecmaArray(): AmfValue {
    // The count is a hint that encoders get wrong (0 from ffmpeg): the end marker decides.
    this.#uint32();
    const map = new Map<string, AmfValue>();
    this.#references.push(map);
    this.#members((key, value) => map.set(key, value));
    return map;
  }

  #members(set: (key: string, value: AmfValue) => void): void {
    this.#enter();
    while (true) {
      const key = this.#string(this.#uint16());
      if (key === "" && this.#bytes[this.#offset] === Amf0Marker.ObjectEnd) {
        this.#offset += 1;
        break;
      }
      set(key, this.read());
    }
    this.#depth -= 1;
  }

  #strictArray(): AmfValue {
    const count = this.#uint32();
    // Every value takes a byte at least: a count beyond that is a lie, told before anything is allocated.
    if (count > this.#bytes.length - this.#offset) throw truncated();
    const array: AmfValue[] = [];
    this.#references.push(array);
    this.#enter();
    for (let index = 0; index < count; index += 1) array.push(this.read());
    this.#depth -= 1;
    return array;
  }

  #reference(): AmfValue {
    const index = this.#uint16();
    if (index >= this.#references.length)
      throw new IngestError("INVALID_AMF", `AMF0 reference ${index} points nowhere`);
    return this.#references[index];
  }

  #amf3(): AmfValue {
    const reader = new Amf3Reader(this.#bytes.subarray(this.#offset), {
      maxDepth: this.#maxDepth - this.#depth,
      maxValues: this.#budget,
    });
    const value = reader.read();
    this.#offset += reader.offset;
    this.#budget = reader.remainingValues;
    return value;
  }

  #enter(): void {
    this.#depth += 1;
    if (this.#depth > this.#maxDepth) {
      throw new IngestError("AMF_TOO_DEEP", `an AMF0 value is nested deeper than ${this.#maxDepth} levels`);
    }
  }

  #take(count: number): number {
    const offset = this.#offset;
    if (count > this.#bytes.length - offset) throw truncated();
    this.#offset = offset + count;
    return offset;
  }

  #uint8(): number {
    return this.#bytes[this.#take(1)]!;
  }

  #uint16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  #uint32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  #float64(): number {
    return this.#view.getFloat64(this.#take(8));
  }

  #string(length: number): string {
    const offset = this.#take(length);
    return decoder.decode(this.#bytes.subarray(offset, offset + length));
  }
}

function truncated(): IngestError {
  return new IngestError("INVALID_AMF", "an AMF0 value is cut off");
}
