/** Nested boxes in a growing buffer, big-endian. For what is written once per stream, not once per fragment. */

import { writeUint64 } from "../bytes/uint64.ts";

export class BoxWriter {
  #bytes = new Uint8Array(1024);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  u8(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  u16(value: number): void {
    this.#reserve(2);
    this.#view.setUint16(this.#length, value);
    this.#length += 2;
  }

  u24(value: number): void {
    this.u8(value >>> 16);
    this.u16(value & 0xffff);
  }

  u32(value: number): void {
    this.#reserve(4);
    this.#view.setUint32(this.#length, value);
    this.#length += 4;
  }

  u64(value: number): void {
    this.#reserve(8);
    writeUint64(this.#view, this.#length, value);
    this.#length += 8;
  }

  zeros(count: number): void {
    this.#reserve(count);
    this.#length += count;
  }

  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Characters above U+00FF lose their high bits: for four-character codes and other Latin-1 fields. */
  latin1(text: string): void {
    this.#reserve(text.length);
    for (let i = 0; i < text.length; i++) this.#bytes[this.#length++] = text.charCodeAt(i);
  }

  /** ISO 14496-12 §4.2.2: a box with a 32-bit size, whose body is whatever `body` writes. */
  box(type: string, body: () => void): void {
    const start = this.#length;
    this.u32(0);
    this.latin1(type);
    body();
    this.#view.setUint32(start, this.#length - start);
  }

  /** ISO 14496-12 §4.2.2: a box that starts with a version and flags. */
  fullBox(type: string, version: number, flags: number, body: () => void): void {
    this.box(type, () => {
      this.u8(version);
      this.u24(flags);
      body();
    });
  }

  /** What was written, in memory of its own. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}
