/** What both sides of the handshake share (RTMP 1.0 §5.2). */

import { randomFillSync } from "node:crypto";
import { IngestError } from "../../errors.ts";
import { HANDSHAKE_SIZE } from "./digest.ts";

/** C0 and S0: RTMP without encryption. */
export const RTMP_VERSION = 3;

/** One side of a handshake. Takes bytes, gives what to send; afterwards {@link Handshake.rest} is the start of the chunk stream. */
export interface Handshake {
  /** Everything was exchanged. */
  readonly done: boolean;
  /** Bytes that came after the handshake's end. */
  readonly rest: Uint8Array;
  /**
   * Takes bytes and returns the answer, empty when there is none.
   *
   * @throws {IngestError} `INVALID_HANDSHAKE`.
   */
  push(bytes: Uint8Array): Uint8Array;
}

/** Fills with random bytes; replaced in tests. */
export type RandomFill = (bytes: Uint8Array) => void;

/** The platform's cryptographic randomness. */
export const secureRandomFill: RandomFill = (bytes) => {
  randomFillSync(bytes);
};

/** Time, version, then random bytes: a C1 or S1 before it is signed. */
export function createFirstPacket(now: number, version: number, random: RandomFill): Uint8Array {
  const packet = new Uint8Array(HANDSHAKE_SIZE);
  random(packet.subarray(8));
  const view = new DataView(packet.buffer);
  view.setUint32(0, now >>> 0);
  view.setUint32(4, version);
  return packet;
}

/** Rejects anything that does not start as unencrypted RTMP does, and says what it is instead where that is plain. */
function checkVersion(byte: number): void {
  if (byte === RTMP_VERSION) return;
  throw new IngestError("INVALID_HANDSHAKE", `expected RTMP version 3, got byte 0x${byte.toString(16)}${guess(byte)}`);
}

function guess(byte: number): string {
  if (byte === 0x16) return ": this looks like TLS; connect with rtmp://, or give the server its tls option";
  if (byte === 6 || byte === 8 || byte === 9) return ": RTMPE is not supported; use RTMPS";
  if (byte >= 0x41 && byte <= 0x5a) return ": this looks like HTTP";
  return "";
}

const nothing = new Uint8Array(0);

/** What both sides do: take version and first packet, answer them, take the second packet. */
export abstract class PacketExchange implements Handshake {
  readonly #first = new FixedBuffer(1 + HANDSHAKE_SIZE);
  readonly #second = new FixedBuffer(HANDSHAKE_SIZE);
  #versionChecked = false;
  #rest: Uint8Array = nothing;

  get done(): boolean {
    return this.#second.full;
  }

  get rest(): Uint8Array {
    return this.#rest;
  }

  push(bytes: Uint8Array): Uint8Array {
    let rest = bytes;
    let answer: Uint8Array = nothing;
    if (!this.#first.full) {
      rest = this.#first.push(rest);
      if (!this.#versionChecked && bytes.length > 0) {
        checkVersion(this.#first.bytes[0]!);
        this.#versionChecked = true;
      }
      if (this.#first.full) answer = this.answer(this.#first.bytes.subarray(1));
    }
    // The second packet is not verified: it proves nothing, and old encoders get it wrong.
    if (this.#first.full) this.#rest = this.#second.push(rest);
    return answer;
  }

  /** What to send for the other side's first packet. */
  protected abstract answer(packet: Uint8Array): Uint8Array;
}

/** Collects a fixed number of bytes. */
class FixedBuffer {
  readonly bytes: Uint8Array;
  #length = 0;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
  }

  get full(): boolean {
    return this.#length === this.bytes.length;
  }

  /** Takes what fits and returns what is left over. */
  push(bytes: Uint8Array): Uint8Array {
    const taken = bytes.subarray(0, this.bytes.length - this.#length);
    this.bytes.set(taken, this.#length);
    this.#length += taken.length;
    return bytes.subarray(taken.length);
  }
}
