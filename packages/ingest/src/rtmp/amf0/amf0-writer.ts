/** Encodes AMF0 (Adobe, "Action Message Format - AMF 0", 2007). */

import type { AmfValue } from "./amf-value.ts";
import { Amf0Marker } from "./amf0-reader.ts";

const encoder = new TextEncoder();

/** Encodes values one after the other. Bytes become a strict array: AMF0 has no type for them. */
export function writeAmf0(...values: AmfValue[]): Uint8Array {
  const writer = new Amf0Writer();
  for (const value of values) writer.write(value);
  return writer.bytes();
}

class Amf0Writer {
  #buffer = new Uint8Array(256);
  #view = new DataView(this.#buffer.buffer);
  #length = 0;

  bytes(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }

  write(value: AmfValue): void {
    if (value === undefined) {
      this.#uint8(Amf0Marker.Undefined);
      return;
    }
    if (value === null) {
      this.#uint8(Amf0Marker.Null);
      return;
    }
    switch (typeof value) {
      case "number":
        this.#uint8(Amf0Marker.Number);
        this.#float64(value);
        return;
      case "boolean":
        this.#uint8(Amf0Marker.Boolean);
        this.#uint8(value ? 1 : 0);
        return;
      case "string":
        this.#string(value);
        return;
      default:
        this.#complex(value);
        return;
    }
  }

  #complex(value: object): void {
    if (value instanceof Date) {
      this.#uint8(Amf0Marker.Date);
      this.#float64(value.getTime());
      this.#uint16(0);
      return;
    }
    if (value instanceof Map) {
      this.#uint8(Amf0Marker.EcmaArray);
      this.#uint32(value.size);
      for (const [key, member] of value as Map<string, AmfValue>) this.#member(key, member);
      this.#end();
      return;
    }
    if (Array.isArray(value) || value instanceof Uint8Array) {
      this.#uint8(Amf0Marker.StrictArray);
      this.#uint32(value.length);
      for (const member of value as Iterable<AmfValue>) this.write(member);
      return;
    }
    this.#uint8(Amf0Marker.Object);
    for (const [key, member] of Object.entries(value) as [string, AmfValue][]) this.#member(key, member);
    this.#end();
  }

  #member(key: string, value: AmfValue): void {
    this.#key(key);
    this.write(value);
  }

  #end(): void {
    this.#uint16(0);
    this.#uint8(Amf0Marker.ObjectEnd);
  }

  #key(key: string): void {
    const bytes = encoder.encode(key);
    if (bytes.length > 0xffff) throw new RangeError("an AMF0 key is at most 65535 bytes long");
    this.#uint16(bytes.length);
    this.#append(bytes);
  }

  #string(text: string): void {
    const bytes = encoder.encode(text);
    if (bytes.length > 0xffff) {
      this.#uint8(Amf0Marker.LongString);
      this.#uint32(bytes.length);
    } else {
      this.#uint8(Amf0Marker.String);
      this.#uint16(bytes.length);
    }
    this.#append(bytes);
  }

  #append(bytes: Uint8Array): void {
    const offset = this.#grow(bytes.length);
    this.#buffer.set(bytes, offset);
  }

  #uint8(value: number): void {
    const offset = this.#grow(1);
    this.#view.setUint8(offset, value);
  }

  #uint16(value: number): void {
    const offset = this.#grow(2);
    this.#view.setUint16(offset, value);
  }

  #uint32(value: number): void {
    const offset = this.#grow(4);
    this.#view.setUint32(offset, value);
  }

  #float64(value: number): void {
    const offset = this.#grow(8);
    this.#view.setFloat64(offset, value);
  }

  #grow(count: number): number {
    const offset = this.#length;
    this.#length += count;
    if (this.#length > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(this.#length, this.#buffer.length * 2));
      larger.set(this.#buffer.subarray(0, offset));
      this.#buffer = larger;
      this.#view = new DataView(larger.buffer);
    }
    return offset;
  }
}
