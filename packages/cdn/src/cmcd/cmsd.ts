/**
 * Common Media Server Data (CTA-5006): what an edge tells players of itself, in a `CMSD-Dynamic` field of its own after those of the servers
 * before it. `CMSD-Static` is the origin's, describes the object, and passes as it is.
 *
 * An edge says only what it knows. In Node it does not know the round-trip time of a TCP connection, nor its congestion window, so `rtt` and
 * `etp` are there only for callers who have them from elsewhere.
 */

import { CdnError } from "../errors.ts";
import { anything, callable, checkOptions, required } from "../options/check-options.ts";

/** Printable ASCII, what a string of a structured field can have (RFC 8941 §3.3.3), and short: it is on every answer. */
const NAME = /^[\x20-\x7e]{1,64}$/;

/** What an edge knows of one answer. */
export interface CmsdFacts {
  /** Milliseconds between the request and the first byte of the body being there: `rd`. */
  readonly responseDelay?: number;
  /** Milliseconds to the client and back: `rtt`. */
  readonly roundTrip?: number;
  /** kb/s to the client: `etp`. */
  readonly throughput?: number;
  /** kb/s that the player should play at most: `mb`. */
  readonly maxBitrate?: number;
}

/** Options of {@link createCmsd}. */
export interface CmsdOptions {
  /** Names this edge, and who runs it, to players. */
  readonly name: string;
  /** Whether the edge is overloaded: `du`, on which players go elsewhere where they can. Default: never. */
  readonly duress?: () => boolean;
}

/** Writes the field. */
export interface Cmsd {
  /** Value of this edge's `CMSD-Dynamic`. The same string for the same facts, as long as the duress lasts or does not. */
  value(facts?: CmsdFacts): string;
}

/** @throws {CdnError} `INVALID_OPTION` for a name that cannot be written. */
export function createCmsd(options: CmsdOptions): Cmsd {
  checkOptions("createCmsd", options, { name: required(anything), duress: callable });
  const { name, duress } = options;
  if (!NAME.test(name)) {
    throw new CdnError("INVALID_OPTION", `the CMSD name ${JSON.stringify(name)} is not 1 to 64 characters of ASCII`);
  }
  const quoted = `"${name.replace(/["\\]/g, "\\$&")}"`;
  const loaded = `${quoted};du`;
  return {
    value(facts) {
      const start = duress?.() ? loaded : quoted;
      if (facts === undefined) return start;
      const { responseDelay, roundTrip, throughput, maxBitrate } = facts;
      return (
        start +
        param("etp", throughput) +
        param("mb", maxBitrate) +
        param("rd", responseDelay) +
        param("rtt", roundTrip)
      );
    },
  };
}

/** An integer of a structured field, or nothing. */
function param(key: string, value: number | undefined): string {
  if (value === undefined || !(value >= 0)) return "";
  return `;${key}=${Math.min(Math.round(value), 999_999_999_999)}`;
}
