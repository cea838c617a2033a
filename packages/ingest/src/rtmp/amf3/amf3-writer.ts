/** Encodes AMF3 (Adobe, "Action Message Format - AMF 3", 2013), without references: larger, and always right. */

import type { AmfValue } from "../amf0/amf-value.ts";
import { Amf3Marker } from "./amf3-reader.ts";

const encoder = new TextEncoder();

/** Encodes values one after the other. */
export function writeAmf3(...values: AmfValue[]): Uint8Array {
  const output: number[] = [];
  for (const value of values) writeValue(output, value);
  return Uint8Array.from(output);
}

function writeValue(output: number[], value: AmfValue): void {
  if (value === undefined) output.push(Amf3Marker.Undefined);
  else if (value === null) output.push(Amf3Marker.Null);
  else if (typeof value === "boolean") output.push(value ? Amf3Marker.True : Amf3Marker.False);
  else if (typeof value === "number") writeNumber(output, value);
  else if (typeof value === "string") {
    output.push(Amf3Marker.String);
    writeString(output, value);
  } else writeComplex(output, value);
}

function writeNumber(output: number[], value: number): void {
  // Integers have 29 bits, signed (§3.6).
  if (Number.isInteger(value) && !Object.is(value, -0) && value >= -(2 ** 28) && value < 2 ** 28) {
    output.push(Amf3Marker.Integer);
    writeUint29(output, value & 0x1fffffff);
    return;
  }
  output.push(Amf3Marker.Double);
  writeFloat64(output, value);
}

function writeComplex(output: number[], value: object): void {
  if (value instanceof Date) {
    output.push(Amf3Marker.Date, 1);
    writeFloat64(output, value.getTime());
    return;
  }
  if (value instanceof Uint8Array) {
    output.push(Amf3Marker.ByteArray);
    writeUint29(output, (value.length << 1) | 1);
    for (const byte of value) output.push(byte);
    return;
  }
  if (Array.isArray(value)) {
    output.push(Amf3Marker.Array);
    writeUint29(output, (value.length << 1) | 1);
    output.push(1);
    for (const member of value as AmfValue[]) writeValue(output, member);
    return;
  }
  if (value instanceof Map) {
    output.push(Amf3Marker.Array, 1);
    writeMembers(output, value as Map<string, AmfValue>);
    return;
  }
  // Inline traits, dynamic, no sealed members, no class name (§3.12).
  output.push(Amf3Marker.Object, 0x0b, 1);
  writeMembers(output, Object.entries(value) as [string, AmfValue][]);
}

function writeMembers(output: number[], members: Iterable<[string, AmfValue]>): void {
  for (const [key, value] of members) {
    // The empty key ends the list: it cannot be written.
    if (key === "") continue;
    writeString(output, key);
    writeValue(output, value);
  }
  output.push(1);
}

function writeString(output: number[], text: string): void {
  const bytes = encoder.encode(text);
  writeUint29(output, (bytes.length << 1) | 1);
  for (const byte of bytes) output.push(byte);
}

function writeFloat64(output: number[], value: number): void {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value);
  output.push(...bytes);
}

function writeUint29(output: number[], value: number): void {
  if (value < 0x80) output.push(value);
  else if (value < 0x4000) output.push((value >> 7) | 0x80, value & 0x7f);
  else if (value < 0x200000) output.push((value >> 14) | 0x80, ((value >> 7) & 0x7f) | 0x80, value & 0x7f);
  else output.push((value >> 22) | 0x80, ((value >> 15) & 0x7f) | 0x80, ((value >> 8) & 0x7f) | 0x80, value & 0xff);
}
