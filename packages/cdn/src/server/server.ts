/** The one Node server adapter: puts a fetch handler on HTTP/1.1, HTTP/2 and TLS 1.3. */

import { once } from "node:events";
import { unlink } from "node:fs/promises";
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Socket,
  type Server as TcpServer,
} from "node:net";
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from "node:tls";
import { CdnError } from "../errors.ts";
import { rawHandlerOf } from "../handler/raw.ts";
import { type Logger, silentLogger } from "../logger.ts";
import { checkOptions } from "../options/check-options.ts";
import { Connections, type TrackedConnection } from "./connections.ts";
import { Exchange } from "./exchange.ts";
import { type AdapterOptions, Http1Adapter } from "./http1.ts";
import { FastHttp1Connection } from "./http1-fast.ts";
import { Http2Adapter } from "./http2.ts";
import { checkLimits, resolveLimits, type ServerLimits } from "./limits.ts";
import { listenError } from "./listen-error.ts";
import { PlainHeadReader } from "./plain-head.ts";
import { BodyCopies } from "./sendfile/body-copies.ts";
import { loadSendfile, type Sendfile } from "./sendfile/sendfile.ts";
import { SERVER_RULES, type ServerOptions, type ServerTls } from "./server-options.ts";

const DEFAULT_SENDFILE_BYTES = 64 * 1024 * 1024;

/** What a server counts. Bytes of bodies are in the statistics of its handler. */
export interface ServerStats {
  /** Open now. */
  readonly connections: number;
  /** Connections taken so far. */
  readonly accepted: number;
  /** Connections closed at once: too many, or not let in by the gate. */
  readonly refused: number;
  /** Requests handed to the handler. */
  readonly requests: number;
  /** Bytes of bodies that were sent by sendfile(2), see `sendfileBytes`. */
  readonly sendfileBytes: number;
}

/** A listening server. */
export interface Server extends AsyncDisposable {
  /** `http://127.0.0.1:8080`, without a slash at the end; `unix:` and the path for a socket in the file system. */
  readonly url: string;
  /** 0 for a socket in the file system. */
  readonly port: number;
  /** Open connections. */
  readonly connections: number;
  /** Live: read it whenever you want to know. */
  readonly stats: ServerStats;
  /**
   * Takes a new certificate for connections from now on; those that are open keep theirs. Without a `minVersion` that stays as it is.
   *
   * @throws {CdnError} `INVALID_OPTION` when the server speaks no TLS, or key and certificate do not go together. The old ones stay then.
   */
  updateTls(tls: ServerTls): void;
  /**
   * Changes limits while it serves. What a connection was told already stays: `maxStreams` of open HTTP/2 sessions, the TLS handshake's time.
   *
   * @throws {CdnError} `INVALID_OPTION` for one that is not a positive number. Then none is changed.
   */
  updateLimits(limits: Partial<ServerLimits>): void;
  /**
   * Stops listening, lets answers in flight end, ends resting connections; what is left after the deadline is cut. Idempotent.
   *
   * @param deadline - milliseconds, instead of `closeDeadline`.
   */
  close(deadline?: number): Promise<void>;
}

/**
 * Listens, and resolves once it does.
 *
 * @throws {CdnError} `PORT_TAKEN` (names the port), `LISTEN_FAILED`, `INVALID_OPTION`.
 */
