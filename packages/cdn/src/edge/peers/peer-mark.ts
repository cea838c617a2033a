/**
 * The mark on a request from one peer to another: answer it yourself, and do not send it on to a third.
 *
 * `x-ami-peer: <name>;<authentication code>`. The code is made of the name and the target with a secret that all peers share, so that nobody else
 * can make one, and one that somebody saw is good for that target only.
 */

import { createHmac, timingSafeEqual } from "node:crypto";
import { CdnError } from "../../errors.ts";

/** Name of the field. */
export const PEER_FIELD = "x-ami-peer";

/** Hexadecimal digits: 128 bits. */
const CODE_LENGTH = 32;
const MARK = /^([\w.-]{1,64});([0-9a-f]{32})$/;

/** Least length of the secret, in characters. */
export const MIN_PEER_SECRET = 16;

/** Makes and checks marks. */
export interface PeerMarks {
  /** The value for a request from `name`. */
  make(name: string, target: string): string;
  /** Who sent a request; undefined where it has no mark of a peer's. */
  read(mark: string | undefined, target: string): string | undefined;
}

/** @throws {CdnError} `INVALID_OPTION` where the secret is short. */
export function createPeerMarks(secret: string): PeerMarks {
  if (secret.length < MIN_PEER_SECRET) {
    throw new CdnError(
      "INVALID_OPTION",
      `the secret of peers has ${secret.length} characters: give ${MIN_PEER_SECRET}`,
    );
  }
  const codeOf = (name: string, target: string): string =>
    createHmac("sha256", secret).update(`${name}\n${target}`).digest("hex").slice(0, CODE_LENGTH);
  return {
    make: (name, target) => `${name};${codeOf(name, target)}`,
    read(mark, target) {
      if (mark === undefined) return undefined;
      const [, name, code] = MARK.exec(mark) ?? [];
      if (name === undefined || code === undefined) return undefined;
      return timingSafeEqual(Buffer.from(code), Buffer.from(codeOf(name, target))) ? name : undefined;
    },
  };
}
