/** The digests of the complex handshake: undocumented, but demanded by Flash-era peers and sent by ffmpeg and librtmp. */

import { createHmac } from "node:crypto";

/** Size of C1, C2, S1 and S2 (RTMP 1.0 §5.2.3, §5.2.4), bytes. */
export const HANDSHAKE_SIZE = 1536;

/** Where the digest lies: 0 after the key block, 1 before it. */
export type DigestScheme = 0 | 1;

/** Size of a digest, bytes. */
export const DIGEST_SIZE = 32;

const KEY_SUFFIX = Buffer.from("f0eec24a8068bee82e00d0d1029e7e576eec5d2d29806fab93b8e636cfeb31ae", "hex");
const PLAYER = Buffer.from("Genuine Adobe Flash Player 001", "latin1");
const SERVER = Buffer.from("Genuine Adobe Flash Media Server 001", "latin1");

/** A side's two keys: the short one signs its first packet, the full one its answer. */
export interface HandshakeKey {
  readonly short: Uint8Array;
  readonly full: Uint8Array;
}

/** Signs what clients send. */
export const playerKey: HandshakeKey = { short: PLAYER, full: Buffer.concat([PLAYER, KEY_SUFFIX]) };

/** Signs what servers send. */
export const serverKey: HandshakeKey = { short: SERVER, full: Buffer.concat([SERVER, KEY_SUFFIX]) };

/** Puts the digest into a C1 or S1. */
export function signFirst(packet: Uint8Array, scheme: DigestScheme, key: HandshakeKey): void {
  const offset = digestOffset(packet, scheme);
  packet.set(digestOfFirst(packet, offset, key), offset);
}

/** Finds the scheme under which a C1 or S1 is signed with the key, and its digest. Undefined for a simple handshake. */
export function findDigest(
  packet: Uint8Array,
  key: HandshakeKey,
): { scheme: DigestScheme; digest: Uint8Array } | undefined {
  for (const scheme of [0, 1] as const) {
    const offset = digestOffset(packet, scheme);
    const digest = packet.subarray(offset, offset + DIGEST_SIZE);
    if (digestOfFirst(packet, offset, key).equals(digest)) return { scheme, digest };
  }
  return undefined;
}

/** Signs a C2 or S2 in place: its last 32 bytes answer the digest of the other side's first packet. */
export function signSecond(packet: Uint8Array, peerDigest: Uint8Array, key: HandshakeKey): void {
  packet.set(digestOfSecond(packet, peerDigest, key), HANDSHAKE_SIZE - DIGEST_SIZE);
}

/** Whether a C2 or S2 answers the digest. */
export function verifySecond(packet: Uint8Array, ownDigest: Uint8Array, key: HandshakeKey): boolean {
  return digestOfSecond(packet, ownDigest, key).equals(packet.subarray(HANDSHAKE_SIZE - DIGEST_SIZE));
}

function digestOffset(packet: Uint8Array, scheme: DigestScheme): number {
  const base = scheme === 0 ? 772 : 8;
  const sum = packet[base]! + packet[base + 1]! + packet[base + 2]! + packet[base + 3]!;
  return base + 4 + (sum % 728);
}

function digestOfFirst(packet: Uint8Array, offset: number, key: HandshakeKey): Buffer {
  return createHmac("sha256", key.short)
    .update(packet.subarray(0, offset))
    .update(packet.subarray(offset + DIGEST_SIZE))
    .digest();
}

function digestOfSecond(packet: Uint8Array, peerDigest: Uint8Array, key: HandshakeKey): Buffer {
  const temporary = createHmac("sha256", key.full).update(peerDigest).digest();
  return createHmac("sha256", temporary)
    .update(packet.subarray(0, HANDSHAKE_SIZE - DIGEST_SIZE))
    .digest();
}
