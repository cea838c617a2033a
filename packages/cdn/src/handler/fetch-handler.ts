/** The seam everything composes through: HTTP is a function. */

/** TLS facts of a connection. */
export interface ConnectionTls {
  /** E.g. `TLSv1.3`. */
  readonly version: string;
  /** OpenSSL's name, e.g. `TLS_AES_128_GCM_SHA256`. */
  readonly cipher: string;
  /** The name the client asked for (SNI), where it did. */
  readonly serverName: string | undefined;
}

/** Who is asking. */
export interface Connection {
  /** IP address of the peer, empty when it is already gone. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly protocol: "http/1.0" | "http/1.1" | "h2";
  /** Absent on a cleartext connection. */
  readonly tls?: ConnectionTls;
}

/**
 * The web standard, with who is asking as a second argument.
 *
 * `request.signal` aborts when the client leaves. A wrapper may answer itself or call the handler it wraps, so that a
 * deployment is function composition: `guard(limit(cache(origin)))`.
 */
export type FetchHandler = (request: Request, connection?: Connection) => Response | Promise<Response>;
