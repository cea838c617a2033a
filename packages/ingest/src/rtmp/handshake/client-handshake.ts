/** The client's side of the handshake. */

import {
  DIGEST_SIZE,
  type DigestScheme,
  findDigest,
  HANDSHAKE_SIZE,
  playerKey,
  serverKey,
  signFirst,
  signSecond,
} from "./digest.ts";
import { createFirstPacket, PacketExchange, type RandomFill, RTMP_VERSION, secureRandomFill } from "./handshake.ts";

/** How the client introduces itself: `complex` signs, and falls back to what the server answers. */
export type HandshakeKind = "simple" | "complex";

/** The Flash Player version that servers look for before they check a signature. */
const SIGNED_VERSION = 0x80000702;

/** Sends C0 C1 at once, C2 on S1, and is done with S2. */
export class ClientHandshake extends PacketExchange {
  /** C0 and C1: send this first. */
  readonly opening: Uint8Array;
  readonly #kind: HandshakeKind;
  readonly #random: RandomFill;

  constructor(now: number, options: { kind?: HandshakeKind; scheme?: DigestScheme; random?: RandomFill } = {}) {
    super();
    this.#kind = options.kind ?? "complex";
    this.#random = options.random ?? secureRandomFill;
    const c1 = createFirstPacket(now, this.#kind === "complex" ? SIGNED_VERSION : 0, this.#random);
    if (this.#kind === "complex") signFirst(c1, options.scheme ?? 1, playerKey);
    this.opening = new Uint8Array(1 + HANDSHAKE_SIZE);
    this.opening[0] = RTMP_VERSION;
    this.opening.set(c1, 1);
  }

  protected override answer(s1: Uint8Array): Uint8Array {
    const signed = this.#kind === "complex" ? findDigest(s1, serverKey) : undefined;
    if (signed === undefined) return s1.slice();
    const c2 = new Uint8Array(HANDSHAKE_SIZE);
    this.#random(c2.subarray(0, HANDSHAKE_SIZE - DIGEST_SIZE));
    signSecond(c2, signed.digest, playerKey);
    return c2;
  }
}
