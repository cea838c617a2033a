/** What a server can be told. */

import type { FetchHandler } from "../handler/fetch-handler.ts";
import type { Logger } from "../logger.ts";
import {
  atLeast0,
  bytesOrText,
  callable,
  flag,
  handler as handlerRule,
  logger as loggerRule,
  madeBy,
  object,
  oneOf,
  type Rules,
  required,
  text,
  whole,
} from "../options/check-options.ts";
import type { ConnectionGate } from "./connections.ts";
import { limitsRule, type ServerLimits } from "./limits.ts";

/** Certificate and key, PEM. */
export interface ServerTls {
  readonly key: string | Buffer;
  /** The certificate, followed by its intermediates. */
  readonly cert: string | Buffer;
  /** Default `TLSv1.3`. */
  readonly minVersion?: "TLSv1.2" | "TLSv1.3";
}

/** Options of {@link createServer}. */
export interface ServerOptions {
  readonly handler: FetchHandler;
  /** 0 takes a free one. Default 8080, with TLS 8443. */
  readonly port?: number;
  /** Address to listen on. Default: all of the machine's. */
  readonly host?: string;
  /**
   * A socket in the file system to listen on, instead of `port` and `host`. One that a process left behind when it was killed is replaced;
   * one that is listened on is `PORT_TAKEN`.
   */
  readonly path?: string;
  /** Speaks TLS, with HTTP/2 by ALPN. Default: cleartext. */
  readonly tls?: ServerTls;
  /** HTTP/2: by ALPN with TLS, by prior knowledge (RFC 9113 §3.3) without. Default true. */
  readonly http2?: boolean;
  /** Bounds, see {@link DEFAULT_LIMITS}. */
  readonly limits?: Partial<ServerLimits>;
  /** Who may connect; with TLS asked before the handshake. Default: everybody, up to `limits.maxConnections`. */
  readonly gate?: ConnectionGate;
  /** Milliseconds that `close()` gives answers in flight. Default 10,000. */
  readonly closeDeadline?: number;
  /**
   * Bytes of memory for copies of bodies that are sent often, 32 KB and longer: cleartext HTTP/1.1 is sent from them without another copy into
   * the kernel (sendfile(2)). Only on Linux, and where the package `koffi` is installed. 0: none. Default 64 MiB.
   */
  readonly sendfileBytes?: number;
  /** Length of the kernel's queue of connections not yet accepted. Default 1,024. */
  readonly backlog?: number;
  /** Several processes share the port, where the system can (Linux, BSD). Default false. */
  readonly reusePort?: boolean;
  /** Milliseconds of a steady clock, which limits on time are measured by. Default `performance.now`: the system's time may jump. */
  readonly clock?: () => number;
  /** Default: silent. */
  readonly logger?: Logger;
}

const tlsRule = object<ServerTls>({
  key: required(bytesOrText),
  cert: required(bytesOrText),
  minVersion: oneOf("TLSv1.2", "TLSv1.3"),
});

/** What they must be. */
export const SERVER_RULES: Rules<ServerOptions> = {
  handler: required(handlerRule),
  port: whole(0, 65_535),
  host: text,
  path: text,
  tls: tlsRule,
  http2: flag,
  limits: limitsRule,
  gate: madeBy("createConnectionGate", "open", "close"),
  closeDeadline: atLeast0("milliseconds"),
  sendfileBytes: atLeast0("bytes"),
  backlog: whole(0),
  reusePort: flag,
  clock: callable,
  logger: loggerRule,
};
