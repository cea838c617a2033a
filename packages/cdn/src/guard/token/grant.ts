/** What a token allows. */

import { type CidrSet, createCidrSet } from "../address/cidr-set.ts";
import type { ClientAddress } from "../address/client-address.ts";
import { covers } from "../path-scope.ts";

/** What a verified token allows. */
export interface Grant {
  /** Seconds since 1970 from which it is over. */
  readonly expires: number;
  /** Seconds since 1970 before which it does not count. */
  readonly notBefore: number;
  /** Normalised paths; those that end with a slash cover all below them. */
  readonly paths: readonly string[];
  /** Where it may be used from. Absent: from anywhere. */
  readonly addresses?: CidrSet;
}

/** Why a token lets nothing pass. */
export type TokenFault =
  | "TOKEN_MISSING"
  | "TOKEN_INVALID"
  | "TOKEN_EXPIRED"
  | "TOKEN_NOT_YET_VALID"
  | "PATH_NOT_GRANTED"
  | "ADDRESS_NOT_GRANTED"
  | "KEYS_UNREACHABLE"
  | "GUARD_BUSY";

/** What a token is used for. */
export interface GrantUse {
  /** Normalised. */
  readonly path: string;
  readonly address: ClientAddress | undefined;
  /** Seconds since 1970. */
  readonly now: number;
  /** Seconds that clocks may differ by. */
  readonly tolerance: number;
}

/** Why a grant does not allow a use of it; undefined where it does. */
export function faultOf(grant: Grant, { path, address, now, tolerance }: GrantUse): TokenFault | undefined {
  if (now >= grant.expires + tolerance) return "TOKEN_EXPIRED";
  if (now < grant.notBefore - tolerance) return "TOKEN_NOT_YET_VALID";
  if (!covers(grant.paths, path)) return "PATH_NOT_GRANTED";
  if (grant.addresses !== undefined && (address === undefined || !grant.addresses.has(address))) {
    return "ADDRESS_NOT_GRANTED";
  }
  return undefined;
}

/** Networks that a token names; undefined where it names none that can be read. */
export function addressesOf(cidrs: readonly string[]): CidrSet | undefined {
  try {
    return createCidrSet(cidrs);
  } catch {
    return undefined;
  }
}
