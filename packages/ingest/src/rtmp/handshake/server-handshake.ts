/** The server's side of the handshake: answers simple and complex clients in kind. */

import { findDigest, HANDSHAKE_SIZE, playerKey, serverKey, signFirst, signSecond } from "./digest.ts";
import { createFirstPacket, PacketExchange, type RandomFill, RTMP_VERSION, secureRandomFill } from "./handshake.ts";

/** Any version above 0 tells clients that our packets are signed. */
const SIGNED_VERSION = 0x04050001;

/** Waits for C0 and C1, answers S0 S1 S2, waits for C2. */
export class ServerHandshake extends PacketExchange {
  readonly #now: number;
  readonly #random: RandomFill;

  constructor(now: number, random: RandomFill = secureRandomFill) {
    super();
    this.#now = now;
    this.#random = random;
  }

  protected override answer(c1: Uint8Array): Uint8Array {
    const answer = new Uint8Array(1 + 2 * HANDSHAKE_SIZE);
    answer[0] = RTMP_VERSION;
    const signed = hasVersion(c1) ? findDigest(c1, playerKey) : undefined;
    const s1 = createFirstPacket(this.#now, signed ? SIGNED_VERSION : 0, this.#random);
    const s2 = answer.subarray(1 + HANDSHAKE_SIZE);
    if (signed) {
      signFirst(s1, signed.scheme, serverKey);
      this.#random(s2);
      signSecond(s2, signed.digest, serverKey);
    } else {
      s2.set(c1);
    }
    answer.set(s1, 1);
    return answer;
  }
}

/** Clients of the simple handshake send zeros here (§5.2.3). */
function hasVersion(packet: Uint8Array): boolean {
  return (packet[4]! | packet[5]! | packet[6]! | packet[7]!) !== 0;
}
