/** The one Node server adapter: puts a fetch handler on HTTP/1.1, HTTP/2 and TLS 1.3. */

import { once } from "node:events";
import { type AddressInfo, createServer as createTcpServer, type Socket, type Server as TcpServer } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import { CdnError } from "../errors.ts";
import type { FetchHandler } from "../handler/fetch-handler.ts";
import { rawHandlerOf } from "../handler/raw.ts";
import { type Logger, silentLogger } from "../logger.ts";
import { Connections, type TrackedConnection } from "./connections.ts";
import { Exchange } from "./exchange.ts";
import { type AdapterOptions, Http1Adapter } from "./http1.ts";
import { FastHttp1Connection } from "./http1-fast.ts";
import { Http2Adapter } from "./http2.ts";
import { resolveLimits, type ServerLimits } from "./limits.ts";

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
  /** Speaks TLS, with HTTP/2 by ALPN. Default: cleartext. */
  readonly tls?: ServerTls;
  /** HTTP/2: by ALPN with TLS, by prior knowledge (RFC 9113 §3.3) without. Default true. */
  readonly http2?: boolean;
  /** Bounds, see {@link DEFAULT_LIMITS}. */
  readonly limits?: Partial<ServerLimits>;
  /** Milliseconds that `close()` gives answers in flight. Default 10,000. */
  readonly closeDeadline?: number;
  /** Length of the kernel's queue of connections not yet accepted. Default 1,024. */
  readonly backlog?: number;
  /** Several processes share the port, where the system can (Linux, BSD). Default false. */
  readonly reusePort?: boolean;
  /** Milliseconds of a steady clock, which limits on time are measured by. Default `performance.now`: the system's time may jump. */
  readonly clock?: () => number;
  /** Default: silent. */
  readonly logger?: Logger;
}

/** A listening server. */
export interface Server extends AsyncDisposable {
  /** `http://127.0.0.1:8080`, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  /** Open connections. */
  readonly connections: number;
  /** Stops listening, lets answers in flight end, ends resting connections; what is left after `closeDeadline` is cut. Idempotent. */
  close(): Promise<void>;
}

/**
 * Listens, and resolves once it does.
 *
 * @throws {CdnError} `PORT_TAKEN` (names the port), `LISTEN_FAILED`, `INVALID_OPTION`.
 */
export async function createServer(options: ServerOptions): Promise<Server> {
  const { handler, tls, http2 = true, host, closeDeadline = 10_000, backlog = 1024, reusePort = false } = options;
  const logger = options.logger ?? silentLogger;
  const port = options.port ?? (tls === undefined ? 8080 : 8443);
  const limits = resolveLimits(options.limits);
  const clock = options.clock ?? (() => performance.now());
  const connections = new Connections(limits, clock);
  const adapter: AdapterOptions = { exchange: new Exchange(handler, logger), connections, limits, clock, logger };
  const http1 = new Http1Adapter(adapter);
  const h2 = http2 ? new Http2Adapter(adapter) : undefined;

  const isRaw = rawHandlerOf(handler) !== undefined;
  const acceptHttp1 = (connection: TrackedConnection): void => {
    if (isRaw) new FastHttp1Connection(connection, adapter, () => http1.accept(connection));
    else http1.accept(connection);
  };

  const accept = (socket: Socket): TrackedConnection | undefined => {
    socket.on("error", (error) => logger.debug({ err: error }, "a connection failed"));
    return connections.add(socket);
  };
  const listener =
    tls === undefined
      ? createTcpServer({ noDelay: true }, (socket) => {
          const connection = accept(socket);
          if (connection === undefined) return;
          if (h2 === undefined) acceptHttp1(connection);
          else {
            onFirstBytes(connection, (bytes) => {
              if (isHttp2Preface(bytes)) h2.accept(connection);
              else {
                acceptHttp1(connection);
                socket.resume();
              }
            });
          }
        })
      : createTlsListener(tls, h2 !== undefined, limits, accept, (connection, protocol) => {
          if (protocol === "h2" && h2 !== undefined) h2.accept(connection);
          else acceptHttp1(connection);
        });
  listener.on("tlsClientError", (error) => logger.debug({ err: error }, "a TLS handshake failed"));

  try {
    await listen(listener, { port, host, backlog, reusePort });
  } catch (error) {
    await connections.drain(0);
    throw error;
  }
  listener.on("error", (error) => logger.error({ err: error }, "the listener failed"));
  const address = listener.address() as AddressInfo;

  let closing: Promise<void> | undefined;
  // With TLS, a socket is no connection yet while it shakes hands.
  const sockets = new Set<Socket>();
  listener.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  const drain = async (): Promise<void> => {
    const closed = once(listener, "close");
    listener.close();
    await connections.drain(closeDeadline);
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  const close = (): Promise<void> => {
    closing ??= drain();
    return closing;
  };
  return {
    url: `${tls === undefined ? "http" : "https"}://${urlHost(host)}:${address.port}`,
    port: address.port,
    get connections() {
      return connections.size;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function createTlsListener(
  tls: ServerTls,
  http2: boolean,
  limits: ServerLimits,
  accept: (socket: Socket) => TrackedConnection | undefined,
  onSecure: (connection: TrackedConnection, protocol: string | false | null) => void,
): TcpServer {
  const server = createTlsServer({
    key: tls.key,
    cert: tls.cert,
    minVersion: tls.minVersion ?? "TLSv1.3",
    ALPNProtocols: http2 ? ["h2", "http/1.1"] : ["http/1.1"],
    handshakeTimeout: limits.headersTimeout,
    noDelay: true,
  });
  server.maxConnections = limits.maxConnections;
  server.on("secureConnection", (socket: TLSSocket) => {
    const connection = accept(socket);
    if (connection !== undefined) onSecure(connection, socket.alpnProtocol);
  });
  return server;
}

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** Any beginning of the preface counts: no HTTP/1.1 method begins with `PRI `. */
function isHttp2Preface(bytes: Buffer): boolean {
  return bytes.length >= 4 && bytes.subarray(0, PREFACE.length).equals(PREFACE.subarray(0, bytes.length));
}

/** Looks at what a client says first, and gives it back to the socket, which stays paused: HTTP/2 reads its handle, not its stream. */
function onFirstBytes({ socket }: TrackedConnection, then: (bytes: Buffer) => void): void {
  socket.once("data", (bytes: Buffer) => {
    socket.pause();
    socket.unshift(bytes);
    then(bytes);
  });
}

async function listen(
  server: TcpServer,
  options: { port: number; host: string | undefined; backlog: number; reusePort: boolean },
): Promise<void> {
  try {
    server.listen(options);
    await once(server, "listening");
  } catch (error) {
    const { port, host = "any address" } = options;
    if (error instanceof Error && "code" in error && error.code === "EADDRINUSE") {
      const message = `port ${port} on ${host} is taken: choose another, or end the program that listens there`;
      throw new CdnError("PORT_TAKEN", message, { cause: error });
    }
    throw new CdnError("LISTEN_FAILED", `cannot listen on port ${port} of ${host}`, { cause: error });
  }
}

/** A host to reach the server under, from this machine. */
function urlHost(host: string | undefined): string {
  if (host === undefined || host === "0.0.0.0" || host === "::") return "localhost";
  return host.includes(":") ? `[${host}]` : host;
}
