/** The packets that all readers of a broadcast share: a growing ring addressed by sequence number. */

import type { Packet } from "../track.ts";

/** Bytes charged for each held packet besides its data, so that a flood of empty ones is bounded too. */
export const PACKET_OVERHEAD = 128;

const SMALLEST = 64;

/** What holding a packet counts towards the bound. */
export function packetCost(packet: Packet): number {
  return packet.data.byteLength + PACKET_OVERHEAD;
}

/** Sequence numbers count every packet ever written; `head` is the oldest held, `end` the next to come. */
export class PacketRing {
  #packets: (Packet | undefined)[] = new Array<Packet | undefined>(SMALLEST).fill(undefined);
  /** How many readers stand at each slot, the one at `end` included. */
  #readers: number[] = new Array<number>(SMALLEST).fill(0);
  #mask = SMALLEST - 1;
  #head = 0;
  #end = 0;
  #bytes = 0;

  get head(): number {
    return this.#head;
  }

  get end(): number {
    return this.#end;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The packet at a held sequence number. */
  at(sequence: number): Packet {
    return this.#packets[sequence & this.#mask]!;
  }

  /** Appends a packet and returns its sequence number. */
  push(packet: Packet): number {
    // Packets and the slot at `end` must not share an index.
    if (this.#end + 1 - this.#head > this.#mask) this.#resize((this.#mask + 1) * 2);
    const sequence = this.#end;
    this.#packets[sequence & this.#mask] = packet;
    this.#bytes += packetCost(packet);
    this.#end += 1;
    return sequence;
  }

  /** Forgets the oldest packet. */
  shift(): void {
    const index = this.#head & this.#mask;
    this.#bytes -= packetCost(this.#packets[index]!);
    this.#packets[index] = undefined;
    this.#readers[index] = 0;
    this.#head += 1;
    const capacity = this.#mask + 1;
    if (capacity > SMALLEST && (this.#end - this.#head) * 8 < capacity) this.#resize(capacity / 2);
  }

  /** Whether a reader still has to read the oldest packet. */
  get headIsWanted(): boolean {
    return this.#readers[this.#head & this.#mask]! > 0;
  }

  /** Puts a reader at a held sequence number, or at `end`. */
  enter(sequence: number): void {
    this.#readers[sequence & this.#mask]! += 1;
  }

  /** Takes a reader away from where it stands. */
  leave(sequence: number): void {
    this.#readers[sequence & this.#mask]! -= 1;
  }

  #resize(capacity: number): void {
    const packets = new Array<Packet | undefined>(capacity).fill(undefined);
    const readers = new Array<number>(capacity).fill(0);
    for (let sequence = this.#head; sequence <= this.#end; sequence++) {
      packets[sequence & (capacity - 1)] = this.#packets[sequence & this.#mask];
      readers[sequence & (capacity - 1)] = this.#readers[sequence & this.#mask]!;
    }
    this.#packets = packets;
    this.#readers = readers;
    this.#mask = capacity - 1;
  }
}
