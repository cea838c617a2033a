/** How many connections an address may have open. */

import { CdnError } from "../errors.ts";
import { type CidrSet, createCidrSet } from "./address/cidr-set.ts";
import { type ClientAddress, parseAddress } from "./address/client-address.ts";

/** Addresses that are counted at a time, about 100 bytes each. Those beyond are not counted: better one too many than an innocent shut out. */
const MAX_COUNTED_ADDRESSES = 1_000_000;

/** Options of {@link createConnectionGate}. */
export interface ConnectionGateOptions {
  /** Open connections of one IPv4 address, or of one IPv6 /64. Browsers open 6 to a host with HTTP/1.1; many homes may share one address. */
  readonly perAddress: number;
  /** Addresses and networks that may have as many as they like: proxies in front. */
  readonly exempt?: readonly string[];
  /** Default 1,000,000. */
  readonly maxAddresses?: number;
}

/** Counts connections. */
export interface ConnectionGate {
  /** Whether a new connection may stay. Where it may, `close` has to be called once when it ends; where it may not, not. */
  open(address: string): boolean;
  close(address: string): void;
  /** Addresses that have connections. */
  readonly size: number;
}

/**
 * A cap of the connections of each address. Pure: the server opens and closes. An address nobody can read is not counted.
 *
 * @throws {CdnError} `INVALID_OPTION`.
 */
export function createConnectionGate(options: ConnectionGateOptions): ConnectionGate {
  const { perAddress, exempt = [], maxAddresses = MAX_COUNTED_ADDRESSES } = options;
  if (!(perAddress >= 1 && maxAddresses >= 1)) {
    throw new CdnError("INVALID_OPTION", `perAddress is ${perAddress}, maxAddresses ${maxAddresses}: give at least 1`);
  }
  const exempted = createCidrSet(exempt);
  // Entries go when their last connection does, so it is never larger than the connections of the server.
  const open = new Map<number | bigint, number>();
  return {
    open(text) {
      const key = keyOf(text, exempted);
      if (key === undefined) return true;
      const count = open.get(key) ?? 0;
      if (count >= perAddress) return false;
      if (count > 0 || open.size < maxAddresses) open.set(key, count + 1);
      return true;
    },
    close(text) {
      const key = keyOf(text, exempted);
      const count = key === undefined ? undefined : open.get(key);
      if (key === undefined || count === undefined) return;
      if (count > 1) open.set(key, count - 1);
      else open.delete(key);
    },
    get size() {
      return open.size;
    },
  };
}

function keyOf(text: string, exempted: CidrSet): number | bigint | undefined {
  const address = parseAddress(text);
  return address === undefined || exempted.has(address) ? undefined : keyOfAddress(address);
}

/** An IPv4 address as a number; of an IPv6 address the first 64 bits, which are what a client is given to choose in (RFC 6177). */
function keyOfAddress({ family, word0, word1, word3 }: ClientAddress): number | bigint {
  return family === 4 ? word3 : (BigInt(word0) << 32n) | BigInt(word1);
}