export async function createServer(options: ServerOptions): Promise<Server> {
  checkOptions("createServer", options, SERVER_RULES);
  const { handler, tls, http2 = true, host, path, closeDeadline = 10_000, backlog = 1024, reusePort = false } = options;
  const { sendfileBytes = DEFAULT_SENDFILE_BYTES } = options;
  const logger = options.logger ?? silentLogger;
  const port = options.port ?? (tls === undefined ? 8080 : 8443);
  const limits = resolveLimits(options.limits);
  const clock = options.clock ?? (() => performance.now());
  const connections = new Connections(limits, clock, options.gate);
  const exchange = new Exchange(handler, logger);
  const heads = new PlainHeadReader(tls === undefined ? "http" : "https", limits);
  const sendfile = tls === undefined && sendfileBytes > 0 ? await findSendfile(logger) : undefined;
  const copies = sendfile && new BodyCopies(sendfile, sendfileBytes);
  const adapter: AdapterOptions = { exchange, connections, limits, clock, logger, heads, copies };
  const http1 = new Http1Adapter(adapter);
  const h2 = http2 ? new Http2Adapter(adapter) : undefined;

  const isRaw = rawHandlerOf(handler) !== undefined;
  const toNodeHttp = (connection: TrackedConnection): void => http1.accept(connection);
  /** @param first - what the client said already, which its flowing socket no longer has. */
  const acceptHttp1 = (connection: TrackedConnection, first?: Buffer): void => {
    if (isRaw) {
      new FastHttp1Connection(connection, adapter, first, toNodeHttp);
      return;
    }
    if (first !== undefined) giveBack(connection.socket, first);
    http1.accept(connection);
    if (first !== undefined) connection.socket.resume();
  };

  // One for all: a hundred thousand connections each have the same.
  const onError = (error: Error): void => logger.debug({ err: error }, "a connection failed");
  const accept = (socket: Socket): TrackedConnection | undefined => {
    socket.on("error", onError);
    return connections.add(socket);
  };
  const listener =
    tls === undefined
      ? createTcpServer({ noDelay: true }, (socket) => {
          if (!connections.admit(socket)) return;
          const connection = accept(socket);
          if (connection === undefined) return;
          if (h2 === undefined) acceptHttp1(connection);
          else {
            socket.once("data", (bytes: Buffer) => {
              if (!isHttp2Preface(bytes)) {
                acceptHttp1(connection, bytes);
                return;
              }
              // HTTP/2 reads its handle, not its stream.
              giveBack(socket, bytes);
              h2.accept(connection);
            });
          }
        })
      : createTlsListener(tls, h2 !== undefined, limits, accept, (connection, protocol) => {
          if (protocol === "h2" && h2 !== undefined) h2.accept(connection);
          else acceptHttp1(connection);
        });
  listener.on("tlsClientError", (error) => logger.debug({ err: error }, "a TLS handshake failed"));

  try {
    await (path === undefined
      ? listen(listener, { port, host, backlog, reusePort })
      : listenOnPath(listener, path, backlog));
  } catch (error) {
    await connections.drain(0);
    copies?.close();
    throw error;
  }
  listener.on("error", (error) => logger.error({ err: error }, "the listener failed"));
  const address = path === undefined ? (listener.address() as AddressInfo) : undefined;

  let closing: Promise<void> | undefined;
  // With TLS, a socket is no connection yet while it shakes hands.
  const sockets = new Set<Socket>();
  if (tls !== undefined) {
    listener.on("connection", (socket: Socket) => {
      if (!connections.admit(socket)) return;
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
    });
  }
  const drain = async (deadline: number): Promise<void> => {
    const closed = once(listener, "close");
    listener.close();
    const cut = await connections.drain(deadline);
    if (cut > 0)
      logger.warn({ connections: cut, deadline }, "connections that were still busy at the end were cut off");
    for (const socket of sockets) socket.destroy();
    await closed;
    copies?.close();
  };
  const close = (deadline = closeDeadline): Promise<void> => {
    closing ??= drain(deadline);
    return closing;
  };
  let minVersion = tls?.minVersion ?? "TLSv1.3";
  return {
    url:
      address === undefined
        ? `unix:${path}`
        : `${tls === undefined ? "http" : "https"}://${urlHost(host)}:${address.port}`,
    port: address?.port ?? 0,
    get connections() {
      return connections.size;
    },
    stats: {
      get connections() {
        return connections.size;
      },
      get accepted() {
        return connections.accepted;
      },
      get refused() {
        return connections.refused;
      },
      get requests() {
        return exchange.requests;
      },
      get sendfileBytes() {
        return copies?.sent ?? 0;
      },
    },
    updateTls({ key, cert, ...rest }) {
      if (tls === undefined) throw new CdnError("INVALID_OPTION", "this server speaks no TLS: make one with `tls`");
      try {
        const next = rest.minVersion ?? minVersion;
        (listener as TlsServer).setSecureContext({ key, cert, minVersion: next });
        minVersion = next;
      } catch (error) {
        throw new CdnError("INVALID_OPTION", "key and certificate are not PEM, or not of each other", { cause: error });
      }
    },
    updateLimits(changed) {
      Object.assign(limits, checkLimits(changed));
      if (tls !== undefined) listener.maxConnections = limits.maxConnections;
      heads.forget();
      http1.refreshLimits();
      h2?.refreshLimits();
    },
    close,
    [Symbol.asyncDispose]: () => close(),
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

/** Gives bytes back to a socket, which is paused then. */
function giveBack(socket: Socket, bytes: Buffer): void {
  socket.pause();
  socket.unshift(bytes);
}

async function listen(
  server: TcpServer,
  options: { port: number; host: string | undefined; backlog: number; reusePort: boolean },
): Promise<void> {
  try {
    server.listen(options);
    await once(server, "listening");
  } catch (error) {
    throw listenError(error, options.port, options.host);
  }
}

async function listenOnPath(server: TcpServer, path: string, backlog: number): Promise<void> {
  const attempt = async (): Promise<void> => {
    server.listen({ path, backlog });
    await once(server, "listening");
  };
  try {
    await attempt().catch(async (error: unknown) => {
      if (!(isTaken(error) && (await isLeftBehind(path)))) throw error;
      await unlink(path);
      await attempt();
    });
  } catch (error) {
    if (isTaken(error)) {
      const message = `${path} is taken: choose another path, or end the program that listens there`;
      throw new CdnError("PORT_TAKEN", message, { cause: error });
    }
    throw new CdnError("LISTEN_FAILED", `cannot listen on ${path}`, { cause: error });
  }
}

/** Whether nobody listens on a socket in the file system: its process was killed. */
async function isLeftBehind(path: string): Promise<boolean> {
  const socket = connect({ path });
  try {
    await once(socket, "connect");
    return false;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ECONNREFUSED";
  } finally {
    socket.destroy();
  }
}

function isTaken(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EADDRINUSE";
}

/** A host to reach the server under, from this machine. */
function urlHost(host: string | undefined): string {
  if (host === undefined || host === "0.0.0.0" || host === "::") return "localhost";
  return host.includes(":") ? `[${host}]` : host;
}

async function findSendfile(logger: Logger): Promise<Sendfile | undefined> {
  try {
    return await loadSendfile();
  } catch (error) {
    logger.warn({ err: error }, "koffi is installed and cannot be used: large bodies are written as without it");
    return undefined;
  }
}
