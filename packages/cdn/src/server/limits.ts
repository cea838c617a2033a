/** What a server puts up with. Every bound has a name, a unit and a default. */

import { above0, object, type Rules } from "../options/check-options.ts";

/** Bounds of one server. */
export interface ServerLimits {
  /** Open connections; one more is closed at once. */
  readonly maxConnections: number;
  /** Bytes of request line and header fields (431 above). */
  readonly maxHeaderBytes: number;
  /** Header fields of a request (431 above). */
  readonly maxHeaders: number;
  /** Bytes of the request target (414 above). */
  readonly maxUrlBytes: number;
  /** Bytes of a request body (413 above). */
  readonly maxBodyBytes: number;
  /** Milliseconds from the first byte of a request, or from connecting, to the end of its header (408, then closed). */
  readonly headersTimeout: number;
  /** Milliseconds without a byte of a request body that a handler waits for (408, then closed). */
  readonly bodyTimeout: number;
  /** Milliseconds a connection may rest between two requests. */
  readonly idleTimeout: number;
  /** Milliseconds a client may take before {@link minSendRate} applies to it. */
  readonly sendGrace: number;
  /** Bytes per second a client must take of what waits for it, else it is cut off. */
  readonly minSendRate: number;
  /** Concurrent streams of an HTTP/2 connection. */
  readonly maxStreams: number;
  /** Streams a client may reset before they were answered, per second and with a burst of ten times this (CVE-2023-44487). */
  readonly maxResetRate: number;
}

/** 16 KiB of header, 8 KiB of it the URL, 10 s to send it; a client slower than 128 kb/s cannot play video and is not kept. */
export const DEFAULT_LIMITS: ServerLimits = {
  maxConnections: 20_000,
  maxHeaderBytes: 16 * 1024,
  maxHeaders: 100,
  maxUrlBytes: 8 * 1024,
  maxBodyBytes: 16 * 1024 * 1024,
  headersTimeout: 10_000,
  bodyTimeout: 20_000,
  idleTimeout: 60_000,
  sendGrace: 30_000,
  minSendRate: 16 * 1024,
  maxStreams: 128,
  maxResetRate: 20,
};

const LIMIT_RULES = Object.fromEntries(Object.keys(DEFAULT_LIMITS).map((name) => [name, above0()]));
/** What limits must be. */
export const limitsRule = object(LIMIT_RULES as Rules<ServerLimits>);

/**
 * Limits with their defaults.
 *
 * @throws {CdnError} `INVALID_OPTION` for one that is not a positive number.
 */
export function resolveLimits(limits: Partial<ServerLimits> = {}): ServerLimits {
  return { ...DEFAULT_LIMITS, ...checkLimits(limits) };
}

/** Those of the limits that are given. Throws as {@link resolveLimits} does. */
export function checkLimits(limits: Partial<ServerLimits>): Partial<ServerLimits> {
  limitsRule(limits, "limits");
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
}
