/** How many connections an address may have open. */

import { CdnError } from "../errors.ts";
import { above0, checkOptions, listOf, required, text } from "../options/check-options.ts";
import { createCidrSet } from "./address/cidr-set.ts";
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
  /**
   * Another cap from now on, of all connections that are open. Nobody is sent away for it.
   *
   * @throws {CdnError} `INVALID_OPTION`. The old one stays then.
   */
  update(cap: Pick<ConnectionGateOptions, "perAddress" | "exempt">): void;
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
  checkOptions("createConnectionGate", options, {
    perAddress: required(above0("connections")),
    exempt: listOf(text),
    maxAddresses: above0("addresses"),
  });
  const { maxAddresses = MAX_COUNTED_ADDRESSES, ...cap } = options;
  let { perAddress, exempted } = readCap(cap);
  // Entries go when their last connection does, so it is never larger than the connections of the server. Those who are exempt are counted, too:
  // they may not always be.
  const open = new Map<number | bigint, number>();
  return {
    open(text) {
      const address = parseAddress(text);
      if (address === undefined) return true;
      const key = keyOfAddress(address);
      const count = open.get(key) ?? 0;
      if (count >= perAddress && !exempted.has(address)) return false;
      if (count > 0 || open.size < maxAddresses) open.set(key, count + 1);
      return true;
    },
    close(text) {
      const address = parseAddress(text);
      if (address === undefined) return;
      const key = keyOfAddress(address);
      const count = open.get(key);
      if (count === undefined) return;
      if (count > 1) open.set(key, count - 1);
      else open.delete(key);
    },
    update(next) {
      ({ perAddress, exempted } = readCap(next));
    },
    get size() {
      return open.size;
    },
  };
}

function readCap({ perAddress, exempt = [] }: Pick<ConnectionGateOptions, "perAddress" | "exempt">) {
  if (!(perAddress >= 1)) throw new CdnError("INVALID_OPTION", `perAddress is ${perAddress}: give at least 1`);
  return { perAddress, exempted: createCidrSet(exempt) };
}

/** An IPv4 address as a number; of an IPv6 address the first 64 bits, which are what a client is given to choose in (RFC 6177). */
function keyOfAddress({ family, word0, word1, word3 }: ClientAddress): number | bigint {
  return family === 4 ? word3 : (BigInt(word0) << 32n) | BigInt(word1);
}
